"""The composition root: the only place where the parts meet."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from uuid import uuid4

from prometheus_client import CollectorRegistry

from exporter.archive import Archive
from exporter.clock import Clock, SystemClock
from exporter.config import parse_config
from exporter.history import History
from exporter.metrics import Recorder, exposition, probe_registry
from exporter.model import Config, ProbeResult, Target
from exporter.probe import Prober
from exporter.report import conversation, log_fields, verdict
from exporter.schedule import Scheduler
from exporter.secrets import read_secret
from exporter.simulator import Scenario, Simulator, parse_scenario
from exporter.ticket import Ticket, make_ticket
from exporter.transport import Transport
from exporter.web import Listener, Ports, ProbeReport, Records, make_app

log = logging.getLogger(__name__)

Address = tuple[str | None, int]
"""Host and port to listen on; host None is every interface, port 0 any free port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an exporter serves. `max_requests` 0 is no limit; without `history_path` the history is memory only."""

    address: Address
    max_requests: int
    history_path: Path | None = None
    history_max_age: float = 7 * 86400.0


STOP_WITHIN = 4.0
"""Seconds from the signal to the end of the process, at the most."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which Python lets another thread run: a rendering in its thread holds up the loop no longer."""

LAG_EVERY = 0.5
"""Seconds between two looks at how late the event loop runs."""


class Exporter:
    """A running exporter: it probes on schedule, records, and answers the web side's questions."""

    def __init__(self, config: Config, prober: Prober, clock: Clock) -> None:
        self.config = config
        self.ready = False
        self._registry = CollectorRegistry()
        self._recorder = Recorder(self._registry, config.targets)
        self._recorder.config_loaded(clock.time())
        self._prober = prober
        self._clock = clock
        self._targets = {target.name: target for target in config.targets}
        self._places = asyncio.Semaphore(config.concurrency)
        self._on_demand: dict[str, asyncio.Task[ProbeResult]] = {}
        self._rendering = asyncio.Lock()
        self._verdicts: dict[str, str] = {}
        self._history = History()
        self._archive: Archive | None = None

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
        self._archive = archive

    def ports(self) -> Ports:
        """What the web side may ask."""
        return Ports(
            config=lambda: self.config,
            render=self._render,
            probe_now=self._probe_now,
            records=Records(failures=self._history.failures, find=self._history.find, ticket=self._ticket),
            ready=lambda: self.ready,
        )

    async def _render(self, openmetrics: bool) -> bytes:
        # One at a time, and in a thread: a scrape must not disturb a probe.
        async with self._rendering:
            with self._recorder.held():
                return await asyncio.to_thread(exposition, self._registry, openmetrics=openmetrics)

    async def run(self) -> None:
        """Probes until it is cancelled."""
        scheduler = Scheduler(self._attempt, self._recorder, self._clock, self._places)
        self.ready = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_lag())
                tasks.create_task(scheduler.run(self.config.targets))
        finally:
            self.ready = False

    async def _attempt(self, target: Target) -> None:
        result = await self._prober.probe(target)
        self._recorder.record(result)
        entry = self._history.record(result)
        if self._archive is not None:
            self._archive.append(entry)
        self._log(result)

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
            return await self._prober.probe(target, timeout)

    async def _watch_lag(self) -> None:
        while True:
            due = self._clock.monotonic() + LAG_EVERY
            await self._clock.sleep_until(due)
            self._recorder.loop_lagged(max(0.0, self._clock.monotonic() - due))


@asynccontextmanager
async def _prober(clock: Clock) -> AsyncIterator[Prober]:
    async with Transport(clock) as transport:
        yield Prober(send=transport.send, read_secret=read_secret, clock=clock, new_id=lambda: str(uuid4()))


async def serve(config: Config, options: Options, started: Callable[[int], None]) -> None:
    """Probes and listens until SIGTERM or SIGINT; `started` is told the port. Raises OSError if it cannot listen."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    clock = SystemClock()
    async with _prober(clock) as prober:
        exporter = Exporter(config, prober, clock)
        with _archive(options, clock, exporter) as archive:
            if archive is not None:
                exporter.keep(archive)
            async with Listener(make_app(exporter.ports(), options.max_requests), *options.address) as listener:
                started(listener.port)
                await _until_signalled(exporter.run())


def _archive(options: Options, clock: Clock, exporter: Exporter) -> AbstractContextManager[Archive | None]:
    if options.history_path is None:
        return nullcontext()
    return Archive(options.history_path, options.history_max_age, clock.time, exporter.history_writable)


async def once(config: Config, targets: Sequence[Target]) -> list[ProbeResult]:
    """Probes each of these targets once, as many at a time as the config allows."""
    places = asyncio.Semaphore(config.concurrency)

    async with _prober(SystemClock()) as prober:

        async def probe(target: Target) -> ProbeResult:
            async with places:
                return await prober.probe(target)

        return list(await asyncio.gather(*(probe(target) for target in targets)))


async def simulate(scenario: Scenario, address: Address, seed: int, started: Callable[[int], None]) -> None:
    """Runs the simulator alone until SIGTERM or SIGINT. Raises OSError if it cannot listen."""
    simulator = Simulator(scenario, SystemClock(), seed)
    async with Listener(simulator.make_app(), *address) as listener:
        started(listener.port)
        await _until_signalled(asyncio.Event().wait())


async def demo(options: Options, scenario: Scenario, started: Callable[[int], None]) -> None:
    """Runs simulator, prober and web side together until SIGTERM or SIGINT. Raises OSError if it cannot listen."""
    simulator = Simulator(scenario, SystemClock())
    async with Listener(simulator.make_app(), "127.0.0.1", 0) as listener:
        await serve(demo_config(listener.port), options, started)


def demo_config(simulator_port: int) -> Config:
    """The bundled config, its targets on the simulator at this port of the loopback interface."""
    text = Template(_bundled("demo.yaml")).substitute(simulator=f"http://127.0.0.1:{simulator_port}")
    config = parse_config(text, Path())
    if isinstance(config, list):
        raise TypeError(f"the bundled config is broken: {config[0]}")
    return config


def demo_scenario() -> Scenario:
    """The bundled scenario, in which AADSTS50000 rises and falls."""
    scenario = parse_scenario(_bundled("demo_scenario.yaml"))
    if isinstance(scenario, list):
        raise TypeError(f"the bundled scenario is broken: {scenario[0]}")
    return scenario


def _bundled(name: str) -> str:
    return files("exporter.simulator").joinpath(name).read_text(encoding="utf-8")


async def _until_signalled(work: Coroutine[None, None, object]) -> None:
    """Runs the work until the first SIGTERM or SIGINT; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    numbers = (signal.SIGTERM, signal.SIGINT)

    def stop(number: int) -> None:
        log.info("stopping", extra={"signal": signal.Signals(number).name})
        task.cancel()
        # Whatever hangs, a scrape of a huge config among it, must not outlast the deadline.
        deadline = threading.Timer(STOP_WITHIN, os._exit, (0,))
        deadline.daemon = True
        deadline.start()
        for again in numbers:
            loop.add_signal_handler(again, os._exit, 128 + again)

    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    with suppress(asyncio.CancelledError):
        await task
