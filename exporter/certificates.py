"""A client's certificate and private key, out of PEM (RFC 7468) or PKCS#12 (RFC 7292)."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from exporter.model import Certificate, Secret, Unreadable

_PEM = b"-----BEGIN"


def parse_certificate(
    certificate: bytes, private_key: bytes | None, password: Secret | None, where: str
) -> Certificate | Unreadable:
    """The certificate with the key that belongs to it, or why not; never with a word of what was read. Never raises.

    `private_key` is the key's own file, None where it stands in the same; `where` is named in the problem.
    """
    opened_by = password.reveal().encode() if password else None
    try:
        if _PEM in certificate:
            key: object = load_pem_private_key(private_key or certificate, opened_by)
            chain = x509.load_pem_x509_certificates(certificate)
        else:
            key, own, others = pkcs12.load_key_and_certificates(certificate, opened_by)
            chain = [each for each in (own, *others) if each is not None]
    except (ValueError, TypeError) as error:
        # TypeError is a password that is missing, or given and not needed.
        return Unreadable(f"{where}: {_problem(error)}")
    if not chain or not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        return Unreadable(f"{where}: holds no certificate with an RSA or elliptic curve key")
    if key.public_key() != chain[0].public_key():
        return Unreadable(f"{where}: the private key belongs to another certificate")
    return Certificate(
        chain=tuple(each.public_bytes(Encoding.DER) for each in chain),
        private_key=key,
        expires=chain[0].not_valid_after_utc.timestamp(),
    )


def _problem(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "the private key needs a password, or was given one that it does not need"
    return "is no PEM or PKCS#12 of a certificate and its private key, or the password is wrong"
