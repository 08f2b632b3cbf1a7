"""Long work in steps: at one go, or in slices between which the event loop sees to everything else."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

from exporter.clock import Clock

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work in steps, each of them much shorter than a slice, and what it comes to."""

SLICE = 0.002
"""Seconds of work in one turn of the event loop."""


def at_one_go(work: Steps[T]) -> T:
    """Does work to its end, and returns what it comes to."""
    result: list[T] = []
    for _ in _kept(work, result):
        pass
    return result[0]


async def in_slices(work: Steps[T], clock: Clock) -> T:
    """Does work to its end, a slice in each turn of the event loop, and returns what it comes to.

    A thread would not do: Python's lock, which the loop lets go at every call of the system, would come back to it
    only after a while, and each attempt makes many calls.
    """
    result: list[T] = []
    until = clock.monotonic() + SLICE
    for _ in _kept(work, result):
        if clock.monotonic() >= until:
            await asyncio.sleep(0)
            until = clock.monotonic() + SLICE
    return result[0]


def _kept(work: Steps[T], result: list[T]) -> Steps[None]:
    """The same steps, and then what they come to in a list."""
    result.append((yield from work))
