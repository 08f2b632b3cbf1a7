"""The composition root: the only place where the parts meet."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeVar
from uuid import uuid4

import aiohttp

from exporter import exhaustion, logs
from exporter.answers import Answers
from exporter.archive import Archive
from exporter.clock import Clock, SystemClock
from exporter.config import load_web_config, parse_config
from exporter.document import Problem
from exporter.durations import show_duration
from exporter.evidence import printable
from exporter.exporter import Exporter
from exporter.loops import new_event_loop
from exporter.model import Config, ProbeResult, Target
from exporter.notify import Manager
from exporter.probe import Prober
from exporter.reload import Load, Reloader, Retain
from exporter.secrets import Keyring
from exporter.shard import ALONE, Shard
from exporter.simulator import Scenario, Simulator, parse_scenario
from exporter.state import Keeper
from exporter.status import TargetStatus
from exporter.transport import Transport
from exporter.web import Limits, Listener, Protection, Reload, make_app

log = logging.getLogger(__name__)

T = TypeVar("T")

Address = tuple[str | None, int]
"""Host and port to listen on; host None is every interface, port 0 any free port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an exporter serves. `max_requests` 0 is no limit; without `history_path` the history is memory only.

    `lifecycle` lets HTTP reload the config. Without `scheduled` it probes on demand only; a result of that serves again
    for `freshness` seconds.
    """

    address: Address
    max_requests: int
    protection: Protection
    drills: bool = False
    lifecycle: bool = False
    shard: Shard = ALONE
    scheduled: bool = True
    freshness: float = 0.0
    history_path: Path | None = None
    history_max_age: float = 7 * 86400.0


MAX_SAID = 300
"""Characters shown of what a running exporter answers."""

DRILL_TIMEOUT = 10.0
"""Seconds within which a running exporter must take up a drill."""

HEALTHY_TIMEOUT = 3.0
"""Seconds within which a running exporter must say that it is healthy."""

STOP_WITHIN = 4.0
"""Seconds from the signal to the end of the process, at the most."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which Python lets another thread run: a page that is made or a config that is read in one holds up the
loop no longer."""


def run(work: Coroutine[None, None, T]) -> T:
    """Runs work to its end, on the event loop that costs least where there is one."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


GARBAGE_THRESHOLDS = (2_000, 100, 50)
"""When Python looks for garbage in cycles: among few at a time, and among what lives longest once in ten million."""

_SIMULATED = Limits(connections=65536)
"""The simulator has as many connections as a prober has attempts."""


def protect(path: Path | None) -> Protection | list[Problem]:
    """How a web config protects the web side, or everything that is wrong with it; without one, not at all."""
    protection = Protection(path, load_web_config)
    return protection.problems or protection


@asynccontextmanager
async def real_prober(clock: Clock, keyring: Keyring, keeper: Keeper) -> AsyncIterator[Prober]:
    """A prober that reads real secrets and asks real servers, while the block runs."""
    async with Transport(clock) as transport:
        prober = Prober(
            send=transport.send,
            read=keyring.read,
            hold=keeper.hold,
            clock=clock,
            new_id=lambda: str(uuid4()),
            retain=transport.retain,
        )
        try:
            yield prober
        finally:
            await prober.finish()


Show = Callable[[Sequence[TargetStatus], float], None]
"""Shows how the targets stand at a moment, in Unix time."""

SHOWN_EVERY = 1.0
"""Seconds between two looks at how the targets stand."""


async def serve(
    config: Config,
    options: Options,
    started: Callable[[int], None],
    load: Load | None = None,
    show: Show | None = None,
) -> None:
    """Probes and listens until SIGTERM or SIGINT; `started` is told the port, `show` how the targets stand.

    With a way to `load` the config, SIGHUP reads it anew. Raises OSError if it cannot listen.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    exhaustion.watch(asyncio.get_running_loop())
    clock = SystemClock()
    keyring, keeper = Keyring(), Keeper(clock)
    async with real_prober(clock, keyring, keeper) as prober:
        exporter = Exporter(
            config, prober, clock, shard=options.shard, scheduled=options.scheduled, freshness=options.freshness
        )
        answers = Answers(exporter, clock)
        manager = Manager.of(os.environ, os.getpid())
        reload = Reloader(load, exporter, manager, clock, _retain(prober, keyring, keeper)).reload if load else None
        _settle_memory()
        with logs.aside(exporter.log_line_lost), _archive(options, clock, exporter) as archive:
            if archive is not None:
                exporter.keep(archive)
            ports = answers.ports(drills=options.drills, reload=reload if options.lifecycle else None)
            async with (
                Listener(
                    make_app(ports, options.max_requests, options.protection),
                    *options.address,
                    protection=options.protection,
                ) as listener,
                manager.told(clock),
            ):
                started(listener.port)
                await _until_signalled(_run(exporter, answers, clock, reload, show))


def _retain(prober: Prober, keyring: Keyring, keeper: Keeper) -> Retain:
    async def retain(targets: Sequence[Target]) -> None:
        keyring.retain({source for target in targets for source in target.sources})
        keeper.retain({target.state_file for target in targets if target.state_file is not None})
        await prober.retain({target.name for target in targets if target.reuse_connection})

    return retain


def _settle_memory() -> None:
    """Takes what is there by now out of every later search for garbage: with 10,000 targets one would hold up all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def _run(exporter: Exporter, answers: Answers, clock: Clock, reload: Reload | None, show: Show | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(exporter.run())
        if reload is not None:
            tasks.create_task(_reload_on_signal(reload))
        while show is not None:
            show(await answers.statuses(), clock.time())
            await clock.sleep_until(clock.monotonic() + SHOWN_EVERY)


async def _reload_on_signal(reload: Reload) -> None:
    """Reads the config anew at each SIGHUP; signals that come meanwhile are answered by one more reading."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    while True:
        await asked.wait()
        asked.clear()
        await reload()


def _archive(options: Options, clock: Clock, exporter: Exporter) -> AbstractContextManager[Archive | None]:
    if options.history_path is None:
        return nullcontext()
    return Archive(options.history_path, options.history_max_age, clock.time, exporter.history_writable)


async def once(config: Config, targets: Sequence[Target]) -> list[ProbeResult]:
    """Probes each of these targets once, with its next credential too, as many at a time as the config allows."""
    places = asyncio.Semaphore(config.concurrency)

    clock = SystemClock()
    async with real_prober(clock, Keyring(), Keeper(clock)) as prober:

        async def probe(target: Target) -> ProbeResult:
            async with places:
                return await prober.probe(target)

        both = (each for target in targets for each in (target, target.rotated()) if each is not None)
        return list(await asyncio.gather(*map(probe, both)))


async def drill(url: str, code: str, seconds: float) -> tuple[bool, str]:
    """Asks a running exporter to report a made-up failure; whether it does, and what it said. Raises OSError."""
    return await _ask("POST", url, "/-/drill", DRILL_TIMEOUT, {"code": code, "for": show_duration(seconds)})


async def healthy(url: str) -> tuple[bool, str]:
    """Asks a running exporter how it is; whether it is healthy, and what it said. Raises OSError."""
    return await _ask("GET", url, "/-/healthy", HEALTHY_TIMEOUT)


async def _ask(
    method: str, url: str, path: str, seconds: float, asked: Mapping[str, str] | None = None
) -> tuple[bool, str]:
    """Asks a running exporter; whether it answers 200, and its words, printable and not too many. Raises OSError."""
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url.rstrip("/") + path, params=asked, allow_redirects=False) as response,
        ):
            said = await response.text(errors="replace")
            return response.status == HTTPStatus.OK, printable(said.strip())[:MAX_SAID] or f"HTTP {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(f"no exporter answers at {url}: {str(error) or 'timeout'}") from None


async def simulate(scenario: Scenario, address: Address, seed: int, started: Callable[[int], None]) -> None:
    """Runs the simulator alone until SIGTERM or SIGINT. Raises OSError if it cannot listen."""
    simulator = Simulator(scenario, SystemClock(), seed)
    async with Listener(simulator.make_app(), *address, limits=_SIMULATED) as listener:
        started(listener.port)
        await _until_signalled(asyncio.Event().wait())


async def demo(options: Options, scenario: Scenario, started: Callable[[int], None], show: Show | None) -> None:
    """Runs simulator, prober and web side together until SIGTERM or SIGINT. Raises OSError if it cannot listen."""
    simulator = Simulator(scenario, SystemClock())
    async with Listener(simulator.make_app(), "127.0.0.1", 0, limits=_SIMULATED) as listener:
        await serve(demo_config(listener.port), options, started, show=show)


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
        # Whatever hangs, the reading of a huge config among it, must not outlast the deadline.
        deadline = threading.Timer(STOP_WITHIN, os._exit, (0,))
        deadline.daemon = True
        deadline.start()
        for again in numbers:
            loop.add_signal_handler(again, os._exit, 128 + again)

    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    with suppress(asyncio.CancelledError):
        await task
