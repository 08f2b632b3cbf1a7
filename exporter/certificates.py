"""A client's certificate and private key, out of PEM (RFC 7468) or PKCS#12 (RFC 7292)."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
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
    read = _read_pem if _PEM in certificate else _read_pkcs12
    try:
        key, chain = read(certificate, private_key, opened_by)
        if not chain or not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
            return Unreadable(f"{where}: holds no certificate with an RSA or elliptic curve key")
        if key.public_key() != chain[0].public_key():
            return Unreadable(f"{where}: the private key belongs to another certificate")
        return Certificate(
            chain=tuple(each.public_bytes(Encoding.DER) for each in chain),
            private_key=key,
            begins=chain[0].not_valid_before_utc.timestamp(),
            expires=chain[0].not_valid_after_utc.timestamp(),
        )
    except TypeError:
        # What cryptography raises where a password is missing, or given and not needed.
        return Unreadable(f"{where}: the private key needs a password, or was given one that it does not need")
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return Unreadable(f"{where}: {_PROBLEMS[read is _read_pem, opened_by is not None]}")


def _read_pem(certificate: bytes, key: bytes | None, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    # Proving primes takes 0.1 to 0.9 s, during which Python does nothing else. It protects from keys of strangers; this
    # is our own, and it is compared with the certificate.
    private_key = load_pem_private_key(key or certificate, password, unsafe_skip_rsa_key_validation=True)
    return private_key, x509.load_pem_x509_certificates(certificate)


def _read_pkcs12(content: bytes, _key: bytes | None, password: bytes | None) -> tuple[object, list[x509.Certificate]]:
    key, own, others = pkcs12.load_key_and_certificates(content, password)
    return key, [each for each in (own, *others) if each is not None]


_PROBLEMS = {
    (True, False): "is no PEM of a certificate and its private key",
    (True, True): "is no PEM of a certificate and its private key, or the password is wrong",
    (False, False): "is no PEM, and no PKCS#12 that opens without a password",
    (False, True): "is no PEM, and no PKCS#12 that opens with this password",
}
"""By whether it is PEM, and whether a password is given."""
