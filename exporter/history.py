"""The evidence: what became of the latest attempts, in memory and within bounds.

Failures are kept longer than successes, because they are what somebody will ask about.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

from exporter.minutes import Minutes
from exporter.model import ProbeResult
from exporter.report import fields, fields_of_success

SUCCESSES_PER_TARGET = 10
FAILURES_PER_TARGET = 200
MAX_FAILURES = 5_000
"""Failures of all targets together; the oldest of the target that has most makes room."""

ROOM = 500
"""How many of them make room at a time."""

COUNTED_CODES = 20
"""Codes of one target that are counted apart; further ones are counted as failures only."""

MOST_GONE = 500
"""Targets that the config has no more of which the attempts are kept."""

CALM = 600.0
"""Seconds without a failure, after a success, that end a spell of failures."""

TIMED = 100
"""Successes of a target whose durations are kept."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a target stands. Moments in Unix time; None is never.

    `failing_since` is the beginning of the failures that go on or went on last, `succeeding_since` the first success
    after them. `from_first`: the failures go back to the first attempt that is known, so they may have begun before.
    """

    last: Entry
    last_failure: Entry | None
    failing_since: float | None
    succeeding_since: float | None
    from_first: bool
    latencies: Sequence[float]
    minutes: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Kept:
    """What is kept of one target."""

    successes: deque[Entry] = field(default_factory=lambda: deque(maxlen=SUCCESSES_PER_TARGET))
    failures: deque[Entry] = field(default_factory=lambda: deque(maxlen=FAILURES_PER_TARGET))
    attempted: Minutes = field(default_factory=Minutes)
    failed: Minutes = field(default_factory=Minutes)
    codes: dict[str, Minutes] = field(default_factory=dict)
    latencies: "array[float]" = field(default_factory=lambda: array("f"))
    first_at: float | None = None
    last: Entry | None = None
    last_failure: Entry | None = None
    failing_since: float | None = None
    succeeding_since: float | None = None

    def count(self, entry: Entry) -> None:
        self.attempted.count(entry.started_at)
        self._follow(entry)
        if entry.success:
            self._time(entry.values["duration_seconds"])
            return
        self.failed.count(entry.started_at)
        code = entry.values.get("code")
        if code and (code in self.codes or len(self.codes) < COUNTED_CODES):
            self.codes.setdefault(code, Minutes()).count(entry.started_at)

    def _follow(self, entry: Entry) -> None:
        """Notes whether failures begin, go on, or end with this attempt."""
        if self.last is None:
            self.first_at = entry.started_at
        succeeded_before = self.last is None or self.last.success
        if entry.success:
            if self.last is None or not succeeded_before:
                self.succeeding_since = entry.started_at
        else:
            calm = self.last_failure is None or entry.started_at - self.last_failure.started_at > CALM
            if calm and succeeded_before:
                self.failing_since = entry.started_at
            self.last_failure = entry
        self.last = entry

    def _time(self, seconds: float) -> None:
        self.latencies.append(seconds)
        if len(self.latencies) >= 2 * TIMED:
            del self.latencies[:-TIMED]

    def standing(self, now: float, minutes: int) -> Standing | None:
        if self.last is None:
            return None
        attempted, failed = self.attempted.last(minutes, now), self.failed.last(minutes, now)
        return Standing(
            last=self.last,
            last_failure=self.last_failure,
            failing_since=self.failing_since,
            succeeding_since=self.succeeding_since,
            from_first=self.failing_since == self.first_at,
            latencies=self.latencies[-TIMED:],
            minutes=tuple(zip(attempted, failed, strict=True)),
        )

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

    def retain(self, names: Collection[str]) -> None:
        """Keeps these targets; of all others, those that were attempted last, as somebody may still ask about them."""
        others = {name: kept.last.id for name, kept in self._kept.items() if kept.last and name not in names}
        for name in sorted(others, key=others.__getitem__)[:-MOST_GONE]:
            self._failures -= len(self._kept.pop(name).failures)

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

    def __contains__(self, target: str) -> bool:
        """Whether attempts of a target were ever recorded."""
        return target in self._kept

    def find(self, number: int) -> Entry | None:
        """The failure with this id, if it is still kept."""
        return next((entry for entry in self.failures() if entry.id == number), None)

    def standing(self, target: str, now: float, minutes: int) -> Standing | None:
        """How a target stands, with attempts and failures of the last so many minutes; None before the first."""
        return self._kept[target].standing(now, minutes) if target in self._kept else None

    def tally(self, target: str, since: float) -> Tally:
        """What a target's attempts came to since a moment, to the minute."""
        return self._kept[target].tally(since) if target in self._kept else Tally()

    def tallies(self, since: float) -> dict[str, Tally]:
        """What each target's attempts came to since a moment, to the minute."""
        return {name: kept.tally(since) for name, kept in self._kept.items()}

    def _of(self, target: str) -> Iterable[_Kept]:
        if not target:
            return self._kept.values()
        return [self._kept[target]] if target in self._kept else []


def _values(result: ProbeResult) -> dict[str, Any]:
    if result.outcome.success:
        return fields_of_success(result)
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
