"""Long work in steps."""

import asyncio
from dataclasses import dataclass

import pytest
from fakes import FakeClock

from exporter.slices import SLICE, Steps, at_one_go, in_slices


@dataclass
class Counting:
    """Work that counts its steps; each takes so many seconds of a clock."""

    clock: FakeClock
    takes: float = 0.0
    done: int = 0

    def steps(self, count: int) -> Steps[str]:
        for _ in range(count):
            self.done += 1
            self.clock.now += self.takes
            yield
        return f"{count} steps"


def test_work_at_one_go_comes_to_its_end() -> None:
    """And what it comes to is returned."""
    work = Counting(FakeClock())

    assert at_one_go(work.steps(100)) == "100 steps"
    assert work.done == 100


@pytest.mark.parametrize(("takes", "turns"), [(0.0, 1), (SLICE / 4, 25), (SLICE, 100)])
async def test_others_have_their_turn_after_each_slice(takes: float, turns: int) -> None:
    """The loop turns once a slice, and not once a step."""
    work = Counting(FakeClock(), takes)
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(work.done)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    assert await in_slices(work.steps(100), work.clock) == "100 steps"
    looking.cancel()

    assert len(seen) in {turns - 1, turns, turns + 1}
    assert seen == sorted(seen)


async def test_what_breaks_in_a_step_comes_out() -> None:
    """As it was, so that the caller ends what it began."""

    def breaking() -> Steps[None]:
        yield
        raise LookupError

    with pytest.raises(LookupError):
        await in_slices(breaking(), FakeClock())
    with pytest.raises(LookupError):
        at_one_go(breaking())
