"""Reads secrets and certificates where they are kept, at each use: a rotated one needs no restart."""

import os

from exporter.certificates import parse_certificate
from exporter.files import read_file
from exporter.model import (
    Certificate,
    CertificateSource,
    EnvironmentSecret,
    InlineSecret,
    Proof,
    ProofSource,
    Reading,
    Secret,
    SecretSource,
    Unreadable,
)


def read(source: ProofSource) -> Reading | Unreadable:
    """What proves who somebody is, as it is now, or why it cannot be read. Never raises."""
    found: Proof | Unreadable
    found = read_certificate(source) if isinstance(source, CertificateSource) else read_secret(source)
    return found if isinstance(found, Unreadable) else Reading(found)


def read_certificate(source: CertificateSource) -> Certificate | Unreadable:
    """The certificate and the private key that belongs to it, or why they cannot be used. Never raises."""
    password = read_secret(source.password) if source.password else None
    if isinstance(password, Unreadable):
        return password
    contents = []
    for path in (source.certificate, source.private_key):
        content = read_file(path) if path else None
        if isinstance(content, Unreadable):
            return content
        contents.append(content)
    return parse_certificate(contents[0] or b"", contents[1], password, str(source.certificate))


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
    return Secret(text) if text else Unreadable(f"{where} is empty")
