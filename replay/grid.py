"""The synthetic grid: outages of every severity, spread over a week, each on one tenant."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from exporter.simulator import Entry, Scenario
from replay.fleet import TENANTS
from replay.world import DAY


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of outage: the share of attempts that fail, and for how long (seconds)."""

    ratio: float
    duration: float


CELLS = (
    Cell(1.0, 1800),
    Cell(1.0, 300),
    Cell(1.0, 120),
    Cell(0.5, 1800),
    Cell(0.5, 300),
    Cell(0.2, 7200),
    Cell(0.2, 1800),
    Cell(0.05, 10800),
)

OF_EACH = 5
"""Outages of each kind in a week."""

WARM_UP = 6 * 3600.0
QUIET = 2400.0
"""Seconds between two outages, at the least."""

DURATION = 7 * DAY


def grid(seed: int, duration: float = DURATION, of_each: int = OF_EACH) -> Scenario:
    """The scenario of one seed."""
    random = Random(f"grid {seed}")  # noqa: S311 - a replay, reproducible on purpose
    cells = list(CELLS) * of_each
    random.shuffle(cells)
    return Scenario("grid", tuple(_entries(cells, duration, random)))


def _entries(cells: list[Cell], duration: float, random: Random) -> Iterator[Entry]:
    busy = sum(cell.duration + QUIET for cell in cells)
    spare = duration - WARM_UP - busy
    if spare < 0:
        raise ValueError(f"so many outages need {busy + WARM_UP:.0f} s")
    # The spare time, cut at random, stands before the outages.
    cuts = sorted(random.random() * spare for _ in cells)
    at = WARM_UP
    for cell, cut, before in zip(cells, cuts, [0.0, *cuts], strict=False):
        at += cut - before
        tenant = random.choice(TENANTS)
        yield Entry.model_validate(
            {
                "from": _moment(at),
                "to": _moment(at + cell.duration),
                "ratio": cell.ratio,
                "targets": [tenant],
                "answer": {"code": "AADSTS50000"},
            }
        )
        at += cell.duration + QUIET


def _moment(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
