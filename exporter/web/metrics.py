"""/metrics: rendered once for simultaneous scrapers."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from exporter.web.negotiate import OPENMETRICS, TEXT, accepts_gzip, wants_openmetrics

Render = Callable[[bool], Awaitable[Sequence[bytes]]]
"""All samples in pieces, without holding up the event loop; the argument asks for OpenMetrics."""

_FAST = 1  # of zlib's levels: a scrape is read once and thrown away

_GZIP = 16 + zlib.MAX_WBITS
"""The format of RFC 1952, as zlib is asked for it."""

_Form = tuple[bool, bool]


@dataclass(slots=True)
class Scrapes:
    """Answers scrapes; those that arrive while one is rendered in the form they want share it."""

    render: Render
    _under_way: dict[_Form, asyncio.Task[Sequence[bytes]]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves the metrics in the form that the scraper prefers."""
        openmetrics = wants_openmetrics(",".join(request.headers.getall("Accept", [])))
        compressed = accepts_gzip(",".join(request.headers.getall("Accept-Encoding", [])))
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept, Accept-Encoding"}
        if compressed:
            headers["Content-Encoding"] = "gzip"
        pieces = await self._shared((openmetrics, compressed))
        response = web.StreamResponse(headers=headers)
        response.content_length = sum(map(len, pieces))
        # Who hangs up meanwhile gets nothing more, and nobody need hear of it.
        with suppress(ConnectionError):
            await response.prepare(request)
            for piece in pieces if request.method != hdrs.METH_HEAD else ():
                await response.write(piece)
        return response

    async def _shared(self, form: _Form) -> Sequence[bytes]:
        task = self._under_way.get(form)
        if task is None:
            task = asyncio.create_task(self._make(form))
            self._under_way[form] = task
            task.add_done_callback(lambda _: self._under_way.pop(form))
        # Shielded: a scraper that hangs up must not take the others' answer with it.
        return await asyncio.shield(task)

    async def _make(self, form: _Form) -> Sequence[bytes]:
        openmetrics, compressed = form
        pieces = await self.render(openmetrics)
        return await asyncio.to_thread(_compressed, pieces) if compressed else pieces


def _compressed(pieces: Iterable[bytes]) -> Sequence[bytes]:
    """The same, compressed; other threads run meanwhile."""
    compressor = zlib.compressobj(_FAST, wbits=_GZIP)
    return [piece for piece in (*map(compressor.compress, pieces), compressor.flush()) if piece]
