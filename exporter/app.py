"""The composition root: the only place where the parts meet."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from string import Template
from uuid import uuid4

from prometheus_client import CollectorRegistry

from exporter.clock import Clock, SystemClock
from exporter.config import parse_config
from exporter.metrics import Recorder, exposition, probe_registry
from exporter.model import Config, ProbeResult, Target
from exporter.probe import Prober
from exporter.report import conversation, log_fields
from exporter.schedule import Scheduler
from exporter.secrets import read_secret
from exporter.simulator import Scenario, Simulator, parse_scenario
from exporter.transport import Transport
from exporter.web import Listener, Ports, ProbeReport, make_app

log = logging.getLogger(__name__)

Address = tuple[str | None, int]
"""Host and port to listen on; host None is every interface, port 0 any free port."""

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
        self._failing: set[str] = set()

    def ports(self) -> Ports:
        """What the web side may ask."""
        return Ports(
            config=lambda: self.config,
            render=lambda openmetrics: exposition(self._registry, openmetrics=openmetrics),
            probe_now=self._probe_now,
            ready=lambda: self.ready,
        )

    async def run(self) -> None:
        """Probes until it is cancelled."""
        scheduler = Scheduler(self._attempt, self._recorder, self._clock, self.config.concurrency)
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
        self._log(result)

    def _log(self, result: ProbeResult) -> None:
        name = result.target.name
        if not result.outcome.success:
            log.warning("probe failed", extra=log_fields(result))
            self._failing.add(name)
        elif name in self._failing:
            log.info("probe succeeds again", extra=log_fields(result))
            self._failing.discard(name)
        else:
            log.debug("probe succeeded", extra=log_fields(result))

    async def _probe_now(self, name: str, timeout: float | None) -> ProbeReport | None:
        target = self._targets.get(name)
        if target is None:
            return None
        result = await self._prober.probe(target, timeout)
        registry = probe_registry(result)
        return ProbeReport(
            render=lambda openmetrics: exposition(registry, openmetrics=openmetrics),
            conversation=lambda: conversation(result),
        )

    async def _watch_lag(self) -> None:
        while True:
            due = self._clock.monotonic() + LAG_EVERY
            await self._clock.sleep_until(due)
            self._recorder.loop_lagged(max(0.0, self._clock.monotonic() - due))


@asynccontextmanager
async def _prober(clock: Clock) -> AsyncIterator[Prober]:
    async with Transport(clock) as transport:
        yield Prober(send=transport.send, read_secret=read_secret, clock=clock, new_id=lambda: str(uuid4()))


async def serve(config: Config, address: Address, max_requests: int, started: Callable[[int], None]) -> None:
    """Probes and listens until SIGTERM or SIGINT; `started` is told the port. Raises OSError if it cannot listen."""
    clock = SystemClock()
    async with _prober(clock) as prober:
        exporter = Exporter(config, prober, clock)
        async with Listener(make_app(exporter.ports(), max_requests), *address) as listener:
            started(listener.port)
            await _until_signalled(exporter.run())


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


async def demo(address: Address, max_requests: int, scenario: Scenario, started: Callable[[int], None]) -> None:
    """Runs simulator, prober and web side together until SIGTERM or SIGINT. Raises OSError if it cannot listen."""
    simulator = Simulator(scenario, SystemClock())
    async with Listener(simulator.make_app(), "127.0.0.1", 0) as listener:
        await serve(demo_config(listener.port), address, max_requests, started)


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

    def stop(number: int) -> None:
        log.info("stopping", extra={"signal": signal.Signals(number).name})
        task.cancel()
        loop.add_signal_handler(number, os._exit, 128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    with suppress(asyncio.CancelledError):
        await task
