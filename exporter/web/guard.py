"""What stands before every path: the web config, the rate, names and passwords, and headers on every answer."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.model import RateLimit
from exporter.web.passwords import Passwords
from exporter.web.protection import Protection

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # What is shown names tenants, addresses and ids: it is for this reader alone.
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)

_CHALLENGE = 'Basic realm="aadsts-exporter", charset="UTF-8"'


class Rate:
    """Admits a request every so often, and some at once, as a token bucket does."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._full_at = 0.0

    def admits(self, limit: RateLimit) -> bool:
        """Whether one more request is admitted now."""
        now = self._monotonic()
        full_at = max(self._full_at, now) + limit.interval
        if full_at - now > limit.burst * limit.interval:
            return False
        self._full_at = full_at
        return True


def guard(app: web.Application, protection: Protection, passwords: Passwords, rate: Rate) -> None:
    """Puts the protection before every path of the application."""

    async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(SECURITY_HEADERS)
        response.headers.update(protection.headers)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        config = protection.refresh()
        if config is None:
            raise web.HTTPInternalServerError(text="the web config is of no use; the exporter's log says why\n")
        if config.rate_limit and not rate.admits(config.rate_limit):
            raise web.HTTPTooManyRequests(text="more requests than the web config's rate_limit\n")
        if config.users and not await passwords.admit(config.users, request.headers.getall("Authorization", ())):
            raise web.HTTPUnauthorized(text="name and password, please\n", headers={"WWW-Authenticate": _CHALLENGE})
        return await handler(request)

    app.on_response_prepare.append(add_headers)
    app.middlewares.append(admit)


def refuse_browsers(request: web.Request) -> None:
    """Turns away what a page in somebody's browser asks for, its own pages' too. Raises HTTPForbidden.

    A page cannot leave these headers out (Fetch Standard section 3.2, Fetch Metadata section 2.3).
    """
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        raise web.HTTPForbidden(text="this is not done from a browser\n")
