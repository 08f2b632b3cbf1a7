"""Reads secrets where they are kept, at each use: a rotated one needs no restart."""

import os
import stat

from exporter.model import EnvironmentSecret, InlineSecret, Secret, SecretSource

MAX_SIZE = 64 * 1024


def read_secret(source: SecretSource) -> Secret | None:
    """The secret as it is now, without white space around it; None where it cannot be read or is empty."""
    match source:
        case InlineSecret(secret):
            content = secret.reveal().encode("utf-8", "surrogatepass")
        case EnvironmentSecret(variable):
            content = os.fsencode(os.environ.get(variable, ""))
        case _:
            content = _read_file(os.fspath(source.path))
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        return None
    return Secret(text) if text else None


def _read_file(path: str) -> bytes:
    """The content of a regular file of bearable size, else nothing. Never blocks: a FIFO is opened and left."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return b""
            content = file.read(MAX_SIZE + 1)
        return content if len(content) <= MAX_SIZE else b""
    except (OSError, ValueError):  # the latter for a path with a NUL in it
        return b""
