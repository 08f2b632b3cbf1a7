"""When our own event loop was late: then the servers on it were late, too, and whoever asked them is not to blame."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from soak.figures import Span

LATE = 0.1
"""Seconds of which several make an answer miss a timeout: a handshake and an answer take a dozen turns of a loop."""

_TICK = 0.05


@asynccontextmanager
async def noting_lateness() -> AsyncIterator[list[Span]]:
    """Notes while the block runs; what is yielded grows meanwhile."""
    late: list[Span] = []
    noting = asyncio.create_task(_note(late))
    try:
        yield late
    finally:
        noting.cancel()
        await asyncio.wait([noting])


async def _note(late: list[Span]) -> None:
    while True:
        slept_at = time.time()
        await asyncio.sleep(_TICK)
        if (now := time.time()) - slept_at > _TICK + LATE:
            late.append((slept_at, now))
