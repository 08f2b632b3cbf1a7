"""The exporter, looked into: `python -m soak.served FOLDER NAME_SERVER serve [FLAGS...]`.

Asks that name server in place of the system's. Each attempt leaves a line of JSON in FOLDER/notes, and SIGUSR1 has what
the process holds written to FOLDER/held: only the process itself knows of its tasks, and how long an attempt took.
"""

import asyncio
import json
import signal
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from exporter import app, exporter
from exporter.__main__ import main
from exporter.clock import Clock
from exporter.loopwatch import LoopWatch
from exporter.model import ProbeResult, Target
from exporter.probe import Prober, disturb
from exporter.secrets import Keyring
from exporter.state import Keeper
from exporter.transport import Transport

NOTES, HELD = "notes", "held"

_TICK = 0.02
_PUNCTUAL = 0.005
"""Seconds by which a timer is always late."""


class Lateness:
    """By how many seconds the event loop was late so far, all in all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = clock.monotonic()
        self._sum = 0.0

    async def run(self) -> None:
        """Adds up until it is cancelled."""
        while True:
            self._due = self._clock.monotonic() + _TICK
            await self._clock.sleep_until(self._due)
            self._sum = self.so_far()

    def so_far(self) -> float:
        """The seconds up to now: what wakes others after a stall runs before our own timer does."""
        late = self._clock.monotonic() - self._due
        return self._sum + (late if late > _PUNCTUAL else 0.0)


class NotingProber(Prober):
    """Notes each attempt down, with its seconds, and whether the exporter's own watch saw a stall meanwhile."""

    def __init__(
        self,
        transport: Transport,
        keyring: Keyring,
        keeper: Keeper,
        clock: Clock,
        watch: LoopWatch,
        lateness: Lateness,
        notes: TextIO,
    ) -> None:
        super().__init__(
            send=transport.send,
            read=keyring.read,
            hold=keeper.hold,
            clock=clock,
            new_id=lambda: str(uuid4()),
            retain=transport.retain,
        )
        self._watch = watch
        self._lateness = lateness
        self._notes = notes

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        """Extends the prober's."""
        lost = self._lateness.so_far()
        begun = self._watch.begin()
        try:
            result = await super().probe(target, timeout)
            seconds = self.clock.monotonic() - begun
        finally:
            stalled = self._watch.end(begun)
        failure = (disturb(result) if stalled else result).outcome.failure
        within = min(target.timeout, timeout or target.timeout)
        note = (
            target.name,
            self.clock.time(),
            within,
            seconds,
            self._lateness.so_far() - lost,
            stalled,
            failure.side if failure else "",
        )
        self._notes.write(f"{json.dumps(note)}\n")
        self._notes.flush()
        return result


def look_into(folder: Path, name_server: str) -> None:
    """Puts in place of the exporter's own parts those that tell."""

    @asynccontextmanager
    async def prober(clock: Clock, keyring: Keyring, keeper: Keeper) -> AsyncIterator[Prober]:
        watch = LoopWatch(clock)
        # The exporter's own: what it takes for a stall is what is noted.
        exporter.LoopWatch = lambda _clock: watch  # type: ignore[assignment, attr-defined]
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, _tell, folder / HELD, loop)
        lateness = Lateness(clock)
        adding_up = asyncio.create_task(lateness.run())
        with (folder / NOTES).open("a", encoding="utf-8") as notes:
            async with Transport(clock, (name_server,)) as transport:
                made = NotingProber(transport, keyring, keeper, clock, watch, lateness, notes)
                try:
                    yield made
                finally:
                    await made.finish()
                    adding_up.cancel()

    app.real_prober = prober


def _tell(path: Path, loop: asyncio.AbstractEventLoop) -> None:
    tasks = Counter(_name(task) for task in asyncio.all_tasks(loop))
    threads = Counter(thread.name.rstrip("0123456789") for thread in threading.enumerate())
    (written := path.with_suffix(".new")).write_text(json.dumps([tasks, threads]), encoding="utf-8")
    written.replace(path)


def _name(task: asyncio.Task[object]) -> str:
    """What a task runs, by the name of its coroutine's function."""
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", None) or repr(coroutine)


if __name__ == "__main__":
    look_into(Path(sys.argv.pop(1)), sys.argv.pop(1))
    main()
