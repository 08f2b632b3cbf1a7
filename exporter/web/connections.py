"""Connections of the web side: how many there are, and how long each may take over what it does.

aiohttp's server has no such limits. This is the one module that extends its protocol.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.exhaustion import out_of_memory
from exporter.web.guard import SECURITY_HEADERS
from exporter.web.protection import Protection
from exporter.web.tls import names_of

log = logging.getLogger(__name__)

_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_FAREWELL = 1.0
"""Seconds that a TLS connection may take to say goodbye."""

_PAUSE = 1.0
"""Seconds after which a connection is tried again for which nothing was left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many connections; seconds for a request to arrive, for the next to begin, for an answer to leave."""

    connections: int = 256
    request: float = 10.0
    idle: float = 75.0
    answer: float = 30.0


USUAL = Limits()


class Phase(Enum):
    """What a connection does: a request arrives, it is answered, nothing."""

    ARRIVING = auto()
    ANSWERED = auto()
    IDLE = auto()


class Connection(web.RequestHandler):
    """One connection, with deadlines. `left` is told once it is closed; `allowed` are names of a client's certificate.

    A request's body has as long to arrive as its head: no path reads one, and what comes is thrown away.
    """

    def __init__(
        self, server: web.Server, limits: Limits, allowed: frozenset[str], left: Callable[["Connection"], None]
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=limits.idle,
            lingering_time=limits.request,
            # Nothing that a client compresses is ever unpacked.
            auto_decompress=False,
        )
        self._limits = limits
        self._allowed = allowed
        self._left = left
        self._arriving: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self.opening: asyncio.Task[None] | None = None
        self.phase = Phase.IDLE
        self.since = 0.0
        self._enter(Phase.ARRIVING)

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since = phase, self._loop.time()
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None
        if phase is Phase.ARRIVING:
            self._arriving = self._loop.call_later(self._limits.request, self.drop)

    def drop(self) -> None:
        """Ends the connection at once, whatever is still to be written."""
        if self.transport is not None:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def begin(self) -> None:
        """A request has arrived."""
        self._enter(Phase.ANSWERED)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Extends aiohttp's: only who may talk is listened to."""
        super().connection_made(transport)
        if self.transport is None:
            return
        # The writer then is told of every byte that waits, and the answer's deadline covers the last of them.
        self.transport.set_write_buffer_limits(high=0)
        certificate = self.transport.get_extra_info("peercert") or {}
        if self._allowed and not self._allowed & names_of(certificate):
            self.drop()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Extends aiohttp's: no deadline outlives its connection."""
        super().connection_lost(exc)
        self._enter(Phase.IDLE)
        self._stop_leaving()
        self._left(self)

    def data_received(self, data: bytes) -> None:
        """Extends aiohttp's: with its first byte a request begins to arrive."""
        if self.phase is Phase.IDLE:
            self._enter(Phase.ARRIVING)
        super().data_received(data)

    def pause_writing(self) -> None:
        """Extends aiohttp's: the client does not read as fast as it is answered."""
        super().pause_writing()
        if self._leaving is None:
            self._leaving = self._loop.call_later(self._limits.answer, self.drop)

    def resume_writing(self) -> None:
        """Extends aiohttp's: everything so far is on its way."""
        super().resume_writing()
        self._leave()

    def _leave(self) -> None:
        """Lets the deadline go that all pieces of an answer share, if the last one is on its way."""
        if self.phase is not Phase.ANSWERED and not self.writing_paused:
            self._stop_leaving()

    def _stop_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Extends aiohttp's: after an answer the connection is idle."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._enter(Phase.IDLE)
            self._leave()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Replaces aiohttp's answer, which repeats what the client sent, by one with our headers."""
        if isinstance(exc, MemoryError):
            out_of_memory(exc)
        super().handle_error(request, status, exc, message)
        answer = web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers=SECURITY_HEADERS)
        answer.force_close()
        return answer


@web.middleware
async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tells the connection that its request has arrived."""
    if isinstance(request.protocol, Connection):
        request.protocol.begin()
    return await handler(request)


class Connections:
    """Takes connections from a listening socket. Where there are too many, the one longest without a request goes."""

    def __init__(self, server: web.Server, limits: Limits, protection: Protection) -> None:
        self._server = server
        self._limits = limits
        self._protection = protection
        self._open: set[Connection] = set()
        self._left = asyncio.Event()

    async def accept(self, listening: socket.socket) -> None:
        """Takes connections until it is cancelled."""
        while True:
            try:
                accepted = await _next_of(listening)
            except OSError as error:
                # Others, such as a client that is gone already, are of one connection; but the loop must turn.
                pause = 0.0
                if error.errno in _SCARCE:
                    log.warning("a connection cannot be accepted", extra={"error": error.strerror})
                    self._drop_longest_waiting()
                    pause = _PAUSE
                await asyncio.sleep(pause)
            else:
                await self._place(accepted)
                self._take(accepted)

    async def close(self) -> None:
        """Ends every connection at once."""
        opening = [connection.opening for connection in self._open if connection.opening]
        for connection in self._open:
            connection.drop()
        await asyncio.gather(*opening, return_exceptions=True)

    async def _place(self, accepted: socket.socket) -> None:
        """Waits until there is a place for one more."""
        try:
            while len(self._open) >= self._limits.connections:
                self._drop_longest_waiting()
                self._left.clear()
                await self._left.wait()
        except asyncio.CancelledError:
            accepted.close()
            raise

    def _drop_longest_waiting(self) -> None:
        waiting = [connection for connection in self._open if connection.phase is not Phase.ANSWERED]
        if waiting:
            min(waiting, key=lambda connection: connection.since).drop()

    def _take(self, accepted: socket.socket) -> None:
        self._protection.refresh()
        connection = Connection(self._server, self._limits, self._protection.allowed_names, self._forget)
        self._open.add(connection)

        def opened(_task: asyncio.Task[None]) -> None:
            if connection.transport is None:
                accepted.close()
                self._forget(connection)

        connection.opening = asyncio.create_task(self._open_up(accepted, connection))
        connection.opening.add_done_callback(opened)

    async def _open_up(self, accepted: socket.socket, connection: Connection) -> None:
        """Shakes hands, if TLS is spoken; the request's deadline runs already."""
        context = self._protection.context
        timeouts = {"ssl_handshake_timeout": self._limits.request, "ssl_shutdown_timeout": _FAREWELL} if context else {}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=context, **timeouts
            )
        except OSError:
            log.debug("a connection ends before its first request", exc_info=True)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._left.set()


async def _next_of(listening: socket.socket) -> socket.socket:
    """The next connection. Those that wait already cost no turn of the event loop: a busy one makes few turns."""
    try:
        accepted, _ = listening.accept()
    except BlockingIOError:
        accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
    accepted.setblocking(False)
    return accepted
