"""What aiohttp's protocol leaves open: what is no HTTP at all, where a head ends, and who is told of broken framing.

aiohttp throws away a head that arrives with a broken body behind it, answers only in what it says of the two whether it
was the one or the other, and takes interim answers without end.
"""

import fcntl
import re
import struct
import termios
from asyncio import AbstractEventLoop, BaseTransport, Transport
from typing import cast

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from exporter.catalogue import Reason, Stage
from exporter.model import Fault
from exporter.transport.faults import ExchangeError
from exporter.transport.progress import Progress

MAX_HEAD = 64 * 1024
"""Bytes of a head; a longer one is a fault."""

MAX_INTERIM = 16
"""Answers such as 103 (Early Hints) before the real one; RFC 9110 section 15.2 sets no limit."""

_BEGINNING = b"HTTP/"
_END_OF_HEAD = re.compile(rb"\n\r?\n")
# RFC 9110 section 5.5. Both parsers let most of these pass, not the same ones.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class AnswerProtocol(ResponseHandler):
    """Hands aiohttp's parser one whole head at a time, and what follows the last one as it comes."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__(loop)
        self._progress: Progress | None = None
        self._unread = b""
        self._interim = 0
        self._has_head = False

    def begin(self, progress: Progress) -> None:
        """A request begins, on a connection that may have carried others before it."""
        self._progress = progress
        self._unread = b""
        self._interim = 0
        self._has_head = False
        self.set_response_params(read_until_eof=True, auto_decompress=False)

    def connection_made(self, transport: BaseTransport) -> None:
        """Replaces aiohttp's, which sets TCP_NODELAY again: the loops do, and over TLS a request is one write."""
        self.transport = cast("Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Extension point of asyncio."""
        if self._parser is None or self._has_head:
            super().data_received(data)
        elif self.exception() is None:
            self._unread += data
            self._read_head()

    def _read_head(self) -> None:
        end = _END_OF_HEAD.search(self._unread)
        head = self._unread[: end.end()] if end else self._unread
        if not _BEGINNING.startswith(head.lstrip(b"\r\n")[: len(_BEGINNING)]):
            self._refuse(Reason.NOT_HTTP)
        elif len(head) > MAX_HEAD or _CONTROL.search(head):
            self._refuse(Reason.INVALID)
        elif end:
            rest, self._unread = self._unread[end.end() :], b""
            super().data_received(head)
            if rest:
                self.data_received(rest)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Extension point of aiohttp: takes a head as it was read."""
        message, _ = data
        self._has_head = message.code == 101 or not 100 <= message.code < 200  # noqa: PLR2004 - interim answers
        self._interim += not self._has_head
        if self._interim > MAX_INTERIM or _has_two_lengths(message):
            self._refuse(Reason.INVALID)
        else:
            super().feed_data(data, size)

    def _refuse(self, reason: Reason) -> None:
        if self.transport is not None:
            self.transport.close()
        self.set_exception(ExchangeError(Fault(Stage.HEADERS, reason)))

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Extension point of aiohttp: ends the answer, also for whoever reads its body or comes later."""
        if isinstance(exc_cause, Exception):
            exc.__cause__ = exc_cause
        super().set_exception(exc)
        if isinstance(exc, HttpProcessingError) and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(exc)

    def close(self) -> None:
        """Extension point of aiohttp: whether the request ever arrived can be seen up to here."""
        if self._progress is not None and self._progress.stage is Stage.HEADERS:
            self._progress.is_acknowledged = _is_acknowledged(self.transport)
        super().close()


def _has_two_lengths(message: RawResponseMessage) -> bool:
    """Whether it can be read in two ways where the body ends (RFC 9112 section 6.3)."""
    lengths = len(message.headers.getall("Content-Length", ()))
    return lengths > 1 or (lengths == 1 and "Transfer-Encoding" in message.headers)


def _is_acknowledged(transport: BaseTransport | None) -> bool:
    """Whether the other side's TCP has all that was sent, where the system tells (Linux: SIOCOUTQ of tcp(7))."""
    connection = transport.get_extra_info("socket") if transport else None
    try:
        waiting = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)) if connection else bytes(4)
    except OSError:
        return True
    return struct.unpack("i", waiting) == (0,)
