"""What is counted as detected, how soon, and what as a false alarm."""

import pytest

from exporter.simulator import Scenario, parse_scenario
from replay.alerting import Firing
from replay.fleet import fleet
from replay.floor import floor
from replay.prometheus import Alert, Rule
from replay.score import AFTERMATH, LATE, Incident, Score, incidents

OUTAGE = Incident(1000.0, 2000.0, frozenset({"contoso-graph", "contoso-orders"}), "100 %")


def alert(begin: float, end: float, target: str = "", severity: str = "critical", name: str = "A") -> Alert:
    """An alert of a target, or of none."""
    rule = Rule(group="g", name=name, expr="", is_alert=True, interval=5.0, labels={})
    labels = {"severity": severity} | ({"target": target} if target else {})
    return Alert(rule, labels, Firing(begin, end))


def scored(*alerts: Alert, happened: tuple[Incident, ...] = (OUTAGE,)) -> Score:
    score = Score.empty()
    score.add(alerts, happened, 10.0)
    return score


@pytest.mark.parametrize(
    ("fired", "seconds", "false"),
    [
        ((), None, 0),
        ((alert(1010, 2300, "contoso-graph"),), 10.0, 0),
        ((alert(1030, 2300), alert(1010, 2300, "contoso-orders")), 10.0, 0),
        # Of another target: not detected, and false.
        ((alert(1010, 2300, "fabrikam-graph"),), None, 1),
        # Already firing when it began, for nothing: it detects nothing.
        ((alert(900, 1300, "contoso-graph"),), None, 1),
        ((alert(900, 1100, "contoso-graph"), alert(1200, 1300, "contoso-graph")), 200.0, 1),
        # Too late to be its own.
        ((alert(2000 + LATE + 1, 3000, "contoso-graph"),), None, 0),
        ((alert(2000 + AFTERMATH + 1, 3000, "contoso-graph"),), None, 1),
        # What nobody is told of counts for nothing.
        ((alert(1010, 2300, "contoso-graph", "info"),), None, 0),
    ],
)
def test_an_outage_is_detected_by_what_speaks_of_it(
    fired: tuple[Alert, ...], seconds: float | None, false: int
) -> None:
    """As soon as the first such alert fires."""
    score = scored(*fired)

    assert score.detected == {"100 %": [seconds]}
    assert score.false_alarms == false


def test_a_page_is_what_is_critical() -> None:
    """A warning detects, too, but wakes nobody."""
    score = scored(alert(1010, 2000, "contoso-graph", "warning"), alert(1040, 2100, "contoso-graph"))

    assert (score.detected["100 %"], score.paged["100 %"]) == ([10.0], [40.0])
    assert score.resets["100 %"] == [100.0]


def test_alerts_that_overlap_are_one_false_alarm() -> None:
    """Of one target; every rule is told apart beside it."""
    score = scored(
        alert(10, 50, "contoso-graph", name="A"),
        alert(40, 90, "contoso-graph", name="B"),
        alert(80, 95, "contoso-graph", name="A"),
        alert(200, 250, "contoso-graph", name="A"),
        alert(40, 90, "fabrikam-graph", name="B"),
    )

    assert score.false_alarms == 3
    assert score.false_by_rule == {"A": 3, "B": 2}
    assert score.as_json()["false_alarms_per_target_day"] == 0.3


def test_figures_are_medians_and_percentiles() -> None:
    """Of forty outages one may be missed for there to be a time within which 95 of 100 are detected."""
    for missed, p95 in ((0, 380.5), (1, 390.0), (4, None)):
        happened = tuple(Incident(n * 9000.0, n * 9000.0 + 500, OUTAGE.targets, "x") for n in range(1, 41))
        fired = (
            alert(each.begin + 10 * n, each.end + 99, "contoso-graph") for n, each in enumerate(happened[missed:], 1)
        )

        figures = scored(*fired, happened=happened).as_json()["cells"]["x"]

        assert (figures["detected"], figures["of"]) == (40 - missed, 40)
        assert figures["median"] == 10 * (41 - missed) / 2
        assert figures["p95"] == pytest.approx(p95, abs=10) if p95 else figures["p95"] is None


def scenario(timeline: str, head: str = "") -> Scenario:
    found = parse_scenario(f"name: x\n{head}timeline: [{timeline}]")
    assert isinstance(found, Scenario)
    return found


def test_entries_of_a_scenario_are_outages() -> None:
    """Those near each other are one; what issues tokens is none, nor what strikes others or concerns nobody."""
    targets = fleet(2, 15.0, 0).targets
    found = incidents(
        scenario(
            "{from: 1m, to: 2m, ratio: 0.5, targets: [contoso], answer: {code: AADSTS50000}},"
            "{from: 3m, to: 4m, targets: [fabrikam-graph], answer: reset},"
            "{from: 20m, to: 30m, ratio: 0.2, answer: {status: 502}},"
            "{from: 40m, to: 50m, answer: token},"
            "{from: 52m, to: 54m, endpoint: jwks, answer: reset},"
            "{from: 60m, to: 70m, targets: [stranger], answer: reset}"
        ),
        targets,
        1000.0,
        5400.0,
    )

    assert [(each.begin, each.end, each.cell) for each in found] == [
        (1060.0, 1240.0, "50 % for 1m"),
        (2200.0, 2800.0, "20 % for 10m"),
    ]
    assert found[0].targets == {"contoso-graph", "contoso-orders", "fabrikam-graph"}
    assert len(found[1].targets) == 4


def test_an_outage_that_a_scenario_repeats_is_one_each_time() -> None:
    """What fires then is no false alarm, whatever the code."""
    found = incidents(
        scenario("{from: 10m, to: 20m, targets: [contoso], answer: {code: AADSTS7000222}}", "repeat: 1h\n"),
        fleet(4, 15.0, 0).targets,
        1000.0,
        7000.0,
    )
    again = alert(1000 + 4230, 1000 + 5200, "contoso-graph", name="TokenProbeCredentialExpired")
    score = scored(again, happened=tuple(found))

    assert [(each.begin, each.end) for each in found] == [(1600.0, 2200.0), (5200.0, 5800.0)]
    assert (score.false_alarms, score.detected) == (0, {"100 % for 10m": [None, 30.0]})


def test_the_floor_falls_with_the_share_that_fails() -> None:
    """And with the interval; what fails as often as noise is never told from it."""
    floors = [floor(ratio, 0.003, 15.0, 0.02, 5.0) for ratio in (1.0, 0.5, 0.2, 0.05)]

    assert floors == sorted(floors)
    assert floors[0] > 15 / 2 + 5
    assert floor(0.2, 0.003, 5.0, 0.02, 5.0) < floors[2]
