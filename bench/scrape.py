"""What a scrape costs, with the exporter's writer and with prometheus_client's: `python -m bench.scrape [TARGETS...]`.

Prints one JSON object a line. Every size runs in a process of its own, in which both writers write the same registry.
"""

import asyncio
import gc
import gzip
import json
import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from prometheus_client import CollectorRegistry

from bench.processes import say
from exporter.app import GARBAGE_THRESHOLDS, SWITCH_INTERVAL
from exporter.catalogue import Category, Phase, Reason, Stage
from exporter.clock import SystemClock
from exporter.metrics import Recorder, Renderer, Writer, exposition
from exporter.model import (
    ErrorCode,
    ErrorResponse,
    Evidence,
    Exchange,
    Failure,
    Fault,
    Outcome,
    ProbeResult,
    Target,
    TokenEndpoint,
)
from exporter.slices import at_one_go

SIZES = (10, 100, 1_000, 10_000)

SHARES = {"all": 1, "a twelfth": 12, "none": 0}
"""Of so many targets one was probed since the last scrape; a twelfth is an interval of 60 s scraped every 5 s."""

ROUNDS = 5

FAILING = 10
"""Of so many attempts one fails."""

TICK = 0.001
"""Seconds between two looks at how late the event loop is."""

T = TypeVar("T")

Write = Callable[[], Sequence[bytes]]
"""Writes all samples, in the pieces in which an answer is sent."""

Render = Callable[[], Coroutine[None, None, object]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one kind of scrape costs: medians of the rounds, times in seconds.

    `cpu` is that of all threads; `lag` is how late the event loop ran at the worst meanwhile: ours writes on the loop
    itself, in slices, and the library in another thread.
    """

    targets: int
    writer: str
    probed: str
    openmetrics: bool
    cpu: float
    wall: float
    lag: float
    gzip_cpu: float
    bytes: int
    lines: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What a target takes, in bytes: its series, and beside them the text that is kept."""

    targets: int
    series_per_target: int
    text_per_target: int
    resident: int


def main() -> None:
    """Measures each size in a process of its own."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        for size in sizes:
            say(f"scrapes: {size} targets")
            for line in processes.submit(measure, size).result():
                sys.stdout.write(f"{json.dumps(line)}\n")
                sys.stdout.flush()


def measure(size: int) -> list[dict[str, object]]:
    """The results of one size."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    bench = Bench(size)
    scrapes = list(bench.scrapes())
    memory = Memory(size, bench.series_bytes // size, bench.text_bytes // size, _resident())
    return [*map(asdict, scrapes), asdict(memory)]


class Bench:
    """A registry of so many targets, each of them probed once, and both writers."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._chance = random.Random(size)  # noqa: S311 - figures that are the same each time
        self._registry = CollectorRegistry()
        before = _resident()
        self._targets = [_target(number) for number in range(size)]
        self._recorder = Recorder(self._registry, self._targets)
        self._probe(1)
        self.series_bytes = _resident() - before
        self._writer = Writer(self._registry, self._recorder.touched)
        before = _resident()
        self._renderer = Renderer(self._writer, self._recorder, SystemClock())
        self.text_bytes = _resident() - before
        self._others: list[Writer] = []

    def scrapes(self) -> Iterator[Scrape]:
        """Measures every kind of scrape."""
        yield self._scrape("exporter", "for the first time", 0, self._for_the_first_time, rounds=1)
        self._others.clear()
        for probed, share in SHARES.items():
            for form in (False, True):
                write = partial(_pieces, self._writer, openmetrics=form)
                yield self._scrape("exporter", probed, share, write, partial(self._renderer.render, form))
        # prometheus_client does as much whatever changed.
        rounds = ROUNDS if self._size < SIZES[-1] else 1
        yield self._scrape("prometheus_client", "all", 1, self._by_library, rounds=rounds)

    def _for_the_first_time(self) -> Sequence[bytes]:
        # Kept for now: to throw one away takes its time, too.
        self._others.append(Writer(self._registry, self._recorder.touched))
        return _pieces(self._others[-1], openmetrics=False)

    def _by_library(self) -> Sequence[bytes]:
        return [exposition(self._registry, openmetrics=False)]

    def _scrape(
        self, writer: str, probed: str, share: int, write: Write, render: Render | None = None, rounds: int = ROUNDS
    ) -> Scrape:
        """Writes at one go for the CPU, and renders for the loop: in another thread, where there is no other way."""
        say(f"scrapes: {self._size} targets, by {writer}, probed since the last: {probed}")
        cpu, zipping, seen, text = [], [], [], b""
        for _ in range(rounds):
            self._probe(share)
            seconds, pieces = _timed(write)
            cpu.append(seconds)
            text = b"".join(pieces)
            zipping.append(_timed(partial(gzip.compress, text, 1))[0])
            self._probe(share)
            seen.append(asyncio.run(_lag(render() if render else asyncio.to_thread(write))))
        return Scrape(
            targets=self._size,
            writer=writer,
            probed=probed,
            openmetrics=text.endswith(b"# EOF\n"),
            cpu=round(median(cpu), 5),
            wall=round(median(wall for wall, _ in seen), 5),
            lag=round(median(lag for _, lag in seen), 5),
            gzip_cpu=round(median(zipping), 5),
            bytes=len(text),
            lines=text.count(b"\n"),
        )

    def _probe(self, share: int) -> None:
        """Probes every so manieth target; 0 is none."""
        if share:
            for target in self._targets[self._chance.randrange(share) :: share]:
                self._recorder.record(self._result(target))

    def _result(self, target: Target) -> ProbeResult:
        chance = self._chance.random
        failed = self._chance.randrange(FAILING) == 0
        return ProbeResult(
            target=target,
            started_at=time.time(),
            duration=chance(),
            outcome=self._chance.choice(_FAILURES) if failed else Outcome(token_lifetime=3599),
            evidence=Evidence(endpoint="", request_id="", server_request_id=_ID, clock_difference=chance()),
            exchange=Exchange(phases={phase: chance() / 10 for phase in Phase}, certificate_expiry=1_900_000_000.0),
        )


_ID = "00000000-0000-4000-8000-00000000000a"

_FAILURES = (
    Outcome(
        failure=Failure(Category.SERVICE_FAULT, Fault(Stage.OAUTH, Reason.REFUSED)),
        refusal=ErrorResponse(
            error="server_error", codes=(ErrorCode("AADSTS50000"),), trace_id=_ID, correlation_id=_ID
        ),
    ),
    Outcome(failure=Failure(Category.NETWORK, Fault(Stage.CONNECT, Reason.TIMEOUT))),
)


def _target(number: int) -> Target:
    return Target(
        name=f"application-{number:05d}",
        provider="entra",
        endpoint=TokenEndpoint("https://login.example/contoso/oauth2/v2.0/token"),
        grant="client_credentials",
        interval=60.0,
        timeout=10.0,
        cloud="public",
        tenant="contoso.onmicrosoft.com",
        client_id="11111111-2222-3333-4444-555555555555",
    )


async def _lag(work: Coroutine[None, None, object]) -> tuple[float, float]:
    """How long work took, and how late the loop ran at the worst until it was done."""
    begin = time.perf_counter()
    task = asyncio.ensure_future(work)
    worst = 0.0
    while not task.done():
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        worst = max(worst, time.perf_counter() - due)
    return time.perf_counter() - begin, worst


def _pieces(writer: Writer, *, openmetrics: bool) -> Sequence[bytes]:
    at_one_go(writer.read())
    return at_one_go(writer.make(openmetrics=openmetrics))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def _resident() -> int:
    """The resident memory of this process in bytes, of Linux."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
