"""When: spread first runs, no drift, no overlap of a target with itself, a bounded number at a time."""

import asyncio
import heapq
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, TypeVar

from exporter.catalogue import Skip
from exporter.clock import Clock
from exporter.exhaustion import out_of_memory
from exporter.model import Target

T = TypeVar("T")

log = logging.getLogger(__name__)

SLOT = 1 / 32
"""Seconds; what is due within them is due together: to wake up for one attempt alone costs as much as half of it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A target is due. Times on the monotonic clock; `missed` ticks passed unnoticed before this one."""

    target: Target
    due: float
    next_due: float
    missed: int


class Timetable:
    """Which target is due when: each on a grid of its own, `start + offset + k * interval`, whatever happens."""

    def __init__(self, targets: Iterable[Target], start: float) -> None:
        self._start = start
        self._heap: list[tuple[float, int, Target]] = []
        self.retarget(targets, start)

    def retarget(self, targets: Iterable[Target], now: float) -> None:
        """Keeps time for these targets in place of those before; a target on the same grid misses none of its ticks."""
        before = {(target.name, target.interval): due for due, _, target in self._heap}
        self._heap = [
            (before.get((target.name, target.interval)) or self._first(target, now), order, target)
            for order, target in enumerate(targets)
        ]
        heapq.heapify(self._heap)

    def _first(self, target: Target, now: float) -> float:
        return _first_from(self._start + offset(target.name, target.interval), target.interval, now)

    def dues(self) -> list[tuple[Target, float]]:
        """Each target with the moment at which it is due."""
        return [(target, due) for due, _, target in self._heap]

    def next_due(self) -> float:
        """The moment at which the next target is due; infinity where there is none."""
        return self._heap[0][0] if self._heap else float("inf")

    def due(self, now: float) -> list[Tick]:
        """Takes the targets that are due, the longest waiting first; each at most once, on its latest tick."""
        ticks = []
        while self._heap and self._heap[0][0] <= now:
            first, order, target = self._heap[0]
            missed = int((now - first) / target.interval)
            latest = first + missed * target.interval
            tick = Tick(target, latest, latest + target.interval, missed)
            heapq.heapreplace(self._heap, (tick.next_due, order, target))
            ticks.append(tick)
        return ticks


def offset(name: str, interval: float) -> float:
    """Seconds into its interval at which a target is due: its share of it, in whole slots."""
    return share(name) * interval // SLOT * SLOT


def share(name: str) -> float:
    """A share in [0, 1) that depends on a target's name alone, so that restarts neither move targets nor bunch them."""
    return int.from_bytes(blake2b(name.encode(), digest_size=7).digest(), "big") / 2**56


def _first_from(due: float, interval: float, moment: float) -> float:
    """The first of the moments `due + k * interval` that is not before another one."""
    return due + max(0, math.ceil((moment - due) / interval)) * interval


class Observer(Protocol):
    """Who is told how the schedule is kept."""

    def scheduled(self, target: Target, next_attempt: float) -> None:
        """The target's next attempt, in Unix time."""

    def started(self, delay: float) -> None:
        """An attempt began so many seconds after it was due."""

    def skipped(self, target: Target, reason: Skip, count: int) -> None:
        """So many attempts were not made."""

    def crashed(self, target: Target, at: float) -> None:
        """An attempt of the timetable ended in an error of ours at this Unix time."""

    def extra_crashed(self) -> None:
        """An attempt beside the timetable ended in an error of ours."""


CONFIRM_EVERY = 1.5
"""Seconds between the starts of two attempts that are made to be sure of an outage."""

LANES = 3
"""How many such attempts of a target may run at a time: a timeout alone should not make certainty wait."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an attempt asks of the schedule: another one soon, to be sure, or none for so many seconds."""

    confirm: bool = False
    pause: float = 0.0


Attempt = Callable[[Target], Awaitable[Wish]]
"""Makes one attempt of the timetable."""

Confirm = Callable[[Target], Awaitable[bool]]
"""Makes one more attempt to be sure; True asks for another."""


class Scheduler:
    """Runs attempts on the timetable until it is cancelled, in as many places as there are.

    An attempt that asks for it is confirmed: `confirm` is called every so often beside the timetable, until it, too,
    says that this is enough. One that asks for a pause is followed by none on the timetable until it is over. A target
    that has a next credential is attempted with that, too, whenever it is attempted.
    """

    def __init__(
        self,
        attempt: Attempt,
        confirm: Confirm,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self._attempt = attempt
        self._confirm = confirm
        self._observer = observer
        self._clock = clock
        self._places: asyncio.Semaphore
        self._confirming_places: asyncio.Semaphore
        self._targets: tuple[Target, ...] = ()
        self._timetable: Timetable
        self._timekeeper: asyncio.Task[None] | None = None
        self._attempts: asyncio.TaskGroup
        self._running: set[str] = set()
        self._rotating: set[str] = set()
        self._paused_until: dict[str, float] = {}
        self._lanes: Counter[str] = Counter()

    def give(self, places: asyncio.Semaphore, confirming_places: asyncio.Semaphore) -> None:
        """Where attempts run from now on: each in one of the places, and one that confirms in one of both."""
        self._places = places
        self._confirming_places = confirming_places

    async def run(self) -> None:
        """Makes attempts for ever; cancelling it cancels those under way.

        The timetable begins now: what a start with many targets took before is not made up for.
        """
        self._timetable = Timetable(self._targets, self._clock.monotonic())
        async with asyncio.TaskGroup() as self._attempts:
            self._keep_time()

    def retarget(self, targets: Iterable[Target]) -> None:
        """Makes attempts of these targets from now on; attempts under way come to their end.

        Targets that were there before keep their schedule.
        """
        self._targets = tuple(targets)
        if self._timekeeper is not None:
            self._timetable.retarget(self._targets, self._clock.monotonic())
            self._timekeeper.cancel()
            self._keep_time()

    def _keep_time(self) -> None:
        for target, due in self._timetable.dues():
            self._announce(target, _first_from(due, target.interval, self._paused_until.get(target.name, due)))
        self._timekeeper = self._attempts.create_task(self._take_all())

    async def _take_all(self) -> None:
        while True:
            await self._clock.sleep_until(self._timetable.next_due())
            for tick in self._timetable.due(self._clock.monotonic()):
                self._take(tick)

    def _take(self, tick: Tick) -> None:
        target = tick.target
        paused_until = self._paused_until.get(target.name, 0.0)
        self._announce(target, _first_from(tick.next_due, target.interval, paused_until))
        if tick.missed:
            self._observer.skipped(target, Skip.MISSED, tick.missed)
        if tick.due < paused_until:
            self._observer.skipped(target, Skip.THROTTLED, 1)
            return
        if target.name in self._running:
            self._observer.skipped(target, Skip.OVERLAP, 1)
            return
        self._running.add(target.name)
        self._attempts.create_task(self._run(tick), name=f"attempt {target.name}")
        rotated = target.rotated()
        if rotated is not None and target.name not in self._rotating:
            self._rotating.add(target.name)
            self._attempts.create_task(self._run_rotated(rotated), name=f"attempt {target.name} next")

    async def _run(self, tick: Tick) -> None:
        target = tick.target
        try:
            wish = await self._guarded(self._attempt, target, tick.due) or Wish()
            if wish.confirm:
                self._open_lanes(target)
            if wish.pause > 0:
                self._pause(tick, self._clock.monotonic() + wish.pause)
        finally:
            self._running.discard(target.name)

    async def _run_rotated(self, target: Target) -> None:
        """Makes an attempt with the next credential, in a place of its own: nothing waits for it."""
        try:
            await self._guarded(self._attempt, target, None)
        finally:
            self._rotating.discard(target.name)

    def _pause(self, tick: Tick, until: float) -> None:
        self._paused_until[tick.target.name] = until
        self._announce(tick.target, _first_from(tick.next_due, tick.target.interval, until))

    def _open_lanes(self, target: Target) -> None:
        if self._lanes[target.name]:
            return
        self._lanes[target.name] = LANES
        now = self._clock.monotonic()
        for lane in range(1, LANES + 1):
            self._attempts.create_task(
                self._run_lane(target, now + lane * CONFIRM_EVERY), name=f"confirm {target.name}"
            )

    async def _run_lane(self, target: Target, due: float) -> None:
        try:
            while True:
                await self._clock.sleep_until(due)
                # Few at a time, so that the timetable keeps its places where everything hangs.
                async with self._confirming_places:
                    wanted = await self._guarded(self._confirm, target, None)
                if not wanted:
                    return
                due = max(due + LANES * CONFIRM_EVERY, self._clock.monotonic())
        finally:
            self._lanes[target.name] -= 1

    async def _guarded(self, attempt: Callable[[Target], Awaitable[T]], target: Target, due: float | None) -> T | None:
        """Makes an attempt in a place of its own; what is due on the timetable is timed. None after an error."""
        try:
            async with self._places:
                if due is not None:
                    self._observer.started(self._clock.monotonic() - due)
                return await attempt(target)
        except MemoryError as error:
            out_of_memory(error)
            raise
        except Exception:
            # A bug that one target's answers bring out must not end the probing of all others.
            log.exception("internal error", extra={"target": target.name})
            if due is None:
                self._observer.extra_crashed()
            else:
                self._observer.crashed(target, self._clock.time())
            return None

    def _announce(self, target: Target, due: float) -> None:
        self._observer.scheduled(target, self._clock.time() + due - self._clock.monotonic())
