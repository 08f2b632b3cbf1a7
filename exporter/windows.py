"""How many of the last so many attempts failed, and how: exact, whatever the scrape interval is."""

from collections import Counter, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

SIZES = (8, 40)
"""Attempts in a window: the short one shows what is going on, the long one what goes on now and then."""

Kind = TypeVar("Kind", bound=Hashable)


class Windows(Generic[Kind]):
    """Counts kinds of failures among the latest attempts, in a window of each size."""

    __slots__ = ("_counts", "_kinds")

    def __init__(self) -> None:
        self._kinds: deque[Kind | None] = deque(maxlen=max(SIZES))
        self._counts: dict[int, Counter[Kind]] = {size: Counter() for size in SIZES}

    def add(self, kind: Kind | None) -> Iterator[tuple[Kind, int, int]]:
        """Takes in one attempt, None where it did not fail; yields kind, window size and count of what changed."""
        leaving = {size: self._kinds[-size] for size in SIZES if len(self._kinds) >= size}
        self._kinds.append(kind)
        for size, counts in self._counts.items():
            left = leaving.get(size)
            if left == kind:
                continue
            if kind is not None:
                counts[kind] += 1
                yield kind, size, counts[kind]
            if left is not None:
                counts[left] -= 1
                yield left, size, counts[left]
