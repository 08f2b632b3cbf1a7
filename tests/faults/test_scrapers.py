"""Who asks an exporter in ways that no scraper should: all at once, and in odd words."""

import asyncio
import gzip
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from endpoints import endpoint, serve_flags, targets_on
from processes import Running, running
from webside import PATIENCE, Client, connected, get

from exporter.web.negotiate import OPENMETRICS, TEXT

SCRAPERS = 100
LONGEST_STALL = 0.3
ROUNDS = 5

NO_REQUESTS = (
    f"GET /{'canary' * 20_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    get("/metrics", "X-Canary: " + "canary" * 20_000),
    get("/metrics", "Connection: close", method="TRACE"),
    "GET /canary HTTP/1.1\r\n\r\n",
    get("/canary", "Host: canary"),
    "\x16\x03\x01canary\0\r\n\r\n",
)
"""A long line, a long header, a method that nobody has, no host, two of them, and TLS."""


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One of 200 targets, none of which is due for long."""
    with endpoint() as provider:
        targets = targets_on(provider.port, *(f"t{number}" for number in range(200)))
        flags = serve_flags(tmp_path_factory.mktemp("scrapers"), targets, interval="10m", timeout="5s")
        with running(*flags, "--web.max-requests=0") as exporter:
            yield exporter


async def longest_wait(client: Client, during: asyncio.Future[Any]) -> float:
    """Seconds that the slowest of many small requests took while something else was under way."""
    longest = 0.0
    while not during.done():
        began = time.perf_counter()
        await client.say(get("/-/healthy"))
        assert (await client.answer())[0] == 200
        longest = max(longest, time.perf_counter() - began)
    return longest


@pytest.mark.alone
@pytest.mark.fault(79)
async def test_a_hundred_scrapers_at_once_hold_up_nobody(exporter: Running) -> None:
    """All get everything, and meanwhile a small request is answered soon: in the best of rounds, for machines are busy.

    Rendered for each of them, or at one go, it waits for seconds.
    """
    stalls = [PATIENCE]
    async with AsyncExitStack() as stack:
        scrapers = [await stack.enter_async_context(connected(exporter.port)) for _ in range(SCRAPERS)]
        other = await stack.enter_async_context(connected(exporter.port))
        while min(stalls) > LONGEST_STALL and len(stalls) <= ROUNDS:
            for scraper in scrapers:
                await scraper.say(get("/metrics", "Accept-Encoding: gzip"))
            answers = asyncio.gather(*(scraper.answer() for scraper in scrapers))
            stalls.append(await longest_wait(other, answers))
            assert [status for status, _ in await answers] == [200] * SCRAPERS
            assert len({body for _, body in await answers}) < SCRAPERS
            assert b'target="t199"' in gzip.decompress((await answers)[-1][1])

    assert min(stalls) <= LONGEST_STALL


@pytest.mark.fault(80)
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param('application/openmetrics-text; version="1.0.0"', OPENMETRICS, id="quoted"),
        pytest.param("application/openmetrics-text; version=abc", TEXT, id="no version"),
        pytest.param("application/openmetrics-text; version=9.9.9", TEXT, id="of the future"),
        pytest.param("application/openmetrics-text;q=0.1, text/plain;q=0.9", TEXT, id="by preference"),
        pytest.param("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", TEXT, id="protobuf"),
        pytest.param(";;;,,,==\x80", TEXT, id="nonsense"),
        pytest.param("a/b, " * 1500, TEXT, id="long"),
    ],
)
async def test_an_odd_accept_is_answered_in_a_form_that_is_known(exporter: Running, asked: str, given: str) -> None:
    """With the type that it has; odd encodings get none, and a filter of names is left aside."""
    encoding = "Accept-Encoding: br;q=1.0, x-\x80;q=abc, gzip;q=0"
    async with connected(exporter.port) as client:
        await client.say(get("/metrics?name[]=up&name[]=", f"Accept: {asked}", encoding, "Connection: close"))
        head, _, body = (await client.hear()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert f"Content-Type: {given}".encode() in head
    assert b"Vary: Accept, Accept-Encoding" in head
    assert b"Content-Encoding" not in head
    assert b'target="t199"' in body
    assert body.endswith(b"# EOF\n") == (given is OPENMETRICS)


@pytest.mark.fault(76, 78)
async def test_what_is_no_request_and_who_is_one_too_many(tmp_path: Path) -> None:
    """400, 405 and 503 to whoever asks so, no traceback in the log, and the exporter is well.

    The scrapers that read nothing have every place; their answers are larger than what the sockets hold.
    """
    with endpoint() as provider:
        targets = targets_on(provider.port, *(f"t{number}" for number in range(40)))
        flags = serve_flags(tmp_path, targets, interval="10m", timeout="5s")
        with running(*flags, "--web.max-requests=2") as exporter:
            async with AsyncExitStack() as stack:
                for _ in range(2):
                    stuck = await stack.enter_async_context(connected(exporter.port))
                    stuck.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await stuck.say(get("/metrics") * 100)
                statuses = [await status_of(exporter, request) for request in NO_REQUESTS]
                late = [200]
                while late[-1] == 200 and len(late) < 500:
                    late.append(await status_of(exporter, get("/metrics", "Connection: close")))
                healthy = await status_of(exporter, get("/-/healthy", "Connection: close"))
            assert exporter.stop() == 0
            log = exporter.said()

    assert statuses == [400, 400, 405, 400, 400, 400]
    assert (late[-1], healthy) == (503, 200)
    assert "Traceback" not in log
    assert "canary" not in log


async def status_of(exporter: Running, request: str) -> int:
    async with connected(exporter.port) as client:
        await client.say(request)
        return int((await client.hear()).split()[1])
