"""The alert rules that we ship."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ROOT
from promql import exported_metrics, metrics_in
from tools import require_tool

from exporter.catalogue import SERVICE_CATEGORIES, code_entry

DASHBOARDS = ROOT / "dashboards"
TESTS = sorted((DASHBOARDS / "rules").glob("*_test.yaml"))
FILES = sorted(set((DASHBOARDS / "rules").glob("*.yaml")) - set(TESTS))
SECTIONS = ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation")


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


RULES: list[dict[str, Any]] = [rule for path in FILES for group in load(path)["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDINGS = {rule["record"] for rule in RULES if "record" in rule}

each_alert = pytest.mark.parametrize("alert", ALERTS)


@pytest.fixture
def promtool() -> str:
    """The path of promtool, which comes with Debian's Prometheus."""
    return require_tool("promtool", "prometheus")


def run(*command: str | Path) -> str:
    """What a command that must succeed prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_prometheus_accepts_the_rules(promtool: str, path: Path) -> None:
    """Syntax, templates, and no rule twice."""
    assert "SUCCESS" in run(promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(promtool: str, path: Path) -> None:
    """The unit tests beside the rules."""
    assert "SUCCESS" in run(promtool, "test", "rules", path)


def test_rules_name_only_what_exists() -> None:
    """Metrics of the exporter, and recordings of our own."""
    named = set().union(*(metrics_in(rule["expr"]) for rule in RULES))

    assert named
    assert named <= exported_metrics() | RECORDINGS


def test_every_recording_is_used() -> None:
    """Nobody evaluates a rule every few seconds for nothing."""
    assert set().union(*(metrics_in(rule["expr"]) for rule in RULES)) >= RECORDINGS


def test_rules_name_only_codes_that_start_at_zero() -> None:
    """Otherwise the first burst would be hidden."""
    codes = {code for rule in RULES for code in re.findall(r'code="(\w+)"', rule["expr"])}

    assert "AADSTS50000" in codes
    for code in codes:
        entry = code_entry(code)
        assert entry is not None
        assert entry.category in SERVICE_CATEGORIES


@each_alert
def test_an_alert_says_what_to_do(alert: str) -> None:
    """Summary for the pager, description, the way to the runbook and to the dashboard."""
    rule = ALERTS[alert]
    annotations = rule["annotations"]

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert annotations.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in annotations["summary"]
    assert "$labels.target" in annotations["description"]
    assert "$value" not in str(rule)


@each_alert
def test_an_alert_has_a_runbook(alert: str) -> None:
    """With the four sections, in order."""
    path = DASHBOARDS / ALERTS[alert]["annotations"]["runbook_url"]

    assert path.stem == alert
    lines = path.read_text().splitlines()
    assert lines[0] == f"# {alert}"
    assert [line for line in lines if line.startswith("## ")] == list(SECTIONS)


def test_every_runbook_has_an_alert() -> None:
    """None outlives its alert."""
    assert {path.stem for path in (DASHBOARDS / "runbooks").glob("*.md")} == ALERTS.keys()


@each_alert
def test_an_alert_has_a_test(alert: str) -> None:
    """That it fires, and that it stays silent."""
    cases = [
        case
        for path in TESTS
        for test in load(path)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == alert
    ]

    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)
