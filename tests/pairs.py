"""Certificates with their private keys, made up for tests, as people keep them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from exporter.certificates import parse_certificate
from exporter.model import Certificate

PASSWORD = "correct horse battery"
EXPIRES = datetime(2031, 5, 4, tzinfo=UTC)

AUTHORITY = trustme.CA()
"""Vouches for every client of the tests."""


@dataclass(frozen=True)
class Pair:
    """A certificate, what is between it and its authority, and its key, in PEM."""

    key: bytes
    chain: bytes

    @property
    def certificates(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.chain)

    @property
    def certificate(self) -> Certificate:
        """As the exporter reads it."""
        parsed = parse_certificate(self.chain, self.key, None, "made up")
        assert isinstance(parsed, Certificate), parsed
        return parsed

    def locked_key(self, password: str = PASSWORD) -> bytes:
        """The key in PEM that a password opens."""
        lock = BestAvailableEncryption(password.encode())
        return load_pem_private_key(self.key, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def pkcs12(self, password: str = PASSWORD) -> bytes:
        """All of it in one PKCS#12."""
        lock: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        own, *others = self.certificates
        key = load_pem_private_key(self.key, None)
        return pkcs12.serialize_key_and_certificates(b"prober", key, own, others, lock)  # type: ignore[arg-type]

    def write(self, folder: Path, certificate: str = "tls.crt", key: str = "tls.key") -> None:
        """Puts certificate and key into a file each."""
        (folder / certificate).write_bytes(self.chain)
        (folder / key).write_bytes(self.key)


def make_pair(
    key_type: trustme.KeyType = trustme.KeyType.ECDSA, begins: datetime | None = None, expires: datetime = EXPIRES
) -> Pair:
    """A fresh pair, its certificate issued by an authority between it and AUTHORITY."""
    issued = AUTHORITY.create_child_ca().issue_cert(
        "prober.example", key_type=key_type, not_before=begins, not_after=expires
    )
    return Pair(issued.private_key_pem.bytes(), b"".join(pem.bytes() for pem in issued.cert_chain_pems))


@cache
def rsa_pair() -> Pair:
    """A pair with an RSA key; such keys take long to make."""
    return make_pair(trustme.KeyType.RSA)
