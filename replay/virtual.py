"""Virtual time: an event loop that never waits, and the clock that it shows."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _NoWait(selectors.SelectSelector):
    """A selector for a loop that nobody talks to: in place of waiting it moves time on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs tasks as fast as they go; whoever sleeps wakes in the right order, at the right moment."""

    def __init__(self) -> None:
        self._selector_in_place_of_time = _NoWait()
        super().__init__(self._selector_in_place_of_time)

    def time(self) -> float:
        return self._selector_in_place_of_time.now


class VirtualClock:
    """The loop's time as both clocks; the epoch is the Unix time at which the loop began."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: float) -> None:
        self._loop = loop
        self._epoch = epoch

    def monotonic(self) -> float:
        return self._loop.time()

    def time(self) -> float:
        return self._epoch + self._loop.time()

    async def sleep_until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self._loop.time()))


def run(main: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Runs a coroutine to its end in the loop's virtual time."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
