"""Counts by the minute, for a day."""

from array import array
from collections.abc import Iterator

COUNTED_MINUTES = 24 * 60
"""How far back attempts are counted by the minute."""

MINUTE = 60.0


class Minutes:
    """How often something happened in each minute of the last day. Moments in Unix time."""

    __slots__ = ("_counts", "_latest")

    def __init__(self) -> None:
        # Ten attempts a second are the most that a config allows, so 16 bits hold a minute.
        self._counts = array("H", bytes(2 * COUNTED_MINUTES))
        self._latest = 0

    def count(self, moment: float) -> None:
        """Counts once more."""
        minute = int(moment // MINUTE)
        if abs(minute - self._latest) >= COUNTED_MINUTES:
            # Nothing yet, nothing for a day, or a clock that was set back so far that what it said is worth nothing.
            self._counts = array("H", bytes(2 * COUNTED_MINUTES))
            self._latest = minute
        for gone in range(self._latest + 1, minute + 1):
            self._counts[gone % COUNTED_MINUTES] = 0
        self._latest = max(self._latest, minute)
        self._counts[minute % COUNTED_MINUTES] += 1

    def since(self, moment: float) -> int:
        """How often since the minute of a moment began."""
        first = max(int(moment // MINUTE), self._latest - COUNTED_MINUTES + 1)
        return sum(self._counts[minute % COUNTED_MINUTES] for minute in range(first, self._latest + 1))

    def last(self, count: int, now: float) -> Iterator[int]:
        """How often in each of so many minutes, oldest first, up to the one that is under way."""
        current = int(now // MINUTE)
        kept = range(self._latest - COUNTED_MINUTES + 1, self._latest + 1)
        for minute in range(current - count + 1, current + 1):
            yield self._counts[minute % COUNTED_MINUTES] if minute in kept else 0
