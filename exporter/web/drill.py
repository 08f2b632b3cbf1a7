"""POST /-/drill: a made-up failure, to rehearse the way to the pager."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from exporter.drill import DEFAULT_DURATION, drill_problem
from exporter.durations import parse_duration, show_duration
from exporter.web.guard import refuse_browsers

BeginDrill = Callable[[str, float], None]
"""Begins a drill with this code for so many seconds."""


def handler(begin: BeginDrill | None) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler; without a way to begin, it says how to get one."""

    async def handle(request: web.Request) -> web.Response:
        if begin is None:
            raise web.HTTPForbidden(text="drills are off; start the exporter with --web.enable-drills\n")
        # A page in somebody's browser must not be able to page somebody.
        refuse_browsers(request)
        code = request.query.get("code", "")
        try:
            seconds = parse_duration(request.query.get("for", DEFAULT_DURATION))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"for {error}\n") from None
        if problem := drill_problem(code, seconds):
            raise web.HTTPBadRequest(text=f"{problem}\n")
        begin(code, seconds)
        return web.Response(text=f"target drill reports {code} for {show_duration(seconds)}; nothing is sent\n")

    return handle
