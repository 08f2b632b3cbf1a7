"""When an alert fires: the same as in Prometheus's own rule manager."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tools import require_tool

from exporter.durations import show_duration
from replay.alerting import Firing, firings

STEP = 15.0


@pytest.mark.parametrize(
    ("moments", "pending", "keep", "expected"),
    [
        ([], 0, 0, []),
        ([15], 0, 0, [(15, 30)]),
        ([15, 30, 45], 0, 0, [(15, 60)]),
        ([15, 30, 75], 0, 0, [(15, 45), (75, 90)]),
        # Pending: it must hold at every evaluation for so long.
        ([15, 30, 45], 30, 0, [(45, 60)]),
        ([15, 30], 30, 0, []),
        ([15, 30, 60, 75, 90], 30, 0, [(90, 105)]),
        # Kept: it goes on for so long, and what holds again within that time is the same alert.
        ([15], 0, 60, [(15, 90)]),
        ([15, 60], 0, 60, [(15, 135)]),
        ([15, 90], 0, 60, [(15, 165)]),
        ([15, 105], 0, 60, [(15, 90), (105, 180)]),
        ([15, 30, 45, 90], 30, 60, [(45, 165)]),
    ],
)
def test_an_alert_fires(moments: list[float], pending: float, keep: float, expected: list[tuple[float, float]]) -> None:
    """From the evaluation at which it begins to the one at which it has ended."""
    assert list(firings(moments, STEP, pending, keep)) == [Firing(*each) for each in expected]


def test_it_is_what_promtool_finds(tmp_path: Path) -> None:
    """Fifty random patterns, with every `for` and `keep_firing_for`."""
    promtool = require_tool("promtool", "prometheus")
    draw = random.Random(1)
    cases = [list(_pattern(draw)) for _ in range(50)]
    settings = [(pending, keep) for pending in (0.0, 20.0, 30.0) for keep in (0.0, 40.0, 60.0)]
    chosen = [settings[n % len(settings)] for n in range(len(cases))]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_rules(chosen)))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(_tests(cases, chosen)))

    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


def _pattern(draw: random.Random) -> Iterator[bool]:
    """Eighty evaluations at which something holds or not, in runs of some length."""
    holds = False
    for _ in range(80):
        if draw.random() < 0.3:
            holds = not holds
        yield holds


def _rules(chosen: list[tuple[float, float]]) -> object:
    rules = []
    for n, (pending, keep) in enumerate(chosen):
        rule: dict[str, object] = {"alert": f"case{n}", "expr": f'holds{{case="{n}"}} == 1'}
        if pending:
            rule["for"] = show_duration(pending)
        if keep:
            rule["keep_firing_for"] = show_duration(keep)
        rules.append(rule)
    return {"groups": [{"name": "cases", "interval": "15s", "rules": rules}]}


def _tests(cases: list[list[bool]], chosen: list[tuple[float, float]]) -> object:
    series = [
        {"series": f'holds{{case="{n}"}}', "values": " ".join(str(int(holds)) for holds in case)}
        for n, case in enumerate(cases)
    ]
    expected = []
    for at in range(80):
        moment = at * STEP
        samples = []
        for n, (case, (pending, keep)) in enumerate(zip(cases, chosen, strict=True)):
            moments = [index * STEP for index, holds in enumerate(case) if holds]
            if any(firing.begin <= moment < firing.end for firing in firings(moments, STEP, pending, keep)):
                samples.append({"labels": f'{{alertname="case{n}"}}', "value": 1})
        query = 'max by (alertname) (ALERTS{alertstate="firing"})'
        expected.append({"expr": query, "eval_time": f"{int(moment)}s", "exp_samples": samples})
    test = {"interval": "15s", "input_series": series, "promql_expr_test": expected}
    return {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
