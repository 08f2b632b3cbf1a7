"""Reads secrets where they are kept, at each use: a rotated one needs no restart."""

import os

from exporter.files import read_file
from exporter.model import EnvironmentSecret, InlineSecret, Secret, SecretSource, Unreadable


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
