"""One case of the fault matrix: what a target meets, and what must then be seen."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from misbehaviour import Place

from exporter.catalogue import Departure
from exporter.model import ProbeResult

SUCCESS = "success"


@dataclass(slots=True)
class Seen:
    """What became of a case: its attempts and those of the healthy target, with their seconds, and all that was shown.

    `lag` is how late the event loop was meanwhile, in seconds; `grown` by how much the process grew, in bytes.
    """

    results: list[ProbeResult] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    healthy: list[ProbeResult] = field(default_factory=list)
    healthy_seconds: list[float] = field(default_factory=list)
    lag: float = 0.0
    grown: int = 0
    pages: dict[str, str] = field(default_factory=dict)
    log: str = ""
    complaints: list[str] = field(default_factory=list)

    def value(self, metric: str) -> float:
        """The value of a sample of the case's target that has no other label."""
        found = re.search(rf'^{metric}{{target="case"}} (\S+)$', self.pages["/metrics"], re.MULTILINE)
        assert found, metric
        return float(found[1])


Check = Callable[[Seen], bool]


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the matrix, or one of its variants.

    `expected` are outcomes, `success` or `stage/reason`; more than one only where the system races. A case that is
    `alone` runs while nothing else does, and its event loop's lag and memory are looked at too.
    """

    row: int
    name: str
    place: Place
    expected: frozenset[str]
    attempts: int = 1
    alone: bool = False
    checks: tuple[Check, ...] = ()
    target: dict[str, object] = field(default_factory=dict)

    @property
    def times_out(self) -> bool:
        return any("timeout" in outcome for outcome in self.expected)

    @property
    def timeout(self) -> float:
        """Seconds: a few where the timeout is not what is tried, since machines are busy."""
        return 0.4 if self.times_out else 5.0

    @property
    def id(self) -> str:
        return f"{self.row:02} {self.name}"


def case(row: int, name: str, place: Place, *expected: str, **others: object) -> Case:
    return Case(row, name, place, frozenset(expected), **others)  # type: ignore[arg-type]


# --- Checks


def addresses(*expected: str) -> Check:
    """The attempts went to these addresses, in this order."""

    def addresses_are_those(seen: Seen) -> bool:
        return [result.evidence.address for result in seen.results[: len(expected)]] == list(expected)

    return addresses_are_those


def puts_off(least: float, most: float) -> Check:
    """The next attempt is so many seconds away."""

    def next_attempt_is_in_time(seen: Seen) -> bool:
        last = seen.results[-1]
        next_attempt = seen.value("token_probe_next_attempt_timestamp_seconds")
        return least <= next_attempt - last.started_at - last.duration <= most

    return next_attempt_is_in_time


def departs(*expected: Departure) -> Check:
    """These departures from the standards are noted."""

    def departures_are_those(seen: Seen) -> bool:
        return seen.results[0].outcome.departures == expected

    return departures_are_those


def lives(seconds: float | None) -> Check:
    """The token's lifetime is so many seconds."""

    def lifetime_is_that(seen: Seen) -> bool:
        return seen.results[0].outcome.token_lifetime == seconds

    return lifetime_is_that


def has_status(status: int) -> Check:
    """The evidence holds this HTTP status, also where the body broke off."""

    def status_is_that(seen: Seen) -> bool:
        return seen.results[0].evidence.status == status

    return status_is_that


def knows_when_the_certificate_ends(seen: Seen) -> bool:
    return seen.results[0].exchange.certificate_expiry is not None


def has_error(error: str) -> Check:
    """The refusal states this error."""

    def error_is_that(seen: Seen) -> bool:
        refusal = seen.results[0].outcome.refusal
        return refusal is not None and refusal.error == error

    return error_is_that
