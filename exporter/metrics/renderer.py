"""/metrics for a scrape, made while the event loop goes on."""

import asyncio
from collections.abc import Sequence

from exporter.clock import Clock
from exporter.metrics.recorder import Recorder
from exporter.metrics.writer import Writer
from exporter.slices import in_slices


class Renderer:
    """Has series written that a recorder changes, for one scrape at a time."""

    def __init__(self, writer: Writer, recorder: Recorder, clock: Clock) -> None:
        self._writer = writer
        self._recorder = recorder
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        # The first time takes ten times as long; here nothing waits for it yet.
        self._writer.write(openmetrics=True)

    async def render(self, openmetrics: bool) -> Sequence[bytes]:
        """All samples in pieces, in OpenMetrics 1.0 or in Prometheus's text format 0.0.4."""
        async with self._one_at_a_time:
            with self._recorder.held():
                await in_slices(self._writer.read(), self._clock)
            return await in_slices(self._writer.make(openmetrics=openmetrics), self._clock)
