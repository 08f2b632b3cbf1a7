"""How things stand, for people: each target's state, and of each service in words whether it issues tokens."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.catalogue import Side
from exporter.history import Entry, Standing, Tally
from exporter.model import Target
from exporter.providers import PROVIDERS
from exporter.rotation import CredentialStatus

LATELY = 600.0
"""Seconds for which a failure is remembered of a target that succeeds again."""

MOST_NAMED = 3
"""Codes that a sentence names, the most frequent first."""

MISSED = 3
"""Intervals without an attempt that are no accident."""


class State(StrEnum):
    """What is to be said of a target; the most worrying first."""

    OUTAGE = "outage"
    FAILING = "failing"
    STALLED = "stalled"
    UNSTEADY = "unsteady"
    WAITING = "waiting"
    OK = "ok"


_FAILING = frozenset({State.OUTAGE, State.FAILING})
_CONCERN = {state: rank for rank, state in enumerate(State)}
_SIDES = {side: rank for rank, side in enumerate(("provider", "network", "prober", "tenant", "client", ""))}


class Level(StrEnum):
    """How worrying a service is."""

    DANGER = "danger"
    WARNING = "warning"
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """How one target stands."""

    target: Target
    state: State
    standing: Standing | None

    @property
    def failure(self) -> Entry | None:
        """The last failure, unless it is forgiven."""
        return self.standing.last_failure if self.standing and self.state is not State.OK else None

    @property
    def side(self) -> str:
        """Whose side the last failure is on; '' where there is none to speak of."""
        return str(self.failure.values["side"]) if self.failure else ""

    @property
    def since(self) -> float | None:
        """When the present state began, as far as is known: Unix time."""
        if self.standing is None:
            return None
        if self.state is State.STALLED:
            return self.standing.last.started_at
        return self.standing.failing_since if self.failure else self.standing.succeeding_since

    @property
    def or_earlier(self) -> bool:
        """Whether it may have begun before the first attempt that is known."""
        return self.failure is not None and self.standing is not None and self.standing.from_first

    def latency(self, quantile: float) -> float | None:
        """The seconds within which this share of the latest successes came; None without one."""
        if self.standing is None or not self.standing.latencies:
            return None
        ordered = sorted(self.standing.latencies)
        return ordered[math.ceil(quantile * len(ordered)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDetail:
    """One target with its credentials, what is kept of its attempts, newest first, and what the last day's came to."""

    status: TargetStatus
    credentials: Sequence[CredentialStatus]
    recent: Sequence[Entry]
    day: Tally


def target_status(target: Target, standing: Standing | None, *, outage: bool, begun: float, now: float) -> TargetStatus:
    """Judges one target. `outage` is the sequential test's verdict; `begun` is when the exporter was started."""
    return TargetStatus(target, _state(target, standing, outage=outage, begun=begun, now=now), standing)


def _state(target: Target, standing: Standing | None, *, outage: bool, begun: float, now: float) -> State:
    last_sign = max(begun, standing.last.started_at) if standing else begun
    if now - last_sign > MISSED * target.interval + target.timeout:
        return State.STALLED
    if standing is None:
        return State.WAITING
    if outage:
        return State.OUTAGE
    if not standing.last.success:
        return State.FAILING
    failed_at = standing.last_failure.started_at if standing.last_failure else -math.inf
    return State.UNSTEADY if now - failed_at <= LATELY else State.OK


def worst_first(statuses: Iterable[TargetStatus]) -> list[TargetStatus]:
    """The most worrying targets first; among equals the provider's side, then by name."""
    return sorted(statuses, key=lambda s: (_CONCERN[s.state], _SIDES[s.side], s.target.name))


def matching(statuses: Iterable[TargetStatus], wanted: str) -> list[TargetStatus]:
    """Those that have a text in their name, tenant, provider, state, side or code; all for ''."""
    text = wanted.strip().lower()
    return [status for status in statuses if any(text in word.lower() for word in _words(status))]


def _words(status: TargetStatus) -> Iterator[str]:
    target = status.target
    yield from (target.name, target.tenant, target.provider, target.cloud, target.grant, status.state, status.side)
    if status.failure is not None:
        yield status.failure.values["code"] or ""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What is to be said of one service: a cloud of Entra, or an issuer."""

    name: str
    level: Level
    sentence: str


def service_statuses(statuses: Iterable[TargetStatus]) -> list[ServiceStatus]:
    """A sentence for each service, the most worrying first."""
    by_service: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        by_service.setdefault(_service(status.target), []).append(status)
    ranks = {level: rank for rank, level in enumerate(Level)}
    listed = [ServiceStatus(name, *_said(group)) for name, group in by_service.items()]
    return sorted(listed, key=lambda service: (ranks[service.level], service.name))


_CLOUDS = {
    "public": "public cloud",
    "usgov": "US Government cloud",
    "china": "China cloud",
    "france": "sovereign cloud of France",
    "germany": "sovereign cloud of Germany",
    "singapore": "sovereign cloud of Singapore",
}


def _service(target: Target) -> str:
    title = PROVIDERS[target.provider].title
    if not title:
        return urlsplit(target.endpoint.url).netloc
    return f"{title} {_CLOUDS.get(target.cloud, target.cloud)}".strip()


_DANGERS = (
    (Side.PROVIDER, "issuing no tokens", "failing"),
    (Side.NETWORK, "not reached", "not reached"),
)
"""The sides whose failures are dangerous, the worse first, and what is said where all and where some targets fail."""


def _said(group: Sequence[TargetStatus]) -> tuple[Level, str]:
    failing = [status for status in group if status.state in _FAILING]
    asked = [status for status in group if status.state is not State.WAITING]
    for side, all_fail, some_fail in _DANGERS:
        if theirs := [status for status in failing if status.side == side]:
            head = all_fail if len(theirs) == len(asked) else f"{some_fail} for {_share(theirs, group)}"
            others = [status for status in failing if status.side != side]
            return Level.DANGER, _sentence(head + _detail(theirs), group, others, "more ")
    if not asked:
        return Level.UNKNOWN, "not asked yet"
    uneasy = bool(failing) or any(status.state is State.STALLED for status in group)
    return Level.WARNING if uneasy else Level.GOOD, _sentence(_working(asked), group, failing, "")


def _working(group: Sequence[TargetStatus]) -> str:
    """What can be said of a service on whose side nothing fails."""
    working = [status for status in group if status.state in {State.OK, State.UNSTEADY}]
    if any(not status.target.expect.refusal for status in working):
        return "issuing tokens"
    return "answering" if working else "no token issued"


def _sentence(head: str, group: Sequence[TargetStatus], failing: Sequence[TargetStatus], more: str) -> str:
    parts = [head]
    if failing:
        parts.append(_failing(failing, group, more))
    elif not more and any(status.state in {State.OK, State.UNSTEADY} for status in group):
        parts.append(f"none of {_targets(len(group))} failing")
    if unsteady := sum(status.state is State.UNSTEADY for status in group):
        parts.append(f"{unsteady} failed within the last {LATELY / 60:g} minutes")
    if stalled := sum(status.state is State.STALLED for status in group):
        parts.append(f"{stalled} not probed")
    return "; ".join(parts)


def _failing(failing: Sequence[TargetStatus], group: Sequence[TargetStatus], more: str) -> str:
    sides = Counter(status.side for status in failing)
    count = f"{len(failing)} {more}failing" if more else f"{_share(failing, group)} failing"
    if len(sides) == 1:
        (side,) = sides
        return f"{count}, {'all ' if len(failing) > 1 else ''}on the {side}'s side"
    return f"{count}: " + ", ".join(f"{number} on the {side}'s side" for side, number in sides.most_common())


def _detail(failing: Sequence[TargetStatus]) -> str:
    """Since when, and with which codes."""
    since = min(status.since for status in failing if status.since is not None)
    codes = Counter(status.failure.values["code"] for status in failing if status.failure)
    named = ", ".join(code for code, _ in codes.most_common(MOST_NAMED) if code)
    return f" since {clock_time(since)}" + (f" ({named})" if named else "")


def _share(part: Sequence[TargetStatus], group: Sequence[TargetStatus]) -> str:
    return f"{len(part)} of {_targets(len(group))}"


def _targets(count: int) -> str:
    return "1 target" if count == 1 else f"{count} targets"


def clock_time(moment: float) -> str:
    """A Unix time as people read it, in UTC."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
