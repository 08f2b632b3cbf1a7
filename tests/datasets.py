"""What dashboards are tried on: an exporter in virtual time, healthy and not, as blocks of Prometheus.

All of it is in one database, each data set under a job of its own; the job `nothing` has none.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from exporter.model import Config, Target
from exporter.rules import Settings, render
from exporter.simulator import QUIET, Scenario, parse_scenario
from replay.fleet import fleet
from replay.prometheus import alert_series, backfill_series, evaluate, load_rules
from replay.record import EPOCH, Recording, Series, Setup, record
from replay.world import DAY, NOISES, Noise

DURATION = 7200.0
SCRAPE = 15.0
INTERVAL = 15.0

Points = list[tuple[float, float]]

UNKNOWN_CODE = '{"error": "invalid_request", "error_codes": [9999999], "error_description": "AADSTS9999999: new"}'

INCIDENT = f"""
name: incident
timeline:
  - {{from: 100m, to: 120m, targets: ["contoso-*", drill], answer: {{code: AADSTS50000}}}}
  - {{from: 110m, to: 120m, targets: [fabrikam-graph], answer: {{code: AADSTS7000222}}}}
  - {{from: 90m, to: 95m, targets: ["northwind-*"], answer: reset}}
  - {{from: 80m, to: 82m, targets: [tailspin-orders], answer: {{code: AADSTS50126}}}}
  - {{from: 74m, to: 75m, targets: [contoso-graph], answer: {{code: AADSTS90055}}}}
  - {{from: 72m, to: 73m, targets: [contoso-graph], answer: {{code: AADSTS90033}}}}
  - {{from: 70m, to: 71m, targets: [contoso-graph], answer: reset}}
  - {{from: 60m, to: 61m, targets: [tailspin-graph], answer: {{status: 400, body: '{UNKNOWN_CODE}'}}}}
"""
"""Whatever can be wrong: a tenant's outage, a secret that expired, a network, a user, a code that nobody knows."""

FAILING = """
name: failing
timeline:
  - {from: 10m, to: 120m, answer: {code: AADSTS50000}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Whom an exporter probes, what happens, and how many exporters do so."""

    job: str
    targets: tuple[Target, ...]
    scenario: Scenario = QUIET
    noise: Noise = NOISES["none"]
    instances: tuple[str, ...] = ("exporter:10471",)


def _scenario(text: str) -> Scenario:
    found = parse_scenario(text)
    assert isinstance(found, Scenario)
    return found


def _with_ends(targets: Iterable[Target]) -> tuple[Target, ...]:
    """The targets, with a credential whose end is stated: the first's in 5 days, the others' in 35 and more."""
    return tuple(
        replace(target, credential=replace(target.credential, expires=EPOCH + (5 + 30 * n) * DAY))
        for n, target in enumerate(targets)
        if target.credential is not None
    )


_TARGETS = _with_ends(fleet(4, INTERVAL, 240).targets)
_DRILL = replace(
    _TARGETS[0], name="drill", client_id="drill", tenant="", credential=fleet(1, 15, 0).targets[0].credential
)

HEALTHY = DataSet(job="healthy", targets=_TARGETS[:2], instances=("exporter-a:10471", "exporter-b:10471"))
BROKEN = DataSet(job="incident", targets=(*_TARGETS, _DRILL), scenario=_scenario(INCIDENT))
LONE = DataSet(job="lone", targets=_TARGETS[:1])
RESTARTED = DataSet(job="restart", targets=_TARGETS[:2], scenario=_scenario(FAILING), noise=Noise(restarts=6.0))
DATA_SETS = (HEALTHY, BROKEN, LONE, RESTARTED)
NOTHING = "nothing"
JOBS = (*(each.job for each in DATA_SETS), NOTHING)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of all data sets: the series of each, and the blocks that hold them."""

    series: Mapping[str, Mapping[Series, Points]] = field(repr=False)
    folder: Path

    def end(self, job: str) -> float:
        """The moment of the last scrape; written, it is rounded to the millisecond."""
        points = next(iter(self.series[job].values())) if job in self.series else [(EPOCH + DURATION, 0.0)]
        return points[-1][0] + 0.001

    def increase(self, job: str, name: str, seconds: float, **labels: str) -> float:
        """By how much counters rose up to the end, the drill's aside."""
        found = 0.0
        for (metric, known), points in self.series[job].items():
            if metric == name and labels.items() <= dict(known).items() and dict(known).get("target") != "drill":
                before = max((value for moment, value in points if moment <= self.end(job) - seconds), default=0.0)
                found += points[-1][1] - before
        return found

    def restart(self) -> float:
        """When the exporter of that data set was scraped for the first time after its restart."""
        points = next(
            points for (name, _), points in self.series[RESTARTED.job].items() if name == "token_probe_attempts_total"
        )
        return next(now for (_, before), (now, after) in pairwise(points) if after < before)


def record_all(metrics: Iterable[str], folder: Path) -> Recorded:
    """Records the data sets, and what the rules make of them, into blocks under the folder."""
    wanted = list(metrics)
    series = {each.job: dict(_series(each, wanted)) for each in DATA_SETS}
    blocks = folder / "blocks"
    backfill_series((item for found in series.values() for item in found.items()), blocks)
    alerts = evaluate(load_rules(render(Settings(interval=SCRAPE))), blocks, EPOCH, EPOCH + DURATION)
    # Of an alert that fires several times the last time only, so that one begins in every data set that has some.
    backfill_series(dict(alert_series(alerts, EPOCH + DURATION, SCRAPE)).items(), blocks)
    return Recorded(series, blocks)


def _series(data: DataSet, metrics: list[str]) -> Iterator[tuple[Series, Points]]:
    setup = Setup(
        config=Config(targets=data.targets, concurrency=100),
        scenario=data.scenario,
        noise=data.noise,
        seed=3,
        duration=DURATION,
        scrape_interval=SCRAPE,
    )
    recording = record(setup, metrics)
    found = {series: _points(recording, values) for series, values in recording.values.items()}
    for (name, labels), points in (found | dict(_unrecorded(found))).items():
        for instance in data.instances:
            own = dict(labels) | {"job": data.job, "instance": instance}
            yield (name, tuple(sorted(own.items()))), points


def _points(recording: Recording, values: Iterable[float]) -> Points:
    pairs = zip(recording.times, values, strict=False)
    return [(moment, value) for moment, value in pairs if not math.isnan(value)]


def _unrecorded(found: Mapping[Series, Points]) -> Iterator[tuple[Series, Points]]:
    """What a replay has no wire, no process and no scraper for."""
    up = next(points for (name, _), points in found.items() if name == "up")
    attempts = {labels: points for (name, labels), points in found.items() if name == "token_probe_attempts_total"}
    for labels, points in attempts.items():
        yield ("token_probe_tls_expiry_timestamp_seconds", labels), [(t, EPOCH + 90 * DAY) for t, _ in points]
        yield ("token_probe_clock_skew_seconds", labels), [(t, 0.4) for t, _ in points]
        for phase, seconds in (
            ("resolve", 0.01),
            ("connect", 0.02),
            ("tls", 0.03),
            ("processing", 0.2),
            ("transfer", 0.01),
        ):
            labelled = (*labels, ("phase", phase))
            yield ("token_probe_phase_seconds_count", labelled), points
            yield ("token_probe_phase_seconds_sum", labelled), [(t, seconds * value) for t, value in points]
    constant = {
        "scrape_duration_seconds": 0.03,
        "scrape_samples_scraped": 1500.0,
        "process_resident_memory_bytes": 6e7,
        "process_open_fds": 20.0,
        "process_max_fds": 1024.0,
    }
    for name, value in constant.items():
        yield (name, ()), [(t, value) for t, _ in up]
    yield ("process_cpu_seconds_total", ()), [(t, 0.02 * (t - EPOCH)) for t, _ in up]
    yield ("process_start_time_seconds", ()), list(_starts(next(iter(attempts.values()))))


def _starts(attempts: Points) -> Iterator[tuple[float, float]]:
    """When the process that was scraped had started: anew whenever a counter fell."""
    started, before = EPOCH, 0.0
    for moment, value in attempts:
        if value < before:
            started = moment - 3
        yield moment, started
        before = value
