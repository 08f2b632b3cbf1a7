"""The dashboards keep the rules of grafana/dashboard-linter; and the rules find what breaks them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from boards import BOARDS, Board
from linter import RULES, Finding, findings

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

RECORDED = "a recording is of all exporters of a job together, and has no instance"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a rule need not find, and why."""

    rule: str
    panel: str
    subject: str
    reason: str


EXCLUSIONS = (
    *(
        Exclusion("target-instance-rule", panel, f"job_target:token_probe_{subject}", RECORDED)
        for panel, subjects in {
            "Service success, 30 days": ("service_failures:increase5m", "attempts:increase5m"),
            "Targets, failing first": ("service_failures:increase5m", "attempts:increase5m"),
            "Error budget left, ten least": ("service_failures:increase5m", "attempts:increase5m"),
            "Error budget burn": tuple(f"service_failures:ratio{window}" for window in ("1h", "6h", "1d", "3d")),
        }.items()
        for subject in subjects
    ),
    Exclusion(
        "target-counter-agg-rule",
        "AADSTS50000, 10 min",
        "token_probe_errors_total",
        "the difference of two readings is exact where increase() extrapolates; restarts are left to increase()",
    ),
)

EXCLUDED = {(each.rule, Finding(each.panel, each.subject)) for each in EXCLUSIONS}

ERRORS = 'token_probe_errors_total{job=~"$job", instance=~"$instance"}'


def variable(name: str, label: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": f"label_values(token_probe_attempts_total, {name})",
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "refresh": 2,
    }


SOUND: Board = {
    "uid": "sound",
    "editable": False,
    "templating": {
        "list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
            variable("job", "Job"),
            variable("instance", "Instance"),
        ]
    },
    "panels": [
        {"type": "row", "title": "Errors", "panels": []},
        {
            "type": "heatmap",
            "title": "Errors",
            "description": "All of them.",
            "datasource": SOURCE,
            "fieldConfig": {"defaults": {"unit": "cpm"}, "overrides": []},
            "targets": [
                {"refId": "A", "datasource": SOURCE, "expr": f"sum(rate({ERRORS}[$__rate_interval])) * $objective"}
            ],
        },
    ],
}

Break = Callable[[Board], object]


def set_variable(place: int, key: str, value: object) -> Break:
    return lambda board: board["templating"]["list"][place].update({key: value})


def set_panel(key: str, value: object) -> Break:
    return lambda board: board["panels"][1].update({key: value})


def set_target(key: str, value: object) -> Break:
    return lambda board: board["panels"][1]["targets"][0].update({key: value})


def hide_in_a_closed_row(board: Board) -> None:
    panel = board["panels"].pop()
    board["panels"][0]["panels"] = [panel | {"description": ""}]


LOKI = {"type": "loki", "uid": "${datasource}"}

BROKEN: list[tuple[str, Break]] = [
    ("template-datasource-rule", lambda board: board["templating"]["list"].pop(0)),
    ("template-datasource-rule", set_variable(0, "name", "DS_PROMETHEUS")),
    ("template-datasource-rule", set_variable(0, "label", "Source")),
    ("template-datasource-rule", set_variable(0, "query", "loki")),
    ("template-job-rule", lambda board: board["templating"]["list"].pop(1)),
    ("template-job-rule", set_variable(1, "label", "job")),
    ("template-job-rule", set_variable(1, "multi", False)),
    ("template-job-rule", set_variable(1, "includeAll", False)),
    ("template-job-rule", set_variable(1, "allValue", ".*")),
    ("template-job-rule", set_variable(1, "datasource", {"type": "prometheus", "uid": "prod"})),
    ("template-instance-rule", lambda board: board["templating"]["list"].pop(2)),
    ("template-instance-rule", set_variable(2, "allValue", None)),
    ("template-label-promql-rule", set_variable(1, "query", "label_values(up{, job)")),
    ("template-label-promql-rule", set_variable(2, "query", "values(up, instance)")),
    ("template-label-promql-rule", set_variable(2, "query", {"query": "query_result(sum()"})),
    ("template-on-time-change-reload-rule", set_variable(2, "refresh", 1)),
    ("panel-datasource-rule", set_panel("datasource", {"type": "prometheus", "uid": "prod"})),
    ("panel-datasource-rule", set_target("datasource", None)),
    ("panel-title-description-rule", set_panel("title", "")),
    ("panel-title-description-rule", set_panel("description", "  ")),
    ("panel-title-description-rule", hide_in_a_closed_row),
    ("panel-units-rule", set_panel("fieldConfig", {"defaults": {}})),
    ("panel-units-rule", set_panel("fieldConfig", {"defaults": {"unit": "secs"}})),
    (
        "panel-units-rule",
        set_panel(
            "fieldConfig",
            {"defaults": {"unit": "cpm"}, "overrides": [{"properties": [{"id": "unit", "value": "secs"}]}]},
        ),
    ),
    ("panel-no-targets-rule", set_panel("targets", [])),
    ("target-logql-rule", set_target("datasource", LOKI)),
    (
        "target-logql-auto-rule",
        lambda board: board["panels"][1]["targets"][0].update(datasource=LOKI, expr="rate({a=`b`}[5m])"),
    ),
    ("target-promql-rule", set_target("expr", "")),
    ("target-promql-rule", set_target("expr", "sum(")),
    ("target-promql-rule", set_target("expr", f"sum({ERRORS}[$unknown])")),
    ("target-rate-interval-rule", set_target("expr", f"rate({ERRORS}[5m])")),
    ("target-rate-interval-rule", set_target("expr", f"irate({ERRORS}[$__interval])")),
    ("target-job-rule", set_target("expr", 'up{instance=~"$instance"}')),
    ("target-job-rule", set_target("expr", 'up{job="$job", instance=~"$instance"}')),
    (
        "target-job-rule",
        set_target(
            "expr", f'rate({ERRORS}[$__rate_interval]) / on () rate(x_total{{instance=~"$instance"}}[$__rate_interval])'
        ),
    ),
    ("target-instance-rule", set_target("expr", 'up{job=~"$job"}')),
    ("target-instance-rule", set_target("expr", 'max_over_time(up{job=~"$job"}[5m:1m])')),
    ("target-counter-agg-rule", set_target("expr", ERRORS)),
    ("target-counter-agg-rule", set_target("expr", f"sum({ERRORS})")),
    ("target-counter-agg-rule", set_target("expr", f"delta({ERRORS}[5m])")),
    (
        "target-counter-agg-rule",
        set_target(
            "expr", f"rate({ERRORS}[$__rate_interval]) / {ERRORS.replace('errors_total', 'duration_seconds_count')}"
        ),
    ),
    ("uneditable-dashboard", lambda board: board.update(editable=True)),
    ("uneditable-dashboard", lambda board: board.pop("editable")),
]


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_a_dashboard_keeps_the_rules(board: Board) -> None:
    """All of them, on panels of every type."""
    assert findings(board) - EXCLUDED == set()


def test_every_exclusion_is_needed() -> None:
    """What is excluded is found; and somebody said why it may be."""
    assert set().union(*map(findings, BOARDS.values())) >= EXCLUDED
    assert all(each.reason for each in EXCLUSIONS)


def test_what_is_sound_is_not_found_fault_with() -> None:
    """The dashboard that is broken below keeps every rule."""
    assert findings(SOUND) == set()


@pytest.mark.parametrize(("rule", "break_it"), BROKEN, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(BROKEN)])
def test_a_rule_finds_what_breaks_it(rule: str, break_it: Break) -> None:
    """That rule does, whatever others think of it."""
    board = deepcopy(SOUND)
    break_it(board)

    assert rule in {name for name, _ in findings(board)}


def test_every_rule_was_broken() -> None:
    """There are 17, and each is tried."""
    assert len(RULES) == 17
    assert {rule for rule, _ in BROKEN} == RULES.keys()
