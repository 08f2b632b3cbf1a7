"""The evidence: what became of the latest attempts, in memory and within bounds.

Failures are kept longer than successes, because they are what somebody will ask about.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

from exporter.model import ProbeResult
from exporter.report import fields

SUCCESSES_PER_TARGET = 10
FAILURES_PER_TARGET = 200
MAX_FAILURES = 5_000
"""Failures of all targets together; the oldest of the target that has most makes room."""

ROOM = 500
"""How many of them make room at a time."""

COUNTED_MINUTES = 24 * 60
"""How far back attempts are counted by the minute."""

COUNTED_CODES = 20
"""Codes of one target that are counted apart; further ones are counted as failures only."""

_MINUTE = 60

OF_A_SUCCESS = frozenset({"duration_seconds", "phases_seconds", "status", "trace_id"})
"""What is worth its memory of an attempt that nobody will complain about."""

OF_A_FAILURE = frozenset(
    {"side", "category", "stage", "reason", "code", "status", "trace_id", "phases_seconds", "body"}
)
"""What the pages rely on being there of a failure."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt as it is kept. `values` are those of `report.fields`, some of a success and more of a failure."""

    id: int
    target: str
    started_at: float
    success: bool
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts of a target since a moment, those that failed, and how often with which code."""

    attempts: int = 0
    failures: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)


class _Ring:
    """Counts by the minute, for a day."""

    __slots__ = ("_counts", "_latest")

    def __init__(self) -> None:
        # Ten attempts a second are the most that a config allows, so 16 bits hold a minute.
        self._counts = array("H", bytes(2 * COUNTED_MINUTES))
        self._latest = 0

    def count(self, moment: float) -> None:
        minute = int(moment // _MINUTE)
        if minute <= self._latest - COUNTED_MINUTES:
            # The clock was set back by more than is counted: what it said before is worth nothing.
            self._counts = array("H", bytes(2 * COUNTED_MINUTES))
            self._latest = minute
        for gone in range(max(self._latest + 1, minute - COUNTED_MINUTES + 1), minute + 1):
            self._counts[gone % COUNTED_MINUTES] = 0
        self._latest = max(self._latest, minute)
        self._counts[minute % COUNTED_MINUTES] += 1

    def since(self, moment: float) -> int:
        first = max(int(moment // _MINUTE), self._latest - COUNTED_MINUTES + 1)
        return sum(self._counts[minute % COUNTED_MINUTES] for minute in range(first, self._latest + 1))


@dataclass(slots=True)
class _Kept:
    """What is kept of one target."""

    successes: deque[Entry] = field(default_factory=lambda: deque(maxlen=SUCCESSES_PER_TARGET))
    failures: deque[Entry] = field(default_factory=lambda: deque(maxlen=FAILURES_PER_TARGET))
    attempted: _Ring = field(default_factory=_Ring)
    failed: _Ring = field(default_factory=_Ring)
    codes: dict[str, _Ring] = field(default_factory=dict)

    def count(self, entry: Entry) -> None:
        self.attempted.count(entry.started_at)
        if entry.success:
            return
        self.failed.count(entry.started_at)
        code = entry.values.get("code")
        if code and (code in self.codes or len(self.codes) < COUNTED_CODES):
            self.codes.setdefault(code, _Ring()).count(entry.started_at)

    def tally(self, since: float) -> Tally:
        codes = {code: ring.since(since) for code, ring in self.codes.items()}
        return Tally(self.attempted.since(since), self.failed.since(since), {code: n for code, n in codes.items() if n})


class History:
    """Keeps the latest attempts of each target. Not for use from several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._next_id = 1
        self._failures = 0

    def begin_at(self, number: int) -> None:
        """Gives the next entry this id."""
        self._next_id = number

    def record(self, result: ProbeResult) -> Entry:
        """Keeps one result."""
        entry = Entry(
            self._next_id,
            result.target.name,
            result.started_at,
            result.outcome.success,
            MappingProxyType(_values(result)),
        )
        self.restore(entry)
        return entry

    def restore(self, entry: Entry) -> None:
        """Keeps an entry that was made before; entries come in the order of their ids."""
        self._next_id = entry.id + 1
        kept = self._kept.setdefault(entry.target, _Kept())
        kept.count(entry)
        if entry.success:
            kept.successes.append(entry)
            return
        self._failures += len(kept.failures) < FAILURES_PER_TARGET
        kept.failures.append(entry)
        if self._failures > MAX_FAILURES:
            self._make_room()

    def _make_room(self) -> None:
        """Drops the oldest failures of those targets that have most; many at once, for each look at all targets."""
        heap = [(-len(kept.failures), order, kept) for order, kept in enumerate(self._kept.values())]
        heapq.heapify(heap)
        for _ in range(ROOM):
            count, order, kept = heap[0]
            kept.failures.popleft()
            heapq.heapreplace(heap, (count + 1, order, kept))
        self._failures -= ROOM

    def failures(self, *, since: float = 0.0, target: str = "", code: str = "") -> list[Entry]:
        """The failures kept, newest first: all, or those since a moment, of a target, with a code."""
        chosen = self._of(target)
        return sorted(
            (
                entry
                for entry in chain.from_iterable(kept.failures for kept in chosen)
                if entry.started_at >= since and (not code or entry.values["code"] == code)
            ),
            key=lambda entry: entry.id,
            reverse=True,
        )

    def recent(self, target: str) -> list[Entry]:
        """What is kept of one target, newest first."""
        kept = self._kept.get(target, _Kept())
        return sorted(chain(kept.successes, kept.failures), key=lambda entry: entry.id, reverse=True)

    def find(self, number: int) -> Entry | None:
        """The failure with this id, if it is still kept."""
        return next((entry for entry in self.failures() if entry.id == number), None)

    def tallies(self, since: float) -> dict[str, Tally]:
        """What each target's attempts came to since a moment, to the minute."""
        return {name: kept.tally(since) for name, kept in self._kept.items()}

    def _of(self, target: str) -> Iterable[_Kept]:
        if not target:
            return self._kept.values()
        return [self._kept[target]] if target in self._kept else []


def _values(result: ProbeResult) -> dict[str, Any]:
    if result.outcome.success:
        return {name: value for name, value in fields(result).items() if name in OF_A_SUCCESS}
    target, evidence = result.target, result.evidence
    return fields(result) | {
        "provider": target.provider,
        "cloud": target.cloud,
        "tenant": target.tenant,
        "grant": target.grant,
        "client_id": target.client_id,
        "server_date": evidence.server_date or None,
        "body": evidence.body or None,
    }
