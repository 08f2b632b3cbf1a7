"""Whom a TLS connection trusts: the system's authorities, or those of a file, as it is now."""

import asyncio
import ssl
from pathlib import Path

from exporter.files import read_file
from exporter.model import Unreadable
from exporter.transport.chain import OnChain, listen

MAX_CA_FILE = 1 << 20

_Stamp = tuple[int, int, int]


class Trust:
    """Makes TLS contexts, and makes them anew when their file has changed; `on_chain` is told of every chain shown."""

    def __init__(self, on_chain: OnChain) -> None:
        self._on_chain = on_chain
        self._system = ssl.create_default_context()
        listen(self._system, on_chain)
        self._of_files: dict[Path, tuple[_Stamp, ssl.SSLContext]] = {}

    async def context(self, ca_file: Path | None) -> ssl.SSLContext | Unreadable:
        """The context for a target's ca_file, or why it is of no use."""
        if ca_file is None:
            return self._system
        stamp = _stamp(ca_file)
        if ca_file in self._of_files and self._of_files[ca_file][0] == stamp:
            return self._of_files[ca_file][1]
        made = await asyncio.to_thread(load_authorities, ca_file)
        if isinstance(made, ssl.SSLContext):
            listen(made, self._on_chain)
            if stamp is not None:
                self._of_files[ca_file] = (stamp, made)
        return made


def load_authorities(ca_file: Path) -> ssl.SSLContext | Unreadable:
    """A context that trusts the PEM certificates of a file and nobody else."""
    content = read_file(ca_file, MAX_CA_FILE)
    if isinstance(content, Unreadable):
        return content
    try:
        text = content.decode("ascii")
        # Without a certificate Python would trust the system's authorities instead.
        if "CERTIFICATE" in text:
            return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        pass
    return Unreadable(f"{ca_file} holds no certificate in PEM")


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
