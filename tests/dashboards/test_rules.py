"""The alert rules that we ship."""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ROOT
from promql import metrics_in
from tools import require_prometheus

from exporter.catalogue import FAILURE_CATEGORIES, SERVICE_CATEGORIES, Side, Skip, code_entry
from exporter.durations import parse_duration
from exporter.model import CURRENT, DRILL_TARGET, NEXT
from exporter.rules import Settings, render
from exporter.windows import SIZES

DASHBOARDS = ROOT / "dashboards"
PACK = DASHBOARDS / "rules/token-probe.yaml"
TESTS = sorted((DASHBOARDS / "rules").glob("*_test.yaml"))
BOARDS = {json.loads(path.read_text())["uid"] for path in (DASHBOARDS / "grafana").glob("*.json")}
SECTIONS = ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation")
SEVERITIES = {"critical", "warning", "info"}

ALWAYS_FIRING = "TokenProbeWatchdog"

LABEL_VALUES: Mapping[str, Iterable[str]] = {
    "category": FAILURE_CATEGORIES,
    "side": Side,
    "reason": Skip,
    "credential": (CURRENT, NEXT),
    "outcome": ("success", "failure"),
    "window": tuple(map(str, SIZES)),
    "target": (DRILL_TARGET,),
    "cloud": ("",),
    "tenant": ("",),
    "job": (Settings().job,),
}
"""What the matchers of rules may name; codes are the catalogue's."""

ELSEWHERE = Settings(
    slo=99.95,
    interval=30.0,
    job="probes",
    no_success=600.0,
    latency=1.5,
    runbooks="https://wiki.example/runbooks/",
    dashboards="https://grafana.example/d/token-probe-overview",
)
"""The settings of a site that wants everything otherwise."""


def load(text: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def rules_of(text: str) -> list[dict[str, Any]]:
    return [rule for group in load(text)["groups"] for rule in group["rules"]]


RULES = rules_of(PACK.read_text())
ALERTS = [rule for rule in RULES if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
RECORDINGS = {rule["record"] for rule in RULES if "record" in rule}

each_alert = pytest.mark.parametrize(
    "rule", ALERTS, ids=["-".join((rule["alert"], *filter(None, [rule["labels"].get("long")]))) for rule in ALERTS]
)
each_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(params=["2", "3"])
def promtool(request: pytest.FixtureRequest) -> str:
    """The path of promtool: that of Debian's Prometheus 2, and that of Prometheus 3."""
    return require_prometheus("promtool", request.param)


def run(*command: str | Path) -> str:
    """What a command that must succeed prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("settings", [Settings(), ELSEWHERE], ids=["bundled", "elsewhere"])
def test_prometheus_accepts_the_rules(promtool: str, tmp_path: Path, settings: Settings) -> None:
    """Syntax, templates, and no rule twice; whatever a site wants."""
    path = tmp_path / "rules.yaml"
    path.write_text(render(settings))

    assert "SUCCESS" in run(promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(promtool: str, path: Path) -> None:
    """The unit tests beside the rules."""
    assert "SUCCESS" in run(promtool, "test", "rules", path)


def test_the_bundled_rules_are_those_of_the_defaults() -> None:
    """Nobody edits the one and forgets the other."""
    assert PACK.read_text() == render(Settings())


def test_a_site_gets_what_it_wants() -> None:
    """In every place, and nothing of the defaults is left."""
    text = render(ELSEWHERE, "aadsts-exporter rules --slo=99.95")
    fast, slow = load(text)["groups"]
    rules = {rule.get("alert", ""): f"{rule['expr']}\n{rule.get('annotations')}" for rule in rules_of(text)}

    assert text.partition("\n")[0].endswith("Printed by: aadsts-exporter rules --slo=99.95")
    assert (fast["interval"], slow["interval"]) == ("30s", "1m")
    assert "* 0.0005" in rules["TokenProbeErrorBudgetBurn"]
    assert "99.95 %" in rules["TokenProbeErrorBudgetBurn"]
    assert ">= 600" in rules["TokenProbeNoSuccess"]
    assert "for 10m." in rules["TokenProbeNoSuccess"]
    assert "> 1.5\n" in rules["TokenProbeLatencyHigh"]
    assert "1.5 s" in rules["TokenProbeLatencyHigh"]
    assert 'up{job="probes"}' in rules["TokenProbeDown"]
    assert 'up{job="probes"}' in rules["TokenProbeAbsent"]
    assert "probes" in rules["TokenProbeWatchdog"]
    for name in NAMES:
        assert f"https://wiki.example/runbooks/{name}.md" in rules[name]
        assert "https://grafana.example/d/token-probe-overview?var-" in rules[name]
    assert not re.search(r'0\.001\b|99\.9 |"token-probe"|job: token-probe|: 5s|: "?runbooks|: "?/d/', text)


def test_a_dashboard_may_be_asked_for_more() -> None:
    """Where its address has a query already, as that of an organization in Grafana, the target joins it."""
    text = render(Settings(dashboards="https://grafana.example/d/token-probe-overview?orgId=2"))

    assert "/d/token-probe-overview?orgId=2&var-target={{ $labels.target }}" in text
    assert text.count("?orgId=2") == text.count("?orgId=2&var-")


def test_a_slow_site_evaluates_nothing_faster() -> None:
    """What looks back for hours is evaluated as seldom as the rest."""
    text = render(Settings(interval=120.0))

    assert [group["interval"] for group in load(text)["groups"]] == ["2m", "2m"]
    assert ":1m]" not in text


def test_every_recording_is_used() -> None:
    """Nobody evaluates a rule every few seconds for nothing."""
    assert set().union(*(metrics_in(rule["expr"]) for rule in RULES)) >= RECORDINGS


def test_rules_name_only_label_values_that_exist() -> None:
    """A matcher with a typing mistake would match nothing, or everything, for ever."""
    known = {label: set(values) for label, values in LABEL_VALUES.items()}
    matchers = {
        (label, value)
        for rule in RULES
        for label, values in re.findall(r'(\w+)(?:=|!=|=~|!~)"([^"]*)"', rule["expr"])
        for value in values.split("|")
    }

    codes = {value for label, value in matchers if label == "code"}
    assert {label for label, _ in matchers} <= known.keys() | {"code"}
    assert {pair for pair in matchers if pair[0] != "code" and pair[1] not in known[pair[0]]} == set()
    assert "AADSTS50000" in codes
    for code in codes:
        entry = code_entry(code)
        assert entry is not None
        assert entry.category in SERVICE_CATEGORIES


@each_alert
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Summary for the pager, description, the way to the runbook and to the dashboard."""
    annotations = rule["annotations"]

    assert rule["labels"]["severity"] in SEVERITIES
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in annotations["summary"]
    assert "{{ $labels." in annotations["description"]
    assert "$value" not in str(rule)
    assert annotations["runbook_url"] == f"runbooks/{rule['alert']}.md"
    board = re.fullmatch(
        r"/d/([\w-]+)\?var-(target|job)=\{\{ \$labels\.(target|job) \}\}", annotations["dashboard_url"]
    )
    assert board is not None
    assert board[1] in BOARDS
    assert board[2] == board[3]


@each_alert
def test_an_alert_speaks_of_what_its_expression_has(rule: dict[str, Any]) -> None:
    """Annotations see the labels of the expression; those that the rule adds would read as nothing."""
    spoken = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))

    assert spoken
    assert not spoken & rule["labels"].keys()


@each_name
def test_an_alert_has_a_runbook(name: str) -> None:
    """With the four sections, in order."""
    lines = (DASHBOARDS / f"runbooks/{name}.md").read_text().splitlines()

    assert lines[0] == f"# {name}"
    assert [line for line in lines if line.startswith("## ")] == list(SECTIONS)


def test_every_runbook_has_an_alert() -> None:
    """None outlives its alert."""
    assert sorted(path.stem for path in (DASHBOARDS / "runbooks").glob("*.md")) == NAMES


def test_the_runbook_names_every_alert_that_names_the_job() -> None:
    """For who renames the job by hand."""
    naming = {rule["alert"] for rule in ALERTS if f'"{Settings().job}"' in rule["expr"]}
    sentence = re.search(
        r"([^.:]*) name the job in their expression", (DASHBOARDS / "runbooks/TokenProbeAbsent.md").read_text()
    )

    assert sentence
    assert set(re.findall(r"TokenProbe\w+", sentence[1])) == naming


def timelines(name: str) -> list[tuple[float, list[tuple[float, bool]]]]:
    """What the tests assert of an alert: the evaluation interval, and in order of time whether it fires.

    Each is of one test, and of one expression where the test asks for ALERTS.
    """
    found = []
    for path in TESTS:
        document = load(path.read_text())
        for test in document["tests"]:
            asserted: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
            for case in test.get("alert_rule_test", ()):
                if case["alertname"] == name:
                    asserted[""].append((parse_duration(case["eval_time"]), bool(case["exp_alerts"])))
            for case in test.get("promql_expr_test", ()):
                if re.search(rf'ALERTS\{{alertname="{name}"', case["expr"]):
                    asserted[case["expr"]].append((parse_duration(case["eval_time"]), bool(case["exp_samples"])))
            interval = parse_duration(document["evaluation_interval"])
            found += [(interval, sorted(cases)) for cases in asserted.values()]
    return found


@each_name
def test_an_alert_has_tests(name: str) -> None:
    """Of the last evaluation before it fires and the first at which it does; and of its end likewise."""
    changes = {
        (before, after)
        for interval, cases in timelines(name)
        for (earlier, before), (later, after) in pairwise(cases)
        if later - earlier == interval
    }
    fires = any(fires for _, cases in timelines(name) for _, fires in cases)

    assert fires
    if name != ALWAYS_FIRING:
        assert changes >= {(False, True), (True, False)}


@each_name
def test_an_alert_is_asserted_in_full(name: str) -> None:
    """Its labels and every annotation."""
    asserted = [
        alert
        for path in TESTS
        for test in load(path.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == name
        for alert in case["exp_alerts"]
    ]
    annotations = {"summary", "description", "runbook_url", "dashboard_url"}

    assert asserted
    assert all(alert["exp_annotations"].keys() == annotations for alert in asserted)
    assert all(alert["exp_labels"]["severity"] in SEVERITIES for alert in asserted)
