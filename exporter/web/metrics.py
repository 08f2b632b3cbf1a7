"""/metrics: rendered once for simultaneous scrapers."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from exporter.web.negotiate import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics

Render = Callable[[bool], Awaitable[bytes]]
"""All samples, without holding up the event loop; the argument asks for OpenMetrics."""

_FAST = 1  # of gzip's levels: a scrape is read once and thrown away

_Form = tuple[bool, bool]


@dataclass(slots=True)
class Scrapes:
    """Answers scrapes; those that arrive while one is rendered in the form they want share it."""

    render: Render
    _under_way: dict[_Form, asyncio.Task[bytes]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        """Serves the metrics in the form that the scraper prefers."""
        openmetrics = wants_openmetrics(",".join(request.headers.getall("Accept", [])))
        compressed = accepts_gzip(",".join(request.headers.getall("Accept-Encoding", [])))
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=await self._shared((openmetrics, compressed)), headers=headers)

    async def _shared(self, form: _Form) -> bytes:
        task = self._under_way.get(form)
        if task is None:
            task = asyncio.create_task(self._make(form))
            self._under_way[form] = task
            task.add_done_callback(lambda _: self._under_way.pop(form))
        # Shielded: a scraper that hangs up must not take the others' answer with it.
        return await asyncio.shield(task)

    async def _make(self, form: _Form) -> bytes:
        openmetrics, compressed = form
        body = await self.render(openmetrics)
        return await asyncio.to_thread(gzip.compress, body, _FAST) if compressed else body
