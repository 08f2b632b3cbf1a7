"""Every expression of every dashboard on a real Prometheus, over data that the exporter itself made."""

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from boards import DEFAULTS, QUERIES, Query, expanded
from datasets import (
    BROKEN,
    DATA_SETS,
    DURATION,
    HEALTHY,
    INTERVAL,
    JOBS,
    LONE,
    NOTHING,
    RESTARTED,
    Recorded,
    record_all,
)
from promql import exported_metrics
from tools import require_prometheus, require_tool

from exporter.catalogue import Side
from replay.prometheus import serving
from replay.record import EPOCH
from replay.world import DAY

MAX_SERIES = 25
"""A legend of more helps nobody; the data have nine targets at most."""

SHOWN = 3600.0
"""The time range of a dashboard, in seconds."""

OVERVIEW, TARGET, HEALTH = "token-probe-overview", "token-probe-target", "token-probe-health"

ATTEMPTS, FAILURES, ERRORS = "token_probe_attempts_total", "token_probe_failures_total", "token_probe_errors_total"

STATES = {"contoso-graph": 2, "contoso-orders": 2, "drill": 2, "fabrikam-graph": 1}
"""At the end of the incident: an outage, or failing; all else is well."""

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Excuse:
    """What shows nothing in some data sets: the names that match, and the reason."""

    jobs: tuple[str, ...]
    pattern: str
    reason: str


EXCUSES = (
    Excuse(
        (HEALTHY.job, LONE.job),
        r"Errors by code B|Failures by |OAuth errors|Codes [ABC]|Codes in|Confirmations|Outage evidence"
        r"|Failures in the last|ratio, 5 min B|failing first [DE]|target, Whose side",
        "nothing failed, and nothing else is drawn here",
    ),
    Excuse((HEALTHY.job, BROKEN.job, LONE.job, RESTARTED.job), r"Attempts not made", "every attempt was made"),
    Excuse((HEALTHY.job, BROKEN.job, LONE.job), r"annotation Restarts", "nothing was restarted"),
    Excuse((RESTARTED.job,), r"Errors by code B|Failures by stage", "AADSTS50000 is all that it meets"),
    Excuse((HEALTHY.job, LONE.job), r"annotation Alerts", "no alert begins"),
    Excuse(
        (RESTARTED.job,),
        r"Last success|failing first [FG]|Latency of successes",
        "it met no success since it was restarted",
    ),
    Excuse((NOTHING,), r"^(?!.*(AADSTS50000, 10 min A|ratio, 5 min C|variable job)$)", "there is nothing"),
)
"""Of nothing still show something: a zero, the line from which on somebody is paged, and the jobs to choose from."""


def query(url: str, path: str, parameters: Mapping[str, object]) -> dict[str, Any]:
    """What Prometheus answers, also where it is an error."""
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{urlencode(parameters)}", timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    return answer


@dataclass(frozen=True, slots=True)
class Result:
    """The labels and the last value of each series; and what Prometheus complained of."""

    series: list[tuple[Labels, float]]
    complaints: list[str]


def read(answer: dict[str, Any]) -> Result:
    complaints = [*filter(None, [answer.get("error")]), *answer.get("warnings", ()), *answer.get("infos", ())]
    data = answer.get("data") or {"resultType": "vector", "result": []}
    if data["resultType"] == "scalar":
        return Result([({}, float(data["result"][1]))], complaints)
    series = [(each["metric"], float((each.get("value") or each["values"][-1])[1])) for each in data["result"]]
    return Result(series, complaints)


@dataclass(frozen=True, slots=True)
class Server:
    """A Prometheus that has the data, and what it answered to every query of every data set."""

    url: str
    recorded: Recorded
    results: Mapping[tuple[str, Query], Result]

    def now(self, expr: str, job: str, at: float) -> list[tuple[Labels, float]]:
        """An instant query of the Overview."""
        return read(query(self.url, "query", {"query": filled(expr, OVERVIEW, job), "time": at})).series

    def panel(self, place: str, job: str = BROKEN.job, board: str = OVERVIEW) -> dict[str, float]:
        """What a panel's query said: values by what the labels say, in their order."""
        asked = next(query for query in QUERIES if (query.board, query.place) == (board, place))
        return {
            " ".join(labels[name] for name in sorted(labels)): value
            for labels, value in self.results[job, asked].series
        }


def filled(expr: str, board: str, job: str) -> str:
    """An expression as Grafana sends it: all of one job, on Target its first target."""
    target = (
        next((data.targets[0].name for data in DATA_SETS if data.job == job), "nobody") if board == TARGET else ".+"
    )
    return expanded(expr, {**DEFAULTS, "job": job, "instance": ".+", "target": target})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """All data sets, with the recordings and alerts of the rules."""
    require_tool("promtool", "prometheus")
    return record_all(exported_metrics(), tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module", params=["2", "3"])
def server(
    request: pytest.FixtureRequest, recorded: Recorded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Prometheus 2, and 3 where it is to be had."""
    program = require_prometheus("prometheus", request.param)
    blocks = tmp_path_factory.mktemp("served") / "blocks"
    shutil.copytree(recorded.folder, blocks)
    with serving(blocks, program) as url, ThreadPoolExecutor(4) as pool:
        asked = [(job, each) for job in JOBS for each in QUERIES]

        def ask(one: tuple[str, Query]) -> Result:
            job, each = one
            expr = filled(each.expr, each.board, job)
            if each.instant:
                return read(query(url, "query", {"query": expr, "time": recorded.end(job)}))
            times = {"start": recorded.end(job) - SHOWN, "end": recorded.end(job), "step": 15}
            return read(query(url, "query_range", {"query": expr, **times}))

        yield Server(url, recorded, dict(zip(asked, pool.map(ask, asked), strict=True)))


def test_prometheus_has_no_complaint(server: Server) -> None:
    """No error, no warning, no remark, whatever the data."""
    assert {
        f"{job}: {each}": result.complaints for (job, each), result in server.results.items() if result.complaints
    } == {}


def test_what_should_show_something_does(server: Server) -> None:
    """And what is excused shows nothing, so that no excuse outlives its reason."""
    empty = {(job, str(each)) for (job, each), result in server.results.items() if not result.series}
    excused = {
        (job, str(each))
        for excuse in EXCUSES
        for job in excuse.jobs
        for each in QUERIES
        if re.search(excuse.pattern, str(each))
    }

    assert empty - excused == set()
    assert excused - empty == set()


def test_legends_have_their_labels(server: Server) -> None:
    """A legend with a label that the result has not would show a blank."""
    for (job, each), result in server.results.items():
        wanted = set(re.findall(r"{{(\w+)}}", each.legend))
        assert all(wanted <= labels.keys() for labels, _ in result.series), (job, str(each))


def test_no_panel_is_crowded(server: Server) -> None:
    """Neither with series, nor by a second exporter of the same targets."""
    counts = {(job, str(each)): len(result.series) for (job, each), result in server.results.items()}

    assert {each: count for each, count in counts.items() if count > MAX_SERIES and "annotation" not in each[1]} == {}
    for board, place in (
        (OVERVIEW, "Targets, failing first A"),
        (OVERVIEW, "State over time A"),
        (OVERVIEW, "variable target"),
    ):
        assert counts[HEALTHY.job, f"{board}, {place}"] == len(HEALTHY.targets)


def test_the_overview_counts_what_was_injected(server: Server) -> None:
    """To the attempt; the drill that goes on at the same time is in none of these numbers."""
    increase, end = server.recorded.increase, server.recorded.end(BROKEN.job) - EPOCH
    service = sum(increase(BROKEN.job, FAILURES, 300, side=side) for side in ("provider", "network"))
    spike = increase(BROKEN.job, ERRORS, 600, code="AADSTS50000")

    assert server.panel("Targets failing A") == {"": 3}
    assert server.panel("AADSTS50000, 10 min A") == {"": spike} == {"": 2 * 600 / INTERVAL}
    assert server.panel("Service success, 5 min A")[""] == pytest.approx(
        1 - service / increase(BROKEN.job, ATTEMPTS, 300)
    )
    assert server.panel("Service success, 5 min A")[""] == pytest.approx(1 - 2 / 8)
    assert server.panel("Service success, 5 min B")[""] == pytest.approx(0.25 / 0.001)
    assert server.panel("Credential expires in A") == {"current contoso-graph": pytest.approx(5 * DAY - end)}
    assert server.panel("Prober A") == {"": 1}


def test_the_objective_counts_what_was_injected(server: Server) -> None:
    """As the rules recorded it, in steps of 5 minutes."""
    increase = server.recorded.increase
    failed = sum(increase(BROKEN.job, FAILURES, DURATION, side=side) for side in ("provider", "network"))
    ratio = failed / increase(BROKEN.job, ATTEMPTS, DURATION)

    assert server.panel("Service success, 30 days A")[""] == pytest.approx(1 - ratio, abs=0.005)
    assert server.panel("Service success, 30 days B")[""] == pytest.approx(1 - ratio / 0.001, rel=0.1)
    least = server.panel("Error budget left, ten least A")
    assert sorted(least, key=least.__getitem__)[:2] == ["contoso-graph", "contoso-orders"]
    assert least["fabrikam-graph"] == 1


def test_sides_are_those_that_were_injected(server: Server) -> None:
    """Of the whole time range, whose beginning the data do not reach."""
    failed = {side: server.recorded.increase(BROKEN.job, FAILURES, DURATION, side=side) for side in Side}

    assert server.panel("Whose side A") == failed
    assert all(failed[side] for side in Side if side is not Side.PROBER)


@pytest.mark.parametrize(
    ("code", "described", "off"),
    [
        ("AADSTS50000", "service_fault AADSTS50000 TokenIssuanceError 50000 provider", 0),
        ("AADSTS90033", "service_transient AADSTS90033 MsodsServiceUnavailable 90033 provider", 0),
        ("AADSTS90055", "throttled AADSTS90055 TenantThrottlingError 90055 client", 1),
        ("AADSTS50126", "user_account AADSTS50126 InvalidUserNameOrPassword 50126 tenant", 1),
        ("AADSTS7000222", "credential_expired AADSTS7000222 InvalidClientSecretExpiredKeysProvided 7000222 client", 1),
        ("AADSTS9999999", "unknown AADSTS9999999 9999999 provider", 1),
    ],
)
def test_codes_are_those_that_were_injected(server: Server, code: str, described: str, off: int) -> None:
    """With what the catalogue says. The first error of an unwatched code begins its series, and is not seen."""
    injected = server.recorded.increase(BROKEN.job, ERRORS, DURATION, code=code)

    assert injected > 1
    assert injected - off <= server.panel("Codes A")[code] <= injected
    assert server.panel("Codes B")[code] > 0
    assert server.panel("Codes C")[described] == 1
    assert len(server.panel("Codes A")) == len(server.panel("Codes B")) == len(server.panel("Codes C")) == 6


def test_the_table_tells_how_each_target_fares(server: Server) -> None:
    """The drill too, which whoever is paged by it must find."""
    states, rows = server.panel("Targets, failing first B"), server.panel("Targets, failing first C")

    assert states == {target.name: STATES.get(target.name, 0) for target in BROKEN.targets}
    assert {name for name, failed in rows.items() if failed} == STATES.keys()
    assert server.panel("Targets, failing first D").keys() == {
        "AADSTS50000 contoso-graph",
        "AADSTS50000 contoso-orders",
        "AADSTS50000 drill",
        "AADSTS50126 tailspin-orders",
        "AADSTS7000222 fabrikam-graph",
        "AADSTS9999999 tailspin-graph",
    }
    assert server.panel("Targets, failing first E").keys() == {
        "client fabrikam-graph",
        "provider contoso-graph",
        "provider contoso-orders",
        "provider drill",
    }


def test_nothing_is_nought(server: Server) -> None:
    """Where all is well, and where there is nothing at all."""
    for job in (HEALTHY.job, LONE.job, NOTHING):
        assert server.panel("AADSTS50000, 10 min A", job) == {"": 0}
    for job in (HEALTHY.job, LONE.job):
        assert server.panel("Targets failing A", job) == {"": 0}
        assert server.panel("Service success, 5 min A", job) == {"": 1}
        assert server.panel("Service success, 30 days B", job) == {"": 1}


def test_a_restart_is_no_negative_number_of_errors(server: Server) -> None:
    """While the last 10 minutes hold one, what they saw is extrapolated, not the difference of two readings."""
    spike = next(each.expr for each in QUERIES if str(each) == f"{OVERVIEW}, AADSTS50000, 10 min A")
    moment = server.recorded.restart()

    for later in (0.0, 60.0, 300.0, 590.0):
        ((_, value),) = server.now(spike, RESTARTED.job, moment + later)
        assert value == pytest.approx(2 * 600 / INTERVAL, abs=4)
