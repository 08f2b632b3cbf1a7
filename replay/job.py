"""One replay, from its scenario to what fired."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exporter.rules import Settings, render
from exporter.simulator import Scenario
from replay.fleet import fleet
from replay.openmetrics import write_recording
from replay.prometheus import Alert, Rule, backfill, evaluate, load_rules
from replay.record import EPOCH, Setup, record
from replay.score import Incident, incidents, target_days
from replay.world import NOISES

PEERS = Path(__file__).parent / "peers.yaml"

_METRIC = re.compile(r"\btoken_(?:probe|exporter)_\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One replay. Jobs of one title are scored together; `cell` names the outage of a scenario that is one.

    Durations in seconds: `interval` between attempts, `look` between scrapes and between evaluations.
    """

    title: str
    scenario: Scenario
    duration: float
    tenants: int
    noise: str
    seed: int
    interval: float
    look: float
    confirmations: int
    cell: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a replay, and what fired."""

    incidents: list[Incident]
    alerts: list[Alert]
    target_days: float


def play(job: Job) -> Outcome:
    """Replays, backfills, and evaluates the pack and the peers' rules. Raises RuntimeError where Prometheus fails."""
    rules = load_rules(render(Settings(interval=job.look))) + load_rules(PEERS.read_text(encoding="utf-8"))
    config = fleet(job.tenants, job.interval, job.confirmations)
    setup = Setup(
        config=config,
        scenario=job.scenario,
        noise=NOISES[job.noise],
        seed=job.seed,
        duration=job.duration,
        scrape_interval=job.look,
    )
    with tempfile.TemporaryDirectory(prefix="replay-") as temporary:
        folder = Path(temporary) / "blocks"
        file = Path(temporary) / "recorded.om"
        with file.open("w", encoding="utf-8") as out:
            write_recording(record(setup, _metrics(rules)), out)
        backfill(file, folder)
        file.unlink()
        alerts = evaluate(rules, folder, EPOCH, EPOCH + job.duration)
    happened = incidents(job.scenario, config.targets, EPOCH, job.duration, job.cell)
    return Outcome(happened, alerts, target_days(config.targets, job.duration))


def _metrics(rules: list[Rule]) -> set[str]:
    return {name for rule in rules for name in _METRIC.findall(rule.expr)}
