"""Runs cases of the fault matrix against a whole exporter, and says in JSON what became of each.

A process of its own: which parser aiohttp has is decided when it is imported, and memory, descriptors and the log are
then nobody else's. Reads the ids of the cases to run from standard input, as a JSON list.
"""

import asyncio
import gc
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path

import aiohttp
from aiohttp.http_parser import HttpResponseParser, HttpResponseParserPy
from fakes import make_target, reveal
from misbehaviour import answer, at, authority, closes, sends
from nameserver import name_server
from servers import application, raw_server
from wirecase import Case, Seen
from wirejudge import OPENMETRICS, Verdict, judge
from wirerows import CASES, ZONE

from exporter import app, logs
from exporter.answers import Answers
from exporter.clock import SystemClock
from exporter.exporter import Exporter
from exporter.model import Config, ProbeResult, Target, TokenEndpoint
from exporter.probe import Prober
from exporter.state import Keeper
from exporter.transport import Transport
from exporter.web import make_app

AT_ONCE = 8
"""Cases that run at a time."""

TRIES = 3
"""What a busy machine disturbs is time; a case that fails in nothing else is run again, by itself."""

INTERVAL = 0.2
PAGES = ("/metrics", "/", "/targets/case", "/failures", "/evidence?target=case", "/config")
AS_OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


class WatchedProber(Prober):
    """Keeps every result and how long it took, and how late the event loop was while the case was probed."""

    def __init__(self, transport: Transport, seen: Seen, attempts: int) -> None:
        ids = count(1)
        super().__init__(
            send=transport.send,
            read=reveal,
            hold=Keeper(SystemClock()).hold,
            clock=SystemClock(),
            new_id=lambda: f"request-{next(ids)}",
        )
        self.seen = seen
        self.done = asyncio.Event()
        self._attempts = attempts

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        began = self.clock.monotonic()
        if target.name == "healthy":
            result = await super().probe(target, timeout)
            self.seen.healthy.append(result)
            self.seen.healthy_seconds.append(self.clock.monotonic() - began)
        else:
            watching = asyncio.create_task(self._watch_lag())
            try:
                result = await super().probe(target, timeout)
            finally:
                watching.cancel()
            self.seen.results.append(result)
            self.seen.seconds.append(self.clock.monotonic() - began)
        if len(self.seen.results) >= self._attempts and self.seen.healthy:
            self.done.set()
        return result

    async def _watch_lag(self) -> None:
        while True:
            due = self.clock.monotonic() + 0.01
            await self.clock.sleep_until(due)
            self.seen.lag = max(self.seen.lag, self.clock.monotonic() - due)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all cases have in common: a transport, a target that is well, an authority, a log."""

    transport: Transport
    healthy: str
    ca_file: Path
    log: Path

    async def run(self, case: Case) -> Seen:
        """Runs an exporter until the case is over, and keeps what can be seen of it."""
        seen = Seen()
        logged = self.log.stat().st_size
        try:
            async with asyncio.timeout(20), case.place() as url:
                await self._probe(case, url, seen)
        except (AssertionError, TimeoutError, OSError, aiohttp.ClientError) as error:
            seen.complaints.append(f"{type(error).__name__}: {error}")
        seen.log = self.log.read_bytes()[logged:].decode()
        return seen

    async def _probe(self, case: Case, url: str, seen: Seen) -> None:
        prober = WatchedProber(self.transport, seen, case.attempts)
        exporter = Exporter(self._config(case, url), prober, prober.clock)
        before = _start_measuring() if case.alone else 0
        running = asyncio.create_task(exporter.run())
        try:
            await prober.done.wait()
        finally:
            running.cancel()
            await asyncio.wait([running])
        if case.alone:
            seen.grown = _memory("VmHWM") - before
        async with (
            application(make_app(Answers(exporter, prober.clock).ports(drills=False))) as web,
            aiohttp.ClientSession(web) as session,
        ):
            for path in PAGES:
                seen.pages[path] = await _page(session, path)
            for path in sorted(set(re.findall(r"/failures/\d+", seen.pages["/failures"]))):
                seen.pages[path] = await _page(session, path)
            seen.pages[OPENMETRICS] = await _page(session, "/metrics", AS_OPENMETRICS)

    def _config(self, case: Case, url: str) -> Config:
        times = {"interval": INTERVAL, "timeout": case.timeout}
        target = make_target(
            "case", **(times | {"endpoint": TokenEndpoint(url), "ca_file": self.ca_file} | case.target)
        )
        healthy = make_target("healthy", **times, endpoint=TokenEndpoint(self.healthy))
        return Config(targets=(target, healthy), concurrency=4, shown="targets: <secret>\n")


async def _page(session: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None) -> str:
    async with session.get(path, headers=headers) as response:
        assert response.status == HTTPStatus.OK, path
        return await response.text()


def _start_measuring() -> int:
    """The bytes that this process uses, from which on its peak is measured; nothing where the system does not say."""
    gc.collect()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(what: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) << 10
    return 0


@asynccontextmanager
async def bench(log: Path) -> AsyncIterator[Bench]:
    """Sets up what all cases share while the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority().cert_pem.write_to_path(ca_file)
        async with (
            name_server(ZONE) as server,
            at(sends(answer()))() as healthy,
            Transport(SystemClock(), (server,)) as transport,
        ):
            yield Bench(transport, healthy, ca_file, log)


async def run(cases: Iterable[Case], ours: Bench) -> dict[str, Verdict]:
    """The verdict on each case."""
    alone, others = [case for case in cases if case.alone], [case for case in cases if not case.alone]
    places = asyncio.Semaphore(AT_ONCE)

    async def in_place(case: Case) -> Seen:
        async with places:
            return await ours.run(case)

    seen = [await ours.run(case) for case in alone] + await asyncio.gather(*map(in_place, others))
    # Judged once all is over: it takes its time, which is what is measured.
    verdicts = {case.id: judge(case, that) for case, that in zip(alone + others, seen, strict=True)}
    for _ in range(TRIES - 1):
        for case in (case for case in cases if verdicts[case.id].late and not verdicts[case.id].problems):
            verdicts[case.id] = judge(case, await ours.run(case))
    return verdicts


def open_descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


async def leftovers(before: int) -> list[str]:
    """Descriptors and tasks that nobody ended, once TLS connections have had the time to say goodbye."""
    left: list[str] = []
    for _ in range(20):
        gc.collect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        more = open_descriptors() - before
        left = [*map(repr, tasks), *([f"{more} descriptors"] if more > 0 else [])]
        if not left:
            break
        await asyncio.sleep(0.1)
    return left


async def report(cases: list[Case], log: Path) -> dict[str, object]:
    """Everything that the parent wants to know."""
    # libuv keeps a spare descriptor from its first listener on.
    async with raw_server(closes):
        before = open_descriptors()
    async with bench(log) as ours:
        verdicts = await run(cases, ours)
    return {
        "parser": "python" if HttpResponseParser is HttpResponseParserPy else "c",
        "cases": {case: [verdict.outcome, verdict.problems + verdict.late] for case, verdict in verdicts.items()},
        "left": await leftovers(before),
    }


def main() -> None:
    runs = asyncio.run if sys.argv[1:] == ["asyncio"] else app.run
    wanted = frozenset(json.load(sys.stdin))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        # As a descriptor, too: the lines are written to that.
        logs_to, sys.stderr = sys.stderr, log.open("w")
        logs.set_up("debug", "logfmt")
        told = runs(report([case for case in CASES if case.id in wanted], log))
        sys.stderr.close()
        sys.stderr = logs_to
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
