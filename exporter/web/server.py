"""Routes, health, and the listening socket."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_bytes
from types import TracebackType
from typing import Self, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.model import Config
from exporter.web.connections import USUAL, Connections, Limits, begin
from exporter.web.discovery import handler as discovery_handler
from exporter.web.drill import BeginDrill
from exporter.web.drill import handler as drill_handler
from exporter.web.evidence import Records
from exporter.web.evidence import add_routes as add_evidence_routes
from exporter.web.guard import Rate, guard
from exporter.web.lifecycle import Reload
from exporter.web.lifecycle import handler as lifecycle_handler
from exporter.web.metrics import Render, Scrapes
from exporter.web.pages import ASSETS
from exporter.web.passwords import Passwords
from exporter.web.probe import ProbeNow
from exporter.web.probe import handler as probe_handler
from exporter.web.protection import Protection
from exporter.web.status import Standings
from exporter.web.status import add_routes as add_status_routes

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that a scrape under way may still take; aiohttp waits for twice as long."""

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Ports:
    """What the web side shows of the rest, which it does not know."""

    config: Callable[[], Config]
    render: Render
    probe_now: ProbeNow
    standings: Standings
    records: Records
    ready: Callable[[], bool]
    drill: BeginDrill | None = None
    reload: Reload | None = None


def make_app(ports: Ports, max_requests: int = 0, protection: Protection | None = None) -> web.Application:
    """The application with every path; at most so many scrapes and so many probes run at a time, 0 is no limit."""
    app = web.Application()
    guard(app, protection or Protection(), Passwords(token_bytes()), Rate(time.monotonic))

    async def config(_request: web.Request) -> web.Response:
        return web.Response(text=ports.config().shown, content_type="text/plain")

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text="Healthy\n")

    async def ready(_request: web.Request) -> web.Response:
        is_ready = ports.ready()
        return web.Response(text="Ready\n" if is_ready else "Not ready\n", status=200 if is_ready else 503)

    add_status_routes(app.router, ports.standings)
    for name, (text, content_type) in ASSETS.items():
        app.router.add_get(f"/{name}", _asset(text, content_type))
    app.router.add_get("/metrics", _limited(Scrapes(ports.render).handle, max_requests))
    app.router.add_get("/probe", _limited(probe_handler(ports.probe_now), max_requests))
    app.router.add_get("/config", config)
    add_evidence_routes(app.router, ports.records)
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", ready)
    app.router.add_get("/sd", discovery_handler(ports.config))
    app.router.add_post("/-/drill", drill_handler(ports.drill))
    app.router.add_post("/-/reload", lifecycle_handler(ports.reload))
    return app


def _asset(text: str, content_type: str) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=content_type)

    return handle


def _limited(handler: Handler, most: int) -> Handler:
    """The handler for so many requests at a time; each has its own count, and health has none.

    A request counts until its answer has left: those who do not read it hold memory.
    """
    under_way = 0

    async def limited(request: web.Request) -> web.StreamResponse:
        nonlocal under_way
        if most and under_way >= most:
            raise web.HTTPServiceUnavailable(text=f"{most} requests of this path are being served already\n")
        under_way += 1
        try:
            response = await handler(request)
            # Who has hung up meanwhile gets nothing, and nobody need hear of it.
            with suppress(ConnectionError):
                await response.prepare(request)
                await response.write_eof()
            return response
        finally:
            under_way -= 1

    return limited


class Listener:
    """Listens while the block runs, on one address and port; port 0 takes a free one. Raises OSError."""

    def __init__(
        self,
        app: web.Application,
        host: str | None,
        port: int,
        *,
        limits: Limits = USUAL,
        protection: Protection | None = None,
    ) -> None:
        app.middlewares.insert(0, begin)
        self._runner = web.AppRunner(
            app, handle_signals=False, handler_cancellation=True, shutdown_timeout=SHUTDOWN_TIMEOUT
        )
        self._address = (host, port)
        self._limits = limits
        self._protection = protection or Protection()
        self._connections: Connections
        self._listening: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            self._listening = await _listen(*self._address)
        except OSError:
            await self._runner.cleanup()
            raise
        self._connections = Connections(cast(web.Server, self._runner.server), self._limits, self._protection)
        self._accepting = [asyncio.create_task(self._connections.accept(each)) for each in self._listening]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for listening in self._listening:
            listening.close()
        await self._runner.cleanup()
        await self._connections.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listening[0].getsockname()[1])


async def _listen(host: str | None, port: int) -> list[socket.socket]:
    """The sockets as asyncio binds them, one for each address of the host. Raises OSError."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    listening = [each.dup() for each in server.sockets]
    server.close()
    for each in listening:
        each.setblocking(False)
        each.listen(BACKLOG)
    return listening
