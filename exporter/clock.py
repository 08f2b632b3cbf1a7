"""Time as an argument: the only place that asks the machine what time it is."""

import asyncio
import math
import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a way to wait: monotonic for durations, wall clock for stamps."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never steps."""
        ...

    def time(self) -> float:
        """Seconds since the Unix epoch, as the machine believes."""
        ...

    async def sleep_until(self, when: float) -> None:
        """Returns once `monotonic()` has reached `when`."""
        ...


class SystemClock:
    """The machine's own clocks and the running event loop's timers."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    async def sleep_until(self, when: float) -> None:
        if math.isinf(when):
            # No timer holds that; whoever waits for ever waits to be cancelled.
            await asyncio.get_running_loop().create_future()
        # In whole milliseconds, which is what event loops count in; some of them round down.
        await asyncio.sleep(max(0.0, math.ceil((when - time.monotonic()) * 1000) / 1000))
