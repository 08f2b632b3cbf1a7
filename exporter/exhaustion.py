"""Memory that runs out ends the process at once: what is half done cannot be trusted, and a supervisor restarts it.

Whoever meets a MemoryError hands it to the event loop, which ends up here.
"""

import asyncio
import os
import select
from contextlib import suppress
from typing import Any

_STDERR = 2
_LAST_WORDS = b"aadsts-exporter: out of memory\n"


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Ends the process with 1 where a MemoryError comes to the loop's exception handler."""
    loop.set_exception_handler(_handle)


def out_of_memory(error: MemoryError) -> None:
    """Hands what somebody met to the running loop's exception handler."""
    asyncio.get_running_loop().call_exception_handler({"message": "out of memory", "exception": error})


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), MemoryError):
        loop.default_exception_handler(context)
        return
    # Neither logs nor cleans up: both take memory, and a reader who does not read must not hold this up.
    with suppress(OSError, ValueError, MemoryError):
        if select.select((), (_STDERR,), (), 0)[1]:
            os.write(_STDERR, _LAST_WORDS)
    os._exit(1)
