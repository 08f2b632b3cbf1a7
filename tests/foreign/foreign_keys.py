"""Keys and certificates made up for one run of the tests."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

_THUMBPRINTED = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


@dataclass(frozen=True, slots=True)
class Key:
    """A private key for one JWS algorithm with a certificate that it signed itself, also as PEM files."""

    algorithm: str
    private: RSAPrivateKey | EllipticCurvePrivateKey
    certificate: x509.Certificate
    key_file: Path
    certificate_file: Path

    @property
    def kid(self) -> str:
        """The key's own thumbprint (RFC 7638)."""
        public = self._jwk(private=False)
        required = {name: public[name] for name in _THUMBPRINTED[public["kty"]]}
        digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def jwk(self, *, private: bool = False) -> dict[str, Any]:
        """The key as RFC 7517 writes it, with its certificate."""
        chain = [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]
        named = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        return self._jwk(private=private) | named | ({} if private else {"x5c": chain})

    def _jwk(self, *, private: bool) -> dict[str, Any]:
        if isinstance(self.private, RSAPrivateKey):
            written = RSAAlgorithm.to_jwk(self.private if private else self.private.public_key(), as_dict=True)
        else:
            written = ECAlgorithm.to_jwk(self.private if private else self.private.public_key(), as_dict=True)
        return {name: value for name, value in written.items() if name != "key_ops"}


def make_key(folder: Path, name: str, algorithm: str) -> Key:
    """A fresh key, RSA with 2048 bits or P-256, and its files in the folder."""
    private = generate_ec_key(SECP256R1()) if algorithm == "ES256" else generate_rsa_key(65537, 2048)
    certificate = _self_signed(private, name)
    key_file, certificate_file = folder / f"{name}.key", folder / f"{name}.pem"
    key_file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Key(algorithm, private, certificate, key_file, certificate_file)


def _self_signed(private: RSAPrivateKey | EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(private, hashes.SHA256())
    )
