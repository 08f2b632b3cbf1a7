"""Whether the event loop stalled while an attempt ran: then its times, and its timeout, say nothing of the provider."""

import asyncio
import math

from exporter.clock import Clock

STALL = 0.25
"""Seconds for which nothing ran, above which an attempt's times are not to be trusted."""

_TICK = 0.05


class LoopWatch:
    """Looks every so often, while any attempt runs, at whether the loop comes back in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts = 0
        self._some = asyncio.Event()
        self._ticked_at = 0.0
        self._stalled_at = -math.inf

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await self._some.wait()
            await self._clock.sleep_until(self._clock.monotonic() + _TICK)
            self._look()

    def begin(self) -> float:
        """An attempt begins: the moment, on the monotonic clock."""
        if self._attempts:
            # What stalled before is not this attempt's.
            self._look()
        else:
            self._ticked_at = self._clock.monotonic()
            self._some.set()
        self._attempts += 1
        return self._clock.monotonic()

    def end(self, begun: float) -> bool:
        """An attempt that began at a moment ends; whether the loop stalled meanwhile."""
        self._attempts -= 1
        if not self._attempts:
            self._some.clear()
        # What woke the attempt after a stall runs before our own timer does.
        self._look()
        return self._stalled_at > begun

    def _look(self) -> None:
        now = self._clock.monotonic()
        if now - self._ticked_at > _TICK + STALL:
            self._stalled_at = now
        self._ticked_at = now
