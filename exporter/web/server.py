"""Routes, health, and the listening socket."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.model import Config
from exporter.web.discovery import handler as discovery_handler
from exporter.web.drill import BeginDrill
from exporter.web.drill import handler as drill_handler
from exporter.web.evidence import Records
from exporter.web.evidence import add_routes as add_evidence_routes
from exporter.web.lifecycle import Reload
from exporter.web.lifecycle import handler as lifecycle_handler
from exporter.web.metrics import Render, Scrapes
from exporter.web.pages import ASSETS
from exporter.web.probe import ProbeNow
from exporter.web.probe import handler as probe_handler
from exporter.web.status import Standings
from exporter.web.status import add_routes as add_status_routes

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that a scrape under way may still take; aiohttp waits for twice as long."""

IDLE_TIMEOUT = 75.0

_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


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


def make_app(ports: Ports, max_requests: int = 0) -> web.Application:
    """The application with every path; at most so many scrapes and so many probes run at a time, 0 is no limit."""
    app = web.Application(middlewares=[_secure])

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


@web.middleware
async def _secure(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_SECURITY_HEADERS)
        raise
    response.headers.update(_SECURITY_HEADERS)
    return response


def _limited(handler: Handler, most: int) -> Handler:
    """The handler for so many requests at a time; each has its own count, and health has none."""
    under_way = 0

    async def limited(request: web.Request) -> web.StreamResponse:
        nonlocal under_way
        if most and under_way >= most:
            raise web.HTTPServiceUnavailable(text=f"{most} requests of this path are being served already\n")
        under_way += 1
        try:
            return await handler(request)
        finally:
            under_way -= 1

    return limited


class Listener:
    """Listens while the block runs, on one address and port; port 0 takes a free one. Raises OSError."""

    def __init__(self, app: web.Application, host: str | None, port: int) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=IDLE_TIMEOUT,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
        )
        self._host = host
        self._port = port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._runner.addresses[0][1])
