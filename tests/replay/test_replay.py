"""A replay from its scenario to its score, with promtool and a real Prometheus."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import ROOT
from tools import require_tool

from exporter.simulator import Scenario, load_scenario

OUTAGES = sorted((ROOT / "replay/outages").glob("*.yaml"))

SCENARIO = """
name: a total outage, then a fifth
timeline:
  - {from: 20m, to: 30m, targets: [contoso], answer: {code: AADSTS50000}}
  - {from: 60m, to: 80m, ratio: 0.2, targets: [fabrikam], answer: {code: AADSTS90033}}
"""


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `make replay SCENARIO=... SEED=...` prints."""
    require_tool("promtool", "prometheus")
    path = tmp_path_factory.mktemp("replay") / "scenario.yaml"
    path.write_text(SCENARIO)
    done = subprocess.run(
        [sys.executable, "-m", "replay", f"--scenario={path}", "--seed=3", "--noise=none"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_outages_are_detected_in_time(score: dict[str, Any]) -> None:
    """By the pack; nothing fires for nothing."""
    (of_scenario,) = score.values()
    pack = of_scenario["rules"]["the pack"]
    (outages,) = pack["cells"].values()

    assert (outages["detected"], outages["of"]) == (2, 2)
    assert outages["page"]["detected"] >= 1
    assert outages["median"] < 120
    assert pack["false_alarms"] == 0


def test_peers_are_scored_beside_it(score: dict[str, Any]) -> None:
    """On the same data."""
    (of_scenario,) = score.values()
    (of_peer,) = of_scenario["rules"]["probe_success == 0 for 1m"]["cells"].values()

    assert of_peer["of"] == 2
    assert of_peer["detected"] == 1
    assert of_peer["median"] > 60


def test_a_scenario_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With its line, and no traceback."""
    (tmp_path / "bad.yaml").write_text("name: x\ntimeline: [{from: 1m, to: 0s, answer: reset}]\n")

    done = subprocess.run(
        [sys.executable, "-m", "replay", f"--scenario={tmp_path / 'bad.yaml'}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 1
    assert "must end after it begins" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flag", "says"),
    [("--interval=5", "must be a duration such as 30s"), ("--processes=0", "must be a number from 1 on")],
)
def test_a_flag_that_makes_no_sense_is_wrong_use(flag: str, says: str) -> None:
    """Exit 2, and the last line says what to write."""
    done = subprocess.run([sys.executable, "-m", "replay", flag], capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr.splitlines()[-1]


def test_a_missing_prometheus_is_told_before_anything_is_replayed(tmp_path: Path) -> None:
    """In one line that says what to install."""
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    done = subprocess.run(
        [sys.executable, "-m", "replay", f"--scenario={tmp_path / 'scenario.yaml'}", "--seed=3"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "promtool is missing: apt-get install prometheus\n"


@pytest.mark.parametrize("path", OUTAGES, ids=lambda path: path.stem)
def test_an_outage_that_happened_is_a_scenario(path: Path) -> None:
    """It begins after an hour in which nothing is wrong, and says in its head what it stands for."""
    scenario = load_scenario(path)

    assert isinstance(scenario, Scenario)
    assert scenario.name.startswith(path.stem)
    assert min(entry.begin for entry in scenario.timeline) == 3600
    assert path.read_text().startswith(f"# {path.stem}")
