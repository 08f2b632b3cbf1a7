"""Runs the exporter over a scenario in virtual time, and scrapes it as Prometheus would."""

import asyncio
import logging
from array import array
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random

from exporter.exporter import Exporter
from exporter.model import Config, InlineSecret, ProofSource, Reading, Unreadable
from exporter.probe import Prober
from exporter.simulator import Scenario
from exporter.state import Keeper
from replay.virtual import VirtualClock, VirtualLoop, run
from replay.world import DAY, Noise, World

EPOCH = 1_780_000_000.0
"""Unix time at which every replay begins."""

GAP = 600.0
"""Seconds that a scrape gap lasts."""

RESTART = 3.0
"""Seconds that a restart of the exporter takes."""

COUNTERS_EVERY = 15.0
"""Counters are kept of scrapes this far apart only: no rule looks at one over less than 2 minutes."""

COUNTER_SUFFIXES = ("_total", "_bucket", "_sum", "_count")

NAN = float("nan")

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One replay: who is probed, what happens, and how often Prometheus looks. Durations in seconds."""

    config: Config
    scenario: Scenario
    noise: Noise
    seed: int
    duration: float
    scrape_interval: float


@dataclass(slots=True)
class Recording:
    """What Prometheus would have stored: the moments of its scrapes, and of each series a value for each, or NaN."""

    times: list[float] = field(default_factory=list)
    values: dict[Series, "array[float]"] = field(default_factory=dict)

    def scraped(self, moment: float, samples: Iterator[tuple[Series, float]]) -> None:
        """Adds one scrape."""
        before = len(self.times)
        self.times.append(moment)
        for series, value in samples:
            values = self.values.get(series)
            if values is None:
                values = self.values[series] = array("d")
            if len(values) < before:
                values.extend([NAN] * (before - len(values)))
            values.append(value)


def record(setup: Setup, metrics: Collection[str]) -> Recording:
    """Replays a scenario; keeps the series of these metrics only."""
    logging.disable(logging.CRITICAL)
    loop = VirtualLoop()
    try:
        return run(_record(setup, metrics, VirtualClock(loop, EPOCH)), loop)
    finally:
        logging.disable(logging.NOTSET)


async def _record(setup: Setup, metrics: Collection[str], clock: VirtualClock) -> Recording:
    random = Random(f"record {setup.seed}")  # noqa: S311 - a replay, reproducible on purpose
    world = World(setup.scenario, setup.noise, clock, setup.seed)
    supervised = _Supervised(setup.config, world, clock, setup.seed)
    restarts = list(_moments(setup.noise.restarts, setup.duration, random))
    gaps = list(_moments(setup.noise.scrape_gaps, setup.duration, random))
    counters, gauges = _split(metrics)
    counters_due = 0.0
    recording = Recording()
    due = random.random() * setup.scrape_interval
    supervised.start()
    while due < setup.duration:
        await clock.sleep_until(due)
        if restarts and restarts[0] <= due:
            restarts.pop(0)
            await supervised.stop()
            await clock.sleep_until(due + RESTART)
            supervised.start()
        in_gap = any(begin <= due < begin + GAP for begin in gaps)
        failed = in_gap or random.random() < setup.noise.lost_scrapes
        wanted = [*gauges, *counters] if due >= counters_due else gauges
        counters_due = due + COUNTERS_EVERY if due >= counters_due else counters_due
        recording.scraped(clock.time(), _failed_scrape() if failed else supervised.samples(wanted))
        due += setup.scrape_interval
    await supervised.stop()
    return recording


def _split(metrics: Collection[str]) -> tuple[list[str], list[str]]:
    """The metrics that are counters or parts of histograms, and the gauges."""
    counters = [name for name in metrics if name.endswith(COUNTER_SUFFIXES)]
    return counters, [name for name in metrics if name not in counters]


def _moments(per_day: float, duration: float, random: Random) -> Iterator[float]:
    moment = 0.0
    while per_day and (moment := moment + random.expovariate(per_day / DAY)) < duration:
        yield moment


_JOB = (("instance", "exporter:10471"), ("job", "token-probe"))
_UP: Series = ("up", _JOB)


def _failed_scrape() -> Iterator[tuple[Series, float]]:
    yield _UP, 0.0


class _Supervised:
    """An exporter that can be started anew, as a supervisor does."""

    def __init__(self, config: Config, world: World, clock: VirtualClock, seed: int) -> None:
        self._config = config
        self._clock = clock
        self._ids = count(seed)
        self._send = world.send
        self._exporter: Exporter
        self._task: asyncio.Task[None]

    def start(self) -> None:
        prober = Prober(
            send=self._send,
            read=reveal,
            hold=Keeper(self._clock).hold,
            clock=self._clock,
            new_id=lambda: f"request-{next(self._ids)}",
        )
        self._exporter = Exporter(self._config, prober, self._clock)
        self._task = asyncio.create_task(self._exporter.run())

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def samples(self, metrics: Collection[str]) -> Iterator[tuple[Series, float]]:
        yield _UP, 1.0
        for family in self._exporter.registry.restricted_registry(metrics).collect():
            for sample in family.samples:
                yield (sample.name, (*sample.labels.items(), *_JOB)), sample.value


def reveal(source: ProofSource) -> Reading | Unreadable:
    """Reads the secrets that stand in a config; a replay has no other."""
    return Reading(source.secret) if isinstance(source, InlineSecret) else Unreadable("a replay reads no files")
