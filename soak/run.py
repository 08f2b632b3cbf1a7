"""One soak from its start to its verdict."""

import asyncio
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp

from soak import invariants
from soak.acts import Acts
from soak.figures import Figures, Held, Kept
from soak.lateness import noting_lateness
from soak.plan import Action, plan
from soak.process import PATIENCE, Served, history, looks, serve
from soak.providers import providers
from soak.scraper import Scraper
from soak.watch import PAGES_EVERY, SCRAPE_EVERY, Findings, Report, Watch
from soak.world import World

AROUND = 8.0
"""Seconds that are kept for the beginning and the end."""

WARM_AFTER = 0.35
"""The share of the time after which memory must no longer grow."""

SETTLE = 20.0
"""Seconds within which what was held must be let go of."""

_COMPLAINTS = (b"Traceback", b"ResourceWarning", b"never retrieved", b"never awaited", b"internal error")
"""What a log must not say."""


async def soak(seed: int, seconds: float, promtool: str, report: Report) -> bool:
    """Soaks an exporter for so many seconds, all in all; whether everything held."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with noting_lateness() as late, providers(seed) as asked:
            world = World(Path(folder), asked)
            findings = Findings(report, world.canaries)
            async with serve(Path(folder), asked.name_server, world.config) as served:
                scraper = Scraper(served.port)
                watch = Watch(world, served, scraper, findings, promtool)
                acts = Acts(world, served, scraper, findings.tell, findings.look, late)
                run = _Run(world, served, watch, acts, findings)
                actions = plan(seed, seconds - AROUND)
                try:
                    await run.through(actions, report, begun)
                except (aiohttp.ClientError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                    findings.tell(f"it could not go on: {type(error).__name__} {error}")
                finally:
                    await scraper.close()
                    await world.close()
    report(
        {
            "verdict": "broken" if findings.problems else "held",
            "seed": seed,
            "seconds": round(time.monotonic() - begun, 1),
            "actions": len(actions),
            "scrapes": watch.scrapes,
            "attempts": dict(watch.attempts),
            "problems": findings.problems,
        }
    )
    return not findings.problems


@dataclass(frozen=True, slots=True)
class _Run:
    """The exporter, and all that is done to it and seen of it."""

    world: World
    served: Served
    watch: Watch
    acts: Acts
    findings: Findings

    async def through(self, actions: list[Action], report: Report, begun: float) -> None:
        """Quiet, then everything at once, then quiet again: what is held must then be what was held before."""
        await self._until_all_were_attempted()
        await self.watch.read_pages()
        first = await self.watch.scrape(self.acts.faults)
        start = await self.served.held()
        self.world.quiet = False
        await self._suffer(actions, first, report, begun)
        self.world.quiet = True
        self.world.write_config()
        await self.acts.reload()
        self.findings.tell_all(await self._left_over(start))
        last = await self.watch.scrape(self.acts.faults)
        self.watch.compare(last, last, first)
        self.findings.tell_all(invariants.unpunctual(last, first, self.world.healthy))
        if status := await self.served.stop():
            self.findings.tell(f"it ended with {status}")
        self._read_what_it_wrote(last)

    async def _until_all_were_attempted(self) -> None:
        """Waits until all targets have been attempted, and the history was written."""
        async for _ in looks(PATIENCE):
            self.watch.take_notes(self.acts.faults)
            if self.watch.attempted >= self.world.entries().keys() and history(self.served.folder).exists():
                break

    async def _left_over(self, start: Held) -> list[str]:
        """What was held at each look that was not at the start: attempts come and go meanwhile."""
        always = await self.served.held()
        with suppress(TimeoutError):
            async for _ in looks(SETTLE):
                if not list(invariants.left_over(always, start)):
                    break
                always &= await self.served.held()
        return list(invariants.left_over(always, start))

    async def _suffer(self, actions: list[Action], first: Figures, report: Report, begun: float) -> None:
        """Does all that is planned, and watches meanwhile."""
        self.world.write_config()
        await self.acts.reload()
        watching = asyncio.create_task(self._watch_on(first, report, begun))
        zero = time.monotonic()
        warming = asyncio.get_running_loop().call_later(actions[-1].at * WARM_AFTER, self.watch.is_warm)
        try:
            async with asyncio.TaskGroup() as doing:
                for action in actions:
                    await asyncio.sleep(zero + action.at - time.monotonic())
                    doing.create_task(self.acts.do(action))
        finally:
            warming.cancel()
            watching.cancel()
            await asyncio.wait([watching])
        if not watching.cancelled():
            watching.result()

    async def _watch_on(self, first: Figures, report: Report, begun: float) -> None:
        before = first
        for number in count(1):
            await asyncio.sleep(SCRAPE_EVERY)
            try:
                now = await self.watch.scrape(self.acts.faults)
                self.watch.compare(now, before, first)
                before = now
                if number % PAGES_EVERY == 0:
                    await self.watch.read_pages()
                    report(self._progress(begun))
            except ValueError as error:
                self.findings.tell(f"I4: /metrics cannot be parsed: {error}")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                if not self.acts.is_starved:
                    self.findings.tell(f"the web side does not answer: {type(error).__name__} {error}")

    def _progress(self, begun: float) -> dict[str, object]:
        return {
            "elapsed": round(time.monotonic() - begun, 1),
            "attempts": self.watch.attempts.total(),
            "memory_mib": self.served.memory() >> 20,
            "problems": len(self.findings.problems),
        }

    def _read_what_it_wrote(self, last: Figures) -> None:
        """Looks at log and history, now that nobody writes them any more."""
        log = self.served.log.read_bytes()
        self.findings.look("the log", log)
        for line in log.splitlines():
            if any(complaint in line for complaint in _COMPLAINTS):
                self.findings.tell(f"the log complains: {line[:200].decode()} ... {line[-1500:].decode()}")
        self.findings.look("the history", history(self.served.folder).read_bytes())
        own = {**self.world.healthy, **self.world.own}
        ends = {name: last.total("token_probe_last_attempt_timestamp_seconds", target=name) for name in own}
        self.findings.tell_all(invariants.unaccounted(last, _kept(history(self.served.folder), ends)))


def _kept(path: Path, ends: Mapping[str, float]) -> dict[str, Kept]:
    """What the history has of each of these targets up to a moment."""
    counts = "SELECT count(*), count(*) - coalesce(sum(success), 0) FROM attempts WHERE target = ? AND started_at <= ?"
    with closing(sqlite3.connect(path)) as database:
        return {name: Kept(*database.execute(counts, (name, end)).fetchone()) for name, end in ends.items()}
