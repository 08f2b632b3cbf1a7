"""POST /-/reload: reads the config anew."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from exporter.web.guard import refuse_browsers

Reload = Callable[[], Awaitable[Sequence[str]]]
"""Reads the config anew; what is wrong with it, a line each."""


def handler(reload: Reload | None) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler; without a way to reload, it says how to get one."""

    async def handle(request: web.Request) -> web.Response:
        if reload is None:
            raise web.HTTPForbidden(
                text="reloading over HTTP is off; start the exporter with --web.enable-lifecycle, or send it SIGHUP\n"
            )
        refuse_browsers(request)
        if problems := await reload():
            lines = "".join(f"{problem}\n" for problem in problems)
            raise web.HTTPInternalServerError(text=f"the config has problems; the one before goes on\n{lines}")
        return web.Response(text="the config is reloaded\n")

    return handle
