"""Holds what fired against what happened: detected or not, how soon, and what fired for nothing."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from exporter.durations import show_duration
from exporter.model import Target
from exporter.simulator import Entry, Scenario
from replay.prometheus import Alert
from replay.world import DAY

LATE = 120.0
"""Seconds after an outage within which an alert that begins still belongs to it."""

AFTERMATH = 300.0
"""Seconds after an outage within which an alert that begins is no false alarm."""

JOINED = 300.0
"""Entries of a scenario that are less than these seconds apart are one outage."""

_PAGES = frozenset({"critical"})
_COUNTED = frozenset({"critical", "warning"})


@dataclass(frozen=True, slots=True)
class Incident:
    """An outage that happened: when (Unix time), to which targets, and what it is called in the score."""

    begin: float
    end: float
    targets: frozenset[str]
    cell: str

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels may speak of it: it names one of its targets, or no target at all."""
        return "target" not in labels or labels["target"] in self.targets


def incidents(
    scenario: Scenario, targets: Iterable[Target], epoch: float, duration: float, cell: str = ""
) -> list[Incident]:
    """The outages of a scenario that begin within `duration`; `cell` names them all, else share and length do."""
    watched = tuple(targets)
    found: list[Incident] = []
    for start, entry in sorted(_timeline(scenario, duration), key=lambda item: item[0] + item[1].begin):
        # The fleet asks token endpoints only; what strikes others is no outage to it.
        if entry.answer.token or entry.endpoint != "token":
            continue
        hit = frozenset(t.name for t in watched if entry.concerns({t.name, t.tenant, t.client_id}))
        name = cell or f"{entry.ratio * 100:g} % for {show_duration(entry.end - entry.begin)}"
        begin, end = epoch + start + entry.begin, epoch + start + entry.end
        if found and begin - found[-1].end < JOINED:
            before = found.pop()
            found.append(Incident(before.begin, max(end, before.end), before.targets | hit, before.cell))
        else:
            found.append(Incident(begin, end, hit, name))
    return [incident for incident in found if incident.targets]


def _timeline(scenario: Scenario, duration: float) -> Iterator[tuple[float, Entry]]:
    """Each entry that begins within so many seconds, with the start of the round that it belongs to."""
    rounds = math.ceil(duration / scenario.repeat) if scenario.repeat else 1
    for start in (number * (scenario.repeat or 0.0) for number in range(rounds)):
        yield from ((start, entry) for entry in scenario.timeline if start + entry.begin < duration)


@dataclass(slots=True)
class Score:
    """What is to be said of one set of rules on one set of data, added up over several replays."""

    target_days: float
    detected: dict[str, list[float | None]]
    paged: dict[str, list[float | None]]
    resets: dict[str, list[float]]
    false_alarms: int
    false_by_rule: Counter[str]

    @classmethod
    def empty(cls) -> "Score":
        return cls(0.0, {}, {}, {}, 0, Counter())

    def add(self, alerts: Sequence[Alert], happened: Sequence[Incident], target_days: float) -> None:
        """Adds one replay."""
        counted = [alert for alert in alerts if alert.labels.get("severity") in _COUNTED]
        pages = [alert for alert in counted if alert.labels["severity"] in _PAGES]
        self.target_days += target_days
        for incident in happened:
            self.detected.setdefault(incident.cell, []).append(_time_to_detect(incident, counted))
            self.paged.setdefault(incident.cell, []).append(_time_to_detect(incident, pages))
            ends = [alert.firing.end for alert in _of(incident, counted)]
            if ends:
                self.resets.setdefault(incident.cell, []).append(max(ends) - incident.end)
        false = [alert for alert in counted if _is_false(alert, happened)]
        self.false_alarms += _occasions(false)
        self.false_by_rule.update(alert.rule.name for alert in false)

    def as_json(self) -> dict[str, Any]:
        """The score as plain values; times in seconds."""
        return {
            "target_days": round(self.target_days, 1),
            "false_alarms": self.false_alarms,
            "false_alarms_per_target_day": round(self.false_alarms / self.target_days, 4),
            "false_alarms_by_rule": dict(sorted(self.false_by_rule.items())),
            "cells": {
                cell: _figures(times)
                | {"page": _figures(self.paged[cell]), "reset_median": _median(self.resets.get(cell, []))}
                for cell, times in self.detected.items()
            },
        }


def _figures(times: Collection[float | None]) -> dict[str, Any]:
    known = [seconds for seconds in times if seconds is not None]
    return {
        "detected": len(known),
        "of": len(times),
        "median": _median(known),
        "p95": _percentile95(times),
    }


def _percentile95(times: Collection[float | None]) -> float | None:
    """The time within which 95 of 100 are detected; None where more are missed than that."""
    ordered = sorted(math.inf if seconds is None else seconds for seconds in times)
    found = quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
    return round(found, 1) if math.isfinite(found) else None


def _median(values: Sequence[float]) -> float | None:
    return round(median(values), 1) if values else None


def _time_to_detect(incident: Incident, alerts: Iterable[Alert]) -> float | None:
    """Seconds from the onset to the first alert that begins to fire; what fired before has not seen it come."""
    begins = [alert.firing.begin for alert in _of(incident, alerts) if alert.firing.begin >= incident.begin]
    return min(begins) - incident.begin if begins else None


def _of(incident: Incident, alerts: Iterable[Alert]) -> list[Alert]:
    return [
        alert
        for alert in alerts
        if incident.concerns(alert.labels)
        and alert.firing.begin <= incident.end + LATE
        and alert.firing.end > incident.begin
    ]


def _is_false(alert: Alert, happened: Iterable[Incident]) -> bool:
    return not any(
        incident.concerns(alert.labels) and incident.begin <= alert.firing.begin <= incident.end + AFTERMATH
        for incident in happened
    )


def _occasions(alerts: Iterable[Alert]) -> int:
    """On how many occasions alerts fired: those of one target, or of none, that overlap are one."""
    count = 0
    until: dict[str, float] = {}
    for alert in sorted(alerts, key=lambda alert: alert.firing):
        target = alert.labels.get("target", "")
        count += target not in until or alert.firing.begin > until[target]
        until[target] = max(alert.firing.end, until.get(target, 0.0))
    return count


def target_days(targets: Collection[Target], duration: float) -> float:
    """How much watching a replay was."""
    return len(targets) * duration / DAY
