"""The minute of the soak that every change must stand: `make soak` is ten of it."""

import json
import os
import subprocess
import sys

import pytest
from processes import ROOT
from tools import require_tool

SECONDS = 60
PATH = os.pathsep.join(("tests", "tests/transport", "."))


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
def test_a_minute_of_everything_breaks_nothing() -> None:
    """Faults, reloads, rotations and scrapes, under the seed that is the default."""
    require_tool("promtool", "prometheus")

    done = subprocess.run(
        [sys.executable, "-m", "soak", f"--seconds={SECONDS}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": PATH},
    )

    assert done.returncode in {0, 1}, done.stderr
    verdict = json.loads(done.stdout.splitlines()[-1])
    assert verdict["problems"] == []
    assert done.returncode == 0
    assert verdict["attempts"].keys() == {"success", "provider", "client", "network", "prober"}
    assert verdict["actions"] > SECONDS
