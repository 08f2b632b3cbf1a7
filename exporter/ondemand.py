"""Attempts that somebody asks for by /probe: one for all who ask at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable

from exporter.clock import Clock
from exporter.model import ProbeResult, Target

Probe = Callable[[Target, float | None], Awaitable[ProbeResult]]
"""Makes one attempt of a target within so many seconds."""


class OnDemand:
    """Makes attempts on demand; a result serves again until it is `freshness` seconds old.

    So two Prometheus servers that scrape one target do not make twice as many attempts.
    """

    def __init__(self, probe: Probe, clock: Clock, freshness: float) -> None:
        self._probe = probe
        self._clock = clock
        self._freshness = freshness
        self._under_way: dict[Target, asyncio.Task[ProbeResult]] = {}
        self._made: dict[str, tuple[Target, ProbeResult, float]] = {}

    async def probe(self, target: Target, timeout: float | None) -> ProbeResult:
        """The result of the attempt just made, or of the one under way, or else of a new one."""
        if (fresh := self._fresh(target)) is not None:
            return fresh
        task = self._under_way.get(target)
        if task is None:
            task = asyncio.create_task(self._make(target, timeout))
            self._under_way[target] = task
            task.add_done_callback(lambda _: self._under_way.pop(target))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Lets every result go: another config's targets are others, and these hold secrets of those before."""
        self._made.clear()

    async def _make(self, target: Target, timeout: float | None) -> ProbeResult:
        result = await self._probe(target, timeout)
        if self._freshness:
            self._made[target.name] = target, result, self._clock.monotonic()
        return result

    def _fresh(self, target: Target) -> ProbeResult | None:
        made = self._made.get(target.name)
        if made is None or made[0] is not target or self._clock.monotonic() - made[2] >= self._freshness:
            return None
        return made[1]
