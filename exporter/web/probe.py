"""/probe?target=NAME: one attempt now, answered in blackbox_exporter's names."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from exporter.web.negotiate import OPENMETRICS, TEXT, wants_openmetrics

SCRAPE_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
TIMEOUT_OFFSET = 0.5
"""Seconds of the scrape's timeout that are left for the answer to arrive."""

MIN_TIMEOUT = 0.1

ProbeNow = Callable[[str, float | None], Awaitable["ProbeReport | None"]]
"""One attempt of the target of this name within so many seconds; None where there is no such target."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """One attempt, ready to be shown as metrics or as text."""

    render: Callable[[bool], bytes]
    conversation: Callable[[], str]


def handler(probe_now: ProbeNow) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Makes the handler. A failed probe is an answer like any other: HTTP 200 with probe_success 0."""

    async def handle(request: web.Request) -> web.Response:
        names = request.query.getall("target", [])
        if len(names) != 1 or not names[0]:
            raise web.HTTPBadRequest(text="name one target of the config: /probe?target=NAME\n")
        report = await probe_now(names[0], scrape_timeout(request.headers.get(SCRAPE_TIMEOUT_HEADER, "")))
        if report is None:
            raise web.HTTPNotFound(text="the config has no target of this name\n")
        openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        if request.query.get("debug") == "true":
            text = f"{report.conversation()}\nMetrics that would have been returned:\n{report.render(False).decode()}"
            return web.Response(text=text, headers={"X-Content-Type-Options": "nosniff"})
        headers = {"Content-Type": OPENMETRICS if openmetrics else TEXT, "Vary": "Accept"}
        return web.Response(body=report.render(openmetrics), headers=headers)

    return handle


def scrape_timeout(header: str) -> float | None:
    """Seconds that an attempt may take so that its answer still reaches the scraper; None where nothing is said."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return max(MIN_TIMEOUT, seconds - TIMEOUT_OFFSET) if math.isfinite(seconds) and seconds > 0 else None
