"""/failures, /evidence and /codes: what failed, what to hand over, and what a code means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from exporter.durations import parse_duration
from exporter.explain import explain_word
from exporter.history import Entry
from exporter.ticket import FORMATS, Ticket, render
from exporter.web import pages

MAX_LISTED = 500
DEFAULT_SINCE = "1h"
MAX_SINCE = 366 * 86400.0

# Markdown as plain text: browsers show it, where they would save text/markdown to a file.
_CONTENT_TYPES: Mapping[str, str] = {"md": "text/plain", "json": "application/json", "csv": "text/csv"}


_SOUGHT = ("target", "code", "error", "side", "category", "trace_id", "correlation_id", "request_id")
"""What a failure is looked for by."""


@dataclass(frozen=True, slots=True)
class Records:
    """What the pages ask of the history. `since` in seconds before now."""

    failures: Callable[[], list[Entry]]
    find: Callable[[int], Entry | None]
    knows: Callable[[str], bool]
    ticket: Callable[[str, str, float], Ticket]


def add_routes(router: web.UrlDispatcher, records: Records) -> None:
    """Adds the paths that show evidence."""

    async def failures(request: web.Request) -> web.Response:
        wanted = request.query.get("q", "").strip()
        found = [entry for entry in records.failures() if _has(entry, wanted.lower())]
        return page(pages.failures(found[:MAX_LISTED], wanted))

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
        target = request.query.get("target", "")
        # An empty ticket would look as if nothing had failed.
        if target and not records.knows(target):
            raise web.HTTPNotFound(text="no target of this name is probed on schedule here; / lists those that are\n")
        ticket = records.ticket(_code(request.query.get("code", ""), records), target, since)
        return web.Response(text=render(ticket, form), content_type=_CONTENT_TYPES[form])

    async def code(request: web.Request) -> web.Response:
        explanation = explain_word(request.match_info["code"])
        if explanation.empty:
            raise web.HTTPNotFound(
                text="this is no error code, such as AADSTS50000, no OAuth error value and no reason of a fault\n"
            )
        return page(pages.code(explanation))

    router.add_get("/failures", failures)
    router.add_get(r"/failures/{id:\d{1,18}}", failure)
    router.add_get("/evidence", evidence)
    router.add_get(r"/codes/{code:[A-Za-z0-9_]{1,64}}", code)


def page(html: str) -> web.Response:
    """A page for people."""
    return web.Response(text=html, content_type="text/html")


def _has(entry: Entry, text: str) -> bool:
    """Whether a failure has a text in one of the values by which people look for it."""
    return not text or any(text in str(entry.values.get(name) or "").lower() for name in _SOUGHT)


def _since(text: str) -> float:
    try:
        since = parse_duration(text)
    except ValueError:
        since = 0.0
    if not 0 < since <= MAX_SINCE:
        raise web.HTTPBadRequest(text="since must be a duration such as 30m, 1h or 1d, at most 366d\n")
    return since


def _code(text: str, records: Records) -> str:
    """The code as it is kept, for who writes it without its prefix; an OAuth error value stands for itself."""
    refusal = explain_word(text).refusal
    if found := next(iter(refusal.codes), refusal.error):
        return found
    # Providers make up error values of their own; one is known by having been seen.
    if text and not any(entry.values.get("error") == text for entry in records.failures()):
        raise web.HTTPNotFound(
            text="this is neither an error code, such as AADSTS50000, nor an OAuth error value; see /failures\n"
        )
    return text
