"""Whom a TLS connection trusts, and who it says that we are; files as they are now."""

import asyncio
import os
import ssl
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.catalogue import Reason, Stage
from exporter.files import read_file
from exporter.model import Certificate, Fault, Unreadable
from exporter.transport.chain import OnChain, listen

MAX_CA_FILE = 1 << 20

_Stamp = tuple[int, int, int] | None
_Stamps = tuple[_Stamp, ...]
_Kept = dict[Path | None, tuple[_Stamps, ssl.SSLContext]]


class Trust:
    """Makes TLS contexts, and makes them anew when their file has changed; `on_chain` is told of every chain shown.

    A client's certificate is known by its content: one that was renewed is shown from the next connection on, and the
    contexts of the one before go with it.
    """

    def __init__(self, on_chain: OnChain) -> None:
        self._on_chain = on_chain
        self._system = _places_of_the_system()
        self._showing_none: _Kept = {}
        self._showing: WeakKeyDictionary[Certificate, _Kept] = WeakKeyDictionary()
        # The system's take long to read, and here no attempt waits for them.
        stamps, made = self._stamps(None), load_authorities(None)
        if isinstance(made, ssl.SSLContext):
            self._keep(self._showing_none, None, stamps, made)

    async def context(self, ca_file: Path | None, certificate: Certificate | None = None) -> ssl.SSLContext | Fault:
        """The context that trusts a target's ca_file and shows a client's certificate, or why there is none."""
        kept = self._showing_none if certificate is None else self._showing.setdefault(certificate, {})
        stamps = self._stamps(ca_file)
        if ca_file in kept and kept[ca_file][0] == stamps:
            return kept[ca_file][1]
        made = await asyncio.to_thread(load_authorities, ca_file)
        if isinstance(made, Unreadable):
            return Fault(Stage.LOCAL, Reason.CA_UNUSABLE)
        if certificate is not None and not _show(made, certificate):
            return Fault(Stage.LOCAL, Reason.SECRET_UNREADABLE)
        return self._keep(kept, ca_file, stamps, made)

    def _stamps(self, ca_file: Path | None) -> _Stamps:
        return tuple(map(_stamp, self._system if ca_file is None else (ca_file,)))

    def _keep(self, kept: _Kept, ca_file: Path | None, stamps: _Stamps, made: ssl.SSLContext) -> ssl.SSLContext:
        """Keeps a context while its files are as they were; the system's, too, where these cannot be seen."""
        listen(made, self._on_chain)
        if ca_file is None or any(stamps):
            kept[ca_file] = (stamps, made)
        return made


def load_authorities(ca_file: Path | None) -> ssl.SSLContext | Unreadable:
    """A context that trusts the PEM certificates of a file and nobody else; None stands for the system's."""
    if ca_file is None:
        return _authorities_of_the_system()
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


def _authorities_of_the_system() -> ssl.SSLContext | Unreadable:
    """A context that trusts the system's authorities. OpenSSL would not mind if there were none, and trust nobody."""
    context = ssl.create_default_context()
    # Those of a folder are read when they are asked for, by names that are hashes.
    if context.cert_store_stats()["x509"] or any(any(place.glob("*.[0-9]")) for place in _places_of_the_system()):
        return context
    return Unreadable("the system has no authorities")


def _places_of_the_system() -> tuple[Path, ...]:
    """The file and the folders in which OpenSSL looks for the system's authorities."""
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env, paths.openssl_cafile)
    folders = os.environ.get(paths.openssl_capath_env, paths.openssl_capath)
    return (Path(file), *map(Path, folders.split(os.pathsep)))


def _show(context: ssl.SSLContext, certificate: Certificate) -> bool:
    """Has connections show a certificate; False where OpenSSL finds it too weak.

    Python takes it from a file only. This one is memory without a name, so that no key is left on a disk.
    """
    key = certificate.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = "".join(map(ssl.DER_cert_to_PEM_cert, certificate.chain))
    descriptor = os.memfd_create("client-certificate")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(key + chain.encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError:
        return False
    finally:
        os.close(descriptor)
    return True


def _stamp(path: Path) -> _Stamp:
    """What changes with a file's content; None where that cannot be told."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
