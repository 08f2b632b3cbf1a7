"""Small pictures as SVG paths: the last hour of a target, minute by minute, and the phases of an attempt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

HEIGHT = 10
LEAST = 3
"""Height of a minute in which any attempt failed, at the least: one failure among many must be seen."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The paths of a strip: minutes are one wide, `HEIGHT` high, failures stand on the ground."""

    width: int
    succeeded: str
    failed: str
    words: str


def strip(minutes: Sequence[tuple[int, int]]) -> Strip:
    """Draws attempts and failures of each minute, oldest first; a minute without an attempt stays empty."""
    heights = [_failed_height(attempts, failures) for attempts, failures in minutes]
    attempted = [attempts > 0 for attempts, _ in minutes]
    failed = sum(failures for _, failures in minutes)
    total = sum(attempts for attempts, _ in minutes)
    return Strip(
        width=len(minutes),
        succeeded=_bars(
            HEIGHT if there and height < HEIGHT else 0 for there, height in zip(attempted, heights, strict=True)
        ),
        failed=_bars(heights),
        words=f"{failed} of {total} attempts failed in the last {len(minutes)} minutes",
    )


def _failed_height(attempts: int, failures: int) -> int:
    return max(LEAST, round(HEIGHT * failures / attempts)) if failures else 0


def _bars(heights: Iterable[int]) -> str:
    """The path of these bars; neighbours of one height are one."""
    path, begin, before = "", 0, 0
    for at, height in enumerate((*heights, 0)):
        if height != before:
            path += f"M{begin} {HEIGHT}V{HEIGHT - before}H{at}V{HEIGHT}z" if before else ""
            begin, before = at, height
    return path


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar that is 100 wide: where it begins, how wide it is, and what it stands for."""

    name: str
    x: float
    width: float
    seconds: float


def segments(parts: Mapping[str, float]) -> list[Segment]:
    """The parts of a whole, in seconds, side by side; none where the whole is nothing."""
    whole = sum(parts.values())
    made: list[Segment] = []
    x = 0.0
    for name, seconds in parts.items():
        if seconds > 0:
            width = 100 * seconds / whole
            made.append(Segment(name, round(x, 2), round(width, 2), seconds))
            x += width
    return made
