"""The exporter itself: it probes on schedule, and records."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry

from exporter.announcer import Announcer
from exporter.archive import Archive
from exporter.clock import Clock
from exporter.drills import Drills
from exporter.history import History
from exporter.interpret import retry_after
from exporter.loopwatch import LoopWatch
from exporter.metrics import Recorder, Renderer, Writer
from exporter.model import Config, ProbeResult, Target
from exporter.ondemand import OnDemand
from exporter.outage import Allowance, Watch
from exporter.probe import Prober, disturb
from exporter.rotation import Credentials
from exporter.schedule import Scheduler, Wish
from exporter.shard import ALONE, Shard

CONFIRMING_SHARE = 4
"""One place in so many may be taken by an attempt that is made to be sure."""

LAG_EVERY = 0.5
"""Seconds between two looks at how late the event loop runs."""

LONGEST_PAUSE = 240.0
"""Seconds for which a provider may ask not to be asked, at the most; much longer, and the target would seem stalled."""


class Exporter:
    """A running exporter: it probes on schedule what its shard owns, and records.

    `scheduled=False` leaves all probing to whoever asks on demand; results of these are `freshness` seconds fresh.
    """

    def __init__(
        self,
        config: Config,
        prober: Prober,
        clock: Clock,
        *,
        shard: Shard = ALONE,
        scheduled: bool = True,
        freshness: float = 0.0,
    ) -> None:
        self.config = config
        self.ready = False
        self.registry = CollectorRegistry()
        self.history = History()
        self.begun = clock.time()
        self._prober = prober
        self._clock = clock
        self._shard = shard
        self._scheduled = scheduled
        self._watches: dict[str, Watch] = {}
        self.targets: dict[str, Target] = {}
        self._recorder = Recorder(self.registry, ())
        self._loop_watch = LoopWatch(clock)
        self._on_demand = OnDemand(self._probe_in_place, clock, freshness)
        self._scheduler = Scheduler(self._attempt, self._confirm, self._recorder, clock)
        self._drills = Drills(prober, self._recorder, clock)
        self._announcer = Announcer()
        self.credentials = Credentials()
        self._archive: Archive | None = None
        self._take_up(config)
        self.render = Renderer(Writer(self.registry, self._recorder.touched), self._recorder, clock).render

    @property
    def begin_drill(self) -> Callable[[str, float], None]:
        """Begins a drill with a code for so many seconds."""
        return self._drills.begin

    @property
    def history_writable(self) -> Callable[[bool], None]:
        """Who is told whether the history's file can be written."""
        return self._recorder.history_writable

    @property
    def log_line_lost(self) -> Callable[[], None]:
        """Who is told of each log line that could not be written."""
        return self._recorder.log_line_lost

    def keep(self, archive: Archive) -> None:
        """Takes up the history of earlier runs, and goes on with it."""
        entries = archive.load()
        if entries is None:
            # Ids that no earlier run can have given out, should the file become readable after all.
            self.history.begin_at(int(self._clock.time()))
        for entry in entries or ():
            self.history.restore(entry)
            self._recorder.restore_code(entry.target, entry.values.get("code"), entry.started_at)
        self.history.retain(self.targets)
        self._archive = archive

    async def run(self) -> None:
        """Probes until it is cancelled."""
        self.ready = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_lag())
                tasks.create_task(self._loop_watch.run())
                tasks.create_task(self._scheduler.run())
        finally:
            self.ready = False
            self._drills.end()

    def retarget(self, config: Config) -> None:
        """Goes on with another config, while it runs; of a target that is in it as it was, everything goes on."""
        self._take_up(config)

    def refuse(self) -> None:
        """Another config was read, and is of no use."""
        self._recorder.config_refused()

    def _take_up(self, config: Config) -> None:
        before = self.targets
        owned = [target for target in config.targets if self._scheduled and self._shard.owns(target.name)]
        self.config = config
        self._by_name = {target.name: target for target in config.targets}
        # A target that is as it was stays the very same object: attempts of all others come to nothing.
        self.targets = {new.name: old if (old := before.get(new.name)) == new else new for new in owned}
        self._watches = {
            name: self._watches[name] if target is before.get(name) else Watch(Allowance(target.confirmations))
            for name, target in self.targets.items()
        }
        self._let_go()
        self._places = asyncio.Semaphore(config.concurrency)
        self._scheduler.give(self._places, asyncio.Semaphore(max(1, config.concurrency // CONFIRMING_SHARE)))
        self._scheduler.retarget(self.targets.values())
        self._recorder.retarget(self.targets.values())
        self._recorder.sharded(self._shard, len(config.targets) if self._scheduled else 0)
        self._recorder.config_loaded(self._clock.time())

    def _let_go(self) -> None:
        """Forgets what is known of targets that the config has no more; of a few their attempts can still be seen."""
        self._announcer.retain(self.targets)
        self.credentials.retain(self.targets)
        self.history.retain(self.targets)
        self._on_demand.forget()

    async def _attempt(self, target: Target) -> Wish:
        """Makes one attempt of the schedule; one with the next credential counts as nothing else."""
        result = await self._probe(target)
        if not self._probes(target):
            # The config has changed meanwhile; the attempt says nothing of what is probed now.
            return Wish()
        self._announcer.announce(result, self.credentials.note(result))
        if target.is_rotated:
            self._recorder.rotated(result)
            return Wish()
        self._recorder.record(result)
        entry = self.history.record(result)
        if self._archive is not None:
            self._archive.append(entry)
        watch = self._watches[target.name]
        watch.attempted(result)
        self._test(target, watch)
        return Wish(confirm=watch.undecided, pause=_pause(result, self._clock.time()))

    async def _probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        """Makes one attempt, and notices if the exporter itself stands still meanwhile."""
        begun = self._loop_watch.begin()
        try:
            result = await self._prober.probe(target, timeout)
        finally:
            stalled = self._loop_watch.end(begun)
        return disturb(result) if stalled else result

    async def _confirm(self, target: Target) -> bool:
        """Makes one more attempt to be sure of an outage, if one is still wanted."""
        watch = self._watch(target)
        if watch is None or not watch.asks(self._clock.monotonic()):
            return False
        result = await self._probe(target)
        if self._watch(target) is not watch:
            return False
        self._recorder.confirmed(result)
        watch.confirmed(result)
        self._test(target, watch)
        return watch.undecided

    def _probes(self, target: Target) -> bool:
        """Whether the config still has this very target, with whichever of its credentials."""
        now = self.targets.get(target.name)
        return now is target or (target.is_rotated and now is not None and now.rotated() == target)

    def _watch(self, target: Target) -> Watch | None:
        """The test for an outage of a target; None where the config has changed and the target is no longer probed."""
        return self._watches[target.name] if self.targets.get(target.name) is target else None

    def _test(self, target: Target, watch: Watch) -> None:
        self._recorder.tested(target, watch.test.evidence, certain=watch.test.certain)

    def outage(self, target: Target) -> bool:
        """Whether it is certain that a target has an outage."""
        watch = self._watch(target)
        return watch is not None and watch.test.certain

    async def probe_now(self, name: str, timeout: float | None) -> ProbeResult | None:
        """One attempt on demand, of any target of the config; None where it has none of this name."""
        target = self._by_name.get(name)
        return None if target is None else await self._on_demand.probe(target, timeout)

    async def _probe_in_place(self, target: Target, timeout: float | None) -> ProbeResult:
        """An attempt in one of the places that the schedule's attempts have too."""
        async with self._places:
            return await self._probe(target, timeout)

    async def _watch_lag(self) -> None:
        while True:
            due = self._clock.monotonic() + LAG_EVERY
            await self._clock.sleep_until(due)
            self._recorder.loop_lagged(max(0.0, self._clock.monotonic() - due))


def _pause(result: ProbeResult, now: float) -> float:
    """Seconds for which the provider asks not to be asked (RFC 6585 section 4, RFC 9110 section 15.6.4)."""
    if result.evidence.status not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return 0.0
    return min(LONGEST_PAUSE, retry_after(result.evidence.retry_after, now) or 0.0)
