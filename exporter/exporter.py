"""The exporter itself: it probes on schedule, records, and answers the web side's questions."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from prometheus_client import CollectorRegistry

from exporter.archive import Archive
from exporter.clock import Clock
from exporter.drill import answering, drill_target
from exporter.history import History
from exporter.interpret import retry_after
from exporter.loopwatch import LoopWatch
from exporter.metrics import Recorder, Writer, exposition, probe_registry
from exporter.model import Config, ProbeResult, Target
from exporter.outage import Allowance, Watch
from exporter.probe import Prober, disturb
from exporter.report import conversation, log_fields, verdict
from exporter.schedule import Scheduler, Wish
from exporter.status import TargetDetail, TargetStatus, target_status
from exporter.ticket import Ticket, make_ticket
from exporter.web import Ports, ProbeReport, Records, Standings

log = logging.getLogger(__name__)

CONFIRMING_SHARE = 4
"""One place in so many may be taken by an attempt that is made to be sure."""

LAG_EVERY = 0.5
"""Seconds between two looks at how late the event loop runs."""


LONGEST_PAUSE = 240.0
"""Seconds for which a provider may ask not to be asked, at the most; much longer, and the target would seem stalled."""

STRIP_MINUTES = 60
"""Minutes that the status pages draw of each target."""

JUDGED_AT_ONCE = 25
"""Targets whose status is made out before probes go on."""

DAY = 86400.0


class Exporter:
    """A running exporter: it probes on schedule, records, and answers the web side's questions."""

    def __init__(self, config: Config, prober: Prober, clock: Clock) -> None:
        self.config = config
        self.ready = False
        self.registry = CollectorRegistry()
        self._recorder = Recorder(self.registry, config.targets)
        self._writer = Writer(self.registry)
        # The first time takes ten times as long; here nothing waits for it yet.
        self._writer.write(openmetrics=False)
        self._recorder.config_loaded(clock.time())
        self._prober = prober
        self._clock = clock
        self._loop_watch = LoopWatch(clock)
        self._begun = clock.time()
        self._targets = {target.name: target for target in config.targets}
        self._watches = {target.name: Watch(Allowance(target.confirmations)) for target in config.targets}
        self._places = asyncio.Semaphore(config.concurrency)
        self._confirming_places = asyncio.Semaphore(max(1, config.concurrency // CONFIRMING_SHARE))
        self._on_demand: dict[str, asyncio.Task[ProbeResult]] = {}
        self._rendering = asyncio.Lock()
        self._verdicts: dict[str, str] = {}
        self._history = History()
        self._archive: Archive | None = None
        self._drill: asyncio.Task[None] | None = None

    @property
    def history_writable(self) -> Callable[[bool], None]:
        """Who is told whether the history's file can be written."""
        return self._recorder.history_writable

    def keep(self, archive: Archive) -> None:
        """Takes up the history of earlier runs, and goes on with it."""
        entries = archive.load()
        if entries is None:
            # Ids that no earlier run can have given out, should the file become readable after all.
            self._history.begin_at(int(self._clock.time()))
        for entry in entries or ():
            self._history.restore(entry)
            self._recorder.restore_code(entry.target, entry.values.get("code"), entry.started_at)
        self._archive = archive

    def ports(self, *, drills: bool) -> Ports:
        """What the web side may ask."""
        return Ports(
            config=lambda: self.config,
            render=self._render,
            probe_now=self._probe_now,
            standings=Standings(now=self._clock.time, targets=self.statuses, detail=self._detail),
            records=Records(
                failures=self._history.failures, find=self._history.find, knows=self._knows, ticket=self._ticket
            ),
            ready=lambda: self.ready,
            drill=self._begin_drill if drills else None,
        )

    async def _render(self, openmetrics: bool) -> bytes:
        # One at a time, and in a thread: a scrape must not disturb a probe.
        async with self._rendering:
            with self._recorder.held():
                return await asyncio.to_thread(self._writer.write, openmetrics=openmetrics)

    async def run(self) -> None:
        """Probes until it is cancelled."""
        scheduler = Scheduler(
            self._attempt, self._confirm, self._recorder, self._clock, self._places, self._confirming_places
        )
        self.ready = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_lag())
                tasks.create_task(self._loop_watch.run())
                tasks.create_task(scheduler.run(self.config.targets))
        finally:
            self.ready = False
            if self._drill is not None:
                self._drill.cancel()

    async def _attempt(self, target: Target) -> Wish:
        """Makes one attempt of the schedule."""
        result = await self._probe(target)
        self._recorder.record(result)
        entry = self._history.record(result)
        if self._archive is not None:
            self._archive.append(entry)
        self._log(result)
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
        watch = self._watches[target.name]
        if not watch.asks(self._clock.monotonic()):
            return False
        result = await self._probe(target)
        self._recorder.confirmed(result)
        watch.confirmed(result)
        self._test(target, watch)
        return watch.undecided

    def _test(self, target: Target, watch: Watch) -> None:
        self._recorder.tested(target, watch.test.evidence, certain=watch.test.certain)

    def _begin_drill(self, code: str, seconds: float) -> None:
        """Reports made-up failures with this code for so many seconds, in place of a drill under way."""
        log.warning("drill begins", extra={"code": code, "seconds": seconds})
        drill = self._run_drill(code, self._clock.monotonic() + seconds, self._drill)
        self._drill = asyncio.create_task(drill)

    async def _run_drill(self, code: str, until: float, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.wait([before])
        target = drill_target(code)
        prober = replace(self._prober, send=answering(code))
        self._recorder.watch(target)
        watch = Watch(Allowance(0))
        try:
            while (now := self._clock.monotonic()) < until:
                result = await prober.probe(target)
                self._recorder.record(result)
                watch.attempted(result)
                self._test(target, watch)
                await self._clock.sleep_until(now + target.interval)
        finally:
            # Nothing of it enters the history: no ticket may speak of what did not happen.
            self._recorder.forget(target.name)
            log.warning("drill ends", extra={"code": code})

    async def statuses(self) -> list[TargetStatus]:
        """How every target stands, at about this moment."""
        made = []
        for number, target in enumerate(self.config.targets, 1):
            made.append(self._status(target))
            if number % JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return made

    def _status(self, target: Target) -> TargetStatus:
        now = self._clock.time()
        return target_status(
            target,
            self._history.standing(target.name, now, STRIP_MINUTES),
            outage=self._watches[target.name].test.certain,
            begun=self._begun,
            now=now,
        )

    def _detail(self, name: str) -> TargetDetail | None:
        if name not in self._targets:
            return None
        return TargetDetail(
            status=self._status(self._targets[name]),
            recent=self._history.recent(name),
            day=self._history.tally(name, self._clock.time() - DAY),
        )

    def _knows(self, target: str) -> bool:
        """Whether the config has this target, or the history does, of an earlier config."""
        return target in self._targets or target in self._history

    def _ticket(self, code: str, target: str, since: float) -> Ticket:
        now = self._clock.time()
        begin = now - since
        return make_ticket(
            self._history.failures(since=begin),
            self._history.tallies(begin),
            code=code,
            target=target,
            since=begin,
            until=now,
        )

    def _log(self, result: ProbeResult) -> None:
        """Logs what changed: a line an attempt would bury it, and every failure is kept in the history."""
        name, said = result.target.name, verdict(result)
        before = self._verdicts.get(name)
        self._verdicts[name] = said
        if not result.outcome.success:
            level = logging.WARNING if said != before else logging.DEBUG
        else:
            level = logging.INFO if before not in {None, said} else logging.DEBUG
        if log.isEnabledFor(level):
            log.log(level, "probe succeeds" if result.outcome.success else "probe fails", extra=log_fields(result))

    async def _probe_now(self, name: str, timeout: float | None) -> ProbeReport | None:
        if name not in self._targets:
            return None
        result = await self._shared_probe(self._targets[name], timeout)
        registry = probe_registry(result)
        return ProbeReport(
            render=lambda openmetrics: exposition(registry, openmetrics=openmetrics),
            conversation=lambda: conversation(result),
        )

    async def _shared_probe(self, target: Target, timeout: float | None) -> ProbeResult:
        """One attempt for all who ask at the same time, in one of the places that the schedule's attempts have too."""
        task = self._on_demand.get(target.name)
        if task is None:
            task = asyncio.create_task(self._probe_in_place(target, timeout))
            self._on_demand[target.name] = task
            task.add_done_callback(lambda _: self._on_demand.pop(target.name))
        return await asyncio.shield(task)

    async def _probe_in_place(self, target: Target, timeout: float | None) -> ProbeResult:
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
