"""The certificates that a server showed in a TLS handshake, read from the handshake's own message.

Python tells of the leaf only, and of nothing at all where the handshake fails because of a certificate, which is when
somebody wants to know. OpenSSL shows every handshake message to whoever listens.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

MAX_CERTIFICATES = 16

_CERTIFICATE = 11
"""The handshake message of type certificate (RFC 8446 section 4)."""

_TLS13 = 0x0304
_HEADER = 4

OnChain = Callable[[int, bytes], None]
"""Takes the protocol's version and the message that holds the chain."""


def listen(context: ssl.SSLContext, on_chain: OnChain) -> None:
    """Has a context's handshakes tell which chain the other side shows, in the context of whoever connects."""

    def on_message(_connection: object, direction: str, version: int, _kind: int, message: int, data: bytes) -> None:
        if message == _CERTIFICATE and direction == "read":
            on_chain(version, data)

    # The slot itself: ssl.SSLContext would wrap the call in conversions that cost more than all of this.
    ssl.SSLContext.__base__._msg_callback.__set__(context, on_message)  # type: ignore[union-attr]  # noqa: SLF001


@lru_cache(maxsize=1024)
def earliest_expiry(version: int, message: bytes) -> float | None:
    """When the first certificate of a chain ends, in Unix time; None where none can be read."""
    ends = []
    for certificate in _certificates(version, message):
        with suppress(ValueError, OverflowError, x509.InvalidVersion, CryptographyDeprecationWarning):
            ends.append(x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp())
    return min(ends, default=None)


def _certificates(version: int, message: bytes) -> Iterator[bytes]:
    """The certificates in a message (RFC 5246 section 7.4.2; RFC 8446 section 4.4.2 adds a context and extensions)."""
    rest = message[_HEADER:]
    if version == _TLS13:
        _, rest = _vector(rest, 1)
    listed, _ = _vector(rest, 3)
    for _ in range(MAX_CERTIFICATES):
        if not listed:
            return
        certificate, listed = _vector(listed, 3)
        if version == _TLS13:
            _, listed = _vector(listed, 2)
        yield certificate


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """A vector whose length stands in so many bytes before it, and what follows."""
    end = width + int.from_bytes(data[:width], "big")
    return data[width:end], data[end:]
