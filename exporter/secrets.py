"""Reads secrets and certificates where they are kept, at each use: a rotated one needs no restart."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from exporter.certificates import parse_certificate
from exporter.credentials.federated_assertion import FILE_VARIABLE
from exporter.files import read_file
from exporter.model import (
    AssertionSource,
    Certificate,
    CertificateSource,
    EnvironmentSecret,
    FileSecret,
    InlineSecret,
    Proof,
    ProofSource,
    Reading,
    Secret,
    SecretSource,
    Unreadable,
)

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_Contents = tuple[bytes, bytes | None, Secret | None]
"""What a certificate is made of: the content of its file and of its key's own, and the password."""


@dataclass(slots=True)
class Keyring:
    """Reads at each use, and keeps the last good value of each source for when it cannot be read any more.

    Files are small and local, so they are read where they are asked for; a certificate is parsed again only where the
    content of a file changed.
    """

    _good: dict[ProofSource, Proof] = field(default_factory=dict, repr=False)
    _parsed: dict[CertificateSource, tuple[_Contents, Certificate | Unreadable]] = field(
        default_factory=dict, repr=False
    )

    def read(self, source: ProofSource) -> Reading | Unreadable:
        """What proves who somebody is, as it is now or was last, or why it was never readable. Never raises."""
        found = self._read(source)
        if not isinstance(found, Unreadable):
            self._good[source] = found
            return Reading(found)
        last = self._good.get(source)
        return found if last is None else Reading(last, stale=found.problem)

    def retain(self, sources: Collection[ProofSource]) -> None:
        """Lets go of what was read of any other source than these."""
        self._good = {source: proof for source, proof in self._good.items() if source in sources}
        self._parsed = {source: parsed for source, parsed in self._parsed.items() if source in sources}

    def _read(self, source: ProofSource) -> Proof | Unreadable:
        match source:
            case CertificateSource():
                return self._read_certificate(source)
            case AssertionSource():
                return read_assertion(source)
            case _:
                return read_secret(source)

    def _read_certificate(self, source: CertificateSource) -> Certificate | Unreadable:
        """The certificate and the private key that belongs to it: both are of one rotation, or neither is taken."""
        contents = _contents(source)
        if isinstance(contents, Unreadable):
            return contents
        if source not in self._parsed or self._parsed[source][0] != contents:
            self._parsed[source] = contents, parse_certificate(*contents, str(source.certificate))
        return self._parsed[source][1]


def _contents(source: CertificateSource) -> _Contents | Unreadable:
    password = read_secret(source.password) if source.password else None
    if isinstance(password, Unreadable):
        return password
    certificate = read_file(source.certificate)
    if isinstance(certificate, Unreadable):
        return certificate
    private_key = read_file(source.private_key) if source.private_key else None
    return private_key if isinstance(private_key, Unreadable) else (certificate, private_key, password)


def read_assertion(source: AssertionSource) -> Secret | Unreadable:
    """The assertion as it is now, if it is a whole JWT, or why it cannot be used. Never raises."""
    path = source.path or os.environ.get(FILE_VARIABLE)
    if not path:
        return Unreadable(f"environment variable {FILE_VARIABLE} is not set")
    found = read_secret(FileSecret(Path(path)))
    if isinstance(found, Secret) and claims_of(found) is None:
        return Unreadable(f"{path} holds no JWT")
    return found


def claims_of(assertion: Secret) -> dict[str, object] | None:
    """What an assertion says, unchecked; None where it is no JWT."""
    try:
        claims: dict[str, object] = jwt.decode(assertion.reveal(), options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return claims


def read_secret(source: SecretSource) -> Secret | Unreadable:
    """The secret as it is now, without white space around it, or why it cannot be read. Never raises."""
    match source:
        case InlineSecret(secret):
            return _secret(secret.reveal().encode("utf-8", "surrogatepass"), "the config")
        case EnvironmentSecret(variable):
            if variable not in os.environ:
                return Unreadable(f"environment variable {variable} is not set")
            return _secret(os.fsencode(os.environ[variable]), f"environment variable {variable}")
        case _:
            content = read_file(source.path)
            return content if isinstance(content, Unreadable) else _secret(content, str(source.path))


def _secret(content: bytes, where: str) -> Secret | Unreadable:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        return Unreadable(f"{where} is not UTF-8 text")
    # None has one (RFC 6749 appendix A), and in a header it would begin another line.
    if _CONTROL.search(text):
        return Unreadable(f"{where} holds a line break or another control character")
    return Secret(text) if text else Unreadable(f"{where} is empty")
