"""The fault matrix over the wire, rows 1 to 54: each case against a whole exporter, however its parts may be built."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from wirecase import Case
from wirerows import CASES

pytestmark = pytest.mark.alone

HERE = Path(__file__).parent
PATIENCE = 300.0

WAYS = {"c": "", "python": "1", "asyncio": ""}
"""Ways to run: aiohttp's two parsers, on uvloop, and asyncio's loop; what AIOHTTP_NO_EXTENSIONS must be for each."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one process saw."""

    parser: str
    cases: dict[str, tuple[str, list[str]]]
    left: list[str]


def matrix(test: str, items: list[pytest.Item]) -> dict[str, list[str]]:
    """Which cases of the matrix are to be run in which way."""
    wanted: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.originalname == test:
            case, way = item.callspec.params["case"], item.callspec.params["way"]
            assert isinstance(case, Case)
            wanted.setdefault(str(way), []).append(case.id)
    return wanted


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest) -> Iterator[dict[str, Report]]:
    """Runs whatever is selected, each way in a process of its own, all at the same time."""
    wanted = matrix("test_a_fault_has_its_outcome_and_no_other_effect", request.session.items)
    processes = {way: _start(way) for way in wanted}
    try:
        for way, process in processes.items():
            assert process.stdin is not None
            process.stdin.write(json.dumps(wanted[way]))
            process.stdin.close()
            process.stdin = None
        yield {way: _report(process) for way, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()


def _start(way: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", HERE / "wire.py", way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"AIOHTTP_NO_EXTENSIONS": WAYS[way], "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _report(process: "subprocess.Popen[str]") -> Report:
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return Report(**json.loads(out))


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
@pytest.mark.parametrize("way", WAYS)
def test_a_fault_has_its_outcome_and_no_other_effect(reports: dict[str, Report], way: str, case: Case) -> None:
    """One outcome, in time; no secret, no series too many, no lag, no memory, and nothing that others feel."""
    outcome, problems = reports[way].cases[case.id]

    assert problems == []
    assert outcome in case.expected


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_over(reports: dict[str, Report], way: str) -> None:
    """No descriptor and no task; and the parser was the one that it should be."""
    if way not in reports:
        pytest.skip("no case of this way is selected")

    assert reports[way].left == []
    assert reports[way].parser == ("python" if WAYS[way] else "c")


def test_every_row_has_a_case() -> None:
    assert {case.row for case in CASES} == set(range(1, 55))
    assert len({case.id for case in CASES}) == len(CASES)
