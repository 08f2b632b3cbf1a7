"""Reads the config anew under a running exporter; a bad one changes nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from exporter.clock import Clock
from exporter.document import Problem
from exporter.exporter import Exporter
from exporter.model import Config, Target
from exporter.notify import Manager

log = logging.getLogger(__name__)

Load = Callable[[], Config | list[Problem]]
"""Reads the config's file."""

Retain = Callable[[Sequence[Target]], Awaitable[None]]
"""Lets go of secrets and connections of any other target than these."""


class Reloader:
    """Reloads one at a time; whoever asks meanwhile waits for a reading that began after they asked."""

    def __init__(self, load: Load, exporter: Exporter, manager: Manager, clock: Clock, retain: Retain) -> None:
        self._load = load
        self._exporter = exporter
        self._manager = manager
        self._clock = clock
        self._retain = retain
        self._one_at_a_time = asyncio.Lock()

    async def reload(self) -> Sequence[str]:
        """Takes up the config as its file is now; what is wrong with it, a line each, never with a value."""
        async with self._one_at_a_time:
            with self._manager.reloading(self._clock.monotonic()):
                return await self._reload()

    async def _reload(self) -> Sequence[str]:
        loaded = await asyncio.to_thread(self._load)
        if isinstance(loaded, Config):
            self._exporter.retarget(loaded)
            await self._retain(loaded.targets)
            log.info("config reloaded", extra={"targets": len(loaded.targets)})
            return ()
        self._exporter.refuse()
        problems = [str(problem) for problem in loaded]
        log.error("config has problems; the one before goes on", extra={"problems": problems})
        return problems
