"""/failures, /evidence and /codes: what failed, what to hand over, and what a code means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from exporter.durations import parse_duration
from exporter.explain import Explanation, explain_word
from exporter.history import Entry
from exporter.ticket import FORMATS, Ticket, render
from exporter.web import pages

MAX_LISTED = 500
DEFAULT_SINCE = "1h"
MAX_SINCE = 366 * 86400.0

# Markdown as plain text: browsers show it, where they would save text/markdown to a file.
_CONTENT_TYPES: Mapping[str, str] = {"md": "text/plain", "json": "application/json", "csv": "text/csv"}


@dataclass(frozen=True, slots=True)
class Records:
    """What the pages ask of the history. `since` in seconds before now."""

    failures: Callable[[], list[Entry]]
    find: Callable[[int], Entry | None]
    ticket: Callable[[str, str, float], Ticket]


def add_routes(router: web.UrlDispatcher, records: Records) -> None:
    """Adds the paths that show evidence."""

    async def failures(_request: web.Request) -> web.Response:
        return page(pages.failures(records.failures()[:MAX_LISTED]))

    async def failure(request: web.Request) -> web.Response:
        entry = records.find(int(request.match_info["id"]))
        if entry is None:
            raise web.HTTPNotFound(text="no failure with this id is kept\n")
        return page(pages.failure(entry))

    async def evidence(request: web.Request) -> web.Response:
        form = request.query.get("format", "md")
        if form not in FORMATS:
            raise web.HTTPBadRequest(text="format must be one of md, json, csv\n")
        since = _since(request.query.get("since", DEFAULT_SINCE))
        ticket = records.ticket(_code(request.query.get("code", "")), request.query.get("target", ""), since)
        return web.Response(text=render(ticket, form), content_type=_CONTENT_TYPES[form])

    async def code(request: web.Request) -> web.Response:
        explanation = explain_word(request.match_info["code"])
        if explanation.empty:
            raise web.HTTPNotFound(
                text="this is neither an error code, such as AADSTS50000, nor an OAuth error value\n"
            )
        return page(pages.code(explanation))

    router.add_get("/failures", failures)
    router.add_get(r"/failures/{id:\d{1,18}}", failure)
    router.add_get("/evidence", evidence)
    router.add_get(r"/codes/{code:[A-Za-z0-9_]{1,64}}", code)


def page(html: str) -> web.Response:
    """A page for people."""
    return web.Response(text=html, content_type="text/html")


def _since(text: str) -> float:
    try:
        since = parse_duration(text)
    except ValueError:
        since = 0.0
    if not 0 < since <= MAX_SINCE:
        raise web.HTTPBadRequest(text="since must be a duration such as 30m, 1h or 1d, at most 366d\n")
    return since


def _code(text: str) -> str:
    """The code as it is kept, for who writes it without its prefix; an OAuth error value stands for none."""
    explanation: Explanation = explain_word(text)
    return next(iter(explanation.refusal.codes), text)
