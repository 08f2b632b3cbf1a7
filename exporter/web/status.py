"""/ and /targets/NAME: how things stand."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from exporter.status import TargetDetail, TargetStatus
from exporter.web import pages
from exporter.web.evidence import page


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """What the status pages ask for. `targets` lets probes go on between some of its steps."""

    now: Callable[[], float]
    targets: Callable[[], Awaitable[list[TargetStatus]]]
    detail: Callable[[str], TargetDetail | None]


def add_routes(router: web.UrlDispatcher, standings: Standings) -> None:
    """Adds the paths that show how things stand."""

    async def overview(request: web.Request) -> web.Response:
        statuses = await standings.targets()
        wanted = request.query.get("q", "")
        number = _page_number(request.query.get("page", "1"))
        # In a thread: a thousand rows are not rendered between two probes.
        return page(await asyncio.to_thread(pages.overview, statuses, standings.now(), wanted, number))

    async def target(request: web.Request) -> web.Response:
        detail = standings.detail(request.match_info["name"])
        if detail is None:
            raise web.HTTPNotFound(text="no target of this name is probed on schedule here; / lists those that are\n")
        return page(await asyncio.to_thread(pages.target, detail, standings.now()))

    router.add_get("/", overview)
    router.add_get("/targets/{name}", target)


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and int(text) else 1  # noqa: PLR2004
