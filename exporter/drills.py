"""Drills: for a while the target `drill` fails, and nothing is sent."""

import asyncio
import logging
from dataclasses import replace

from exporter.clock import Clock
from exporter.drill import answering, drill_target
from exporter.metrics import Recorder
from exporter.outage import Allowance, Watch
from exporter.probe import Prober

log = logging.getLogger(__name__)


class Drills:
    """Reports made-up failures by the very way of real ones, but for the history."""

    def __init__(self, prober: Prober, recorder: Recorder, clock: Clock) -> None:
        self._prober = prober
        self._recorder = recorder
        self._clock = clock
        self._drill: asyncio.Task[None] | None = None

    def begin(self, code: str, seconds: float) -> None:
        """Reports made-up failures with this code for so many seconds, in place of a drill under way."""
        log.warning("drill begins", extra={"code": code, "seconds": seconds})
        drill = self._run(code, self._clock.monotonic() + seconds, self._drill)
        self._drill = asyncio.create_task(drill)

    def end(self) -> None:
        """Ends the drill under way, if there is one."""
        if self._drill is not None:
            self._drill.cancel()

    async def _run(self, code: str, until: float, before: asyncio.Task[None] | None) -> None:
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
                self._recorder.tested(target, watch.test.evidence, certain=watch.test.certain)
                await self._clock.sleep_until(now + target.interval)
        finally:
            # Nothing of it enters the history: no ticket may speak of what did not happen.
            self._recorder.forget(target.name)
            log.warning("drill ends", extra={"code": code})
