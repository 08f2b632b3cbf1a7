"""What `make replay` prints."""

from dataclasses import dataclass, field
from typing import Any

from replay.floor import floor
from replay.grid import CELLS
from replay.job import PEERS, Job, Outcome
from replay.prometheus import Alert, load_rules
from replay.score import Score
from replay.world import NOISES

FALSE_ALARMS = 0.02
"""A target and day: what the floor is computed for."""

PEER_RULES = tuple(rule.name for rule in load_rules(PEERS.read_text(encoding="utf-8")))

_PACK = "the pack"
_BUDGET = "the pack's error budget burn"
_PROBER = "the pack's alerts on the exporter itself"
_OF_THE_PROBER = frozenset({"TokenProbeStalled", "TokenProbeLagging", "TokenProbeConfigReloadFailed"})
_OF_A_GAP = frozenset({"TokenProbeDown", "TokenProbeAbsent"})
"""Alerts that a scrape gap is meant to raise."""


@dataclass(slots=True)
class Report:
    """The scores of all replays, by title and by the rules that are scored."""

    _scores: dict[str, dict[str, Score]] = field(default_factory=dict)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _unseen: dict[str, set[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    """Replays that came to nothing, and why."""

    def fail(self, job: Job, why: str) -> None:
        """Notes a replay that came to nothing; the others are worth printing."""
        self.failed.append(f"{job.title}, {job.cell or job.scenario.name}, seed {job.seed}: {why}")

    def add(self, job: Job, outcome: Outcome) -> None:
        """Adds one replay."""
        self._jobs.setdefault(job.title, job)
        unseen = self._unseen.setdefault(job.title, set())
        if not outcome.incidents:
            unseen.add(job.cell)
        scores = self._scores.setdefault(job.title, {})
        by_rules: dict[str, list[Alert]] = {name: [] for name in (_PACK, _BUDGET, _PROBER, *PEER_RULES)}
        for alert in outcome.alerts:
            if (name := _scored_as(alert)) is not None:
                by_rules[name].append(alert)
        for name, alerts in by_rules.items():
            scores.setdefault(name, Score.empty()).add(alerts, outcome.incidents, outcome.target_days)

    def as_json(self) -> dict[str, Any]:
        """Plain values; times in seconds."""
        return {
            title: {
                "interval": self._jobs[title].interval,
                "scrapes and evaluations every": self._jobs[title].look,
                "rules": {name: score.as_json() for name, score in scores.items()},
                "outages that such a prober cannot see": sorted(self._unseen[title]),
                "floor without confirmation": _floors(self._jobs[title]) if title.startswith("grid") else None,
            }
            for title, scores in self._scores.items()
        }


def _scored_as(alert: Alert) -> str | None:
    if alert.rule.group == "peers":
        return alert.rule.name
    if alert.rule.name == "TokenProbeErrorBudgetBurn":
        return _BUDGET
    if alert.rule.name in _OF_THE_PROBER:
        return _PROBER
    return None if alert.rule.name in _OF_A_GAP else _PACK


def _floors(job: Job) -> dict[str, float]:
    noise = NOISES[job.noise]
    share = noise.stray + noise.aadsts50000
    return {
        f"{ratio * 100:g} %": round(floor(ratio, share, job.interval, FALSE_ALARMS, job.look), 1)
        for ratio in sorted({cell.ratio for cell in CELLS}, reverse=True)
    }
