"""What goes wrong when."""

from pathlib import Path
from typing import get_args

import pytest

from exporter.simulator import QUIET, Scenario, load_scenario, parse_scenario
from exporter.simulator.scenario import Endpoint

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"

PARTIAL = """
name: partial-outage
timeline:
  - {from: 2m, to: 12m, ratio: 0.2, ramp: 30s, targets: ["contoso-*"], answer: {code: AADSTS50000, status: 500}}
  - {from: 20m, to: 21m, answer: {stall: headers}}
"""


def scenario(text: str) -> Scenario:
    parsed = parse_scenario(text)
    assert isinstance(parsed, Scenario), parsed
    return parsed


@pytest.mark.parametrize(
    ("elapsed", "name", "draw", "kind"),
    [
        (119.9, "contoso-graph", 0.0, None),
        (120.0, "contoso-graph", 0.0, None),  # the ramp begins at nothing
        (135.0, "contoso-graph", 0.09, "code"),
        (135.0, "contoso-graph", 0.11, None),
        (150.0, "contoso-graph", 0.19, "code"),
        (600.0, "contoso-graph", 0.21, None),
        (600.0, "fabrikam", 0.0, None),
        (720.0, "contoso-graph", 0.0, None),
        (1200.0, "fabrikam", 0.99, "stall"),
        (1260.0, "fabrikam", 0.0, None),
    ],
)
def test_an_entry_decides_its_share_of_its_targets_in_its_time(
    elapsed: float, name: str, draw: float, kind: str | None
) -> None:
    """Before, after, beside and above the share, there is no fault."""
    play = scenario(PARTIAL).play(elapsed, {name}, lambda: draw)

    assert (play is None) == (kind is None)
    assert play is None or kind is None or getattr(play, kind) is not None


@pytest.mark.parametrize("struck", ["token", "devicecode", "discovery", "jwks"])
def test_an_entry_strikes_one_endpoint(struck: str) -> None:
    """The token endpoint unless it says otherwise."""
    named = scenario(f"name: x\ntimeline: [{{from: 0s, to: 1s, endpoint: {struck}, answer: reset}}]")
    unnamed = scenario("name: x\ntimeline: [{from: 0s, to: 1s, answer: reset}]")

    for endpoint in get_args(Endpoint):
        assert (named.play(0.5, {"a"}, lambda: 0.5, endpoint) is not None) == (endpoint == struck)
        assert (unnamed.play(0.5, {"a"}, lambda: 0.5, endpoint) is not None) == (endpoint == "token")


def test_a_repeating_scenario_starts_over() -> None:
    """The moment counts within the period."""
    again = scenario("name: x\nrepeat: 1m\ntimeline: [{from: 10s, to: 20s, answer: reset}]")

    assert [again.play(t, {"a"}, lambda: 0.5) is not None for t in (5, 15, 25, 65, 75, 85)] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_nothing_ever_goes_wrong_in_the_quiet_scenario() -> None:
    """Which is the simulator's default."""
    assert QUIET.play(1e9, {"a"}, lambda: 0.0) is None


@pytest.mark.parametrize(
    "answer",
    [
        "token",
        "{token: true}",
        "{code: AADSTS90033, headers: {Retry-After: '10'}}",
        "{code: AADSTS50000, status: 200, error: server_error}",
        "{status: 502}",
        "{status: 200, body: '<html>'}",
        "{stall: body}",
        "reset",
        "truncate",
        "{latency: 500ms}",
    ],
)
def test_every_kind_of_answer_can_be_written(answer: str) -> None:
    """Those of docs/simulator.md."""
    scenario(f"name: x\ntimeline: [{{from: 0s, to: 1s, answer: {answer}}}]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("timeline: []", "line 1: name: is required"),
        ("name: x\ntimelin: []", "line 2: timelin: unknown key; did you mean timeline?"),
        ("name: x\ntimeline: [{from: 2s, to: 1s, answer: token}]", "to must be later than from"),
        ("name: x\ntimeline: [{from: 0s, to: 1s, answer: {code: AADSTS1}}]", "must be a code of the catalogue"),
        ("name: x\ntimeline: [{from: 0s, to: 1s, answer: {}}]", "must be exactly one of"),
        (
            "name: x\ntimeline: [{from: 0s, to: 1s, answer: AADSTS50000}]",
            "line 2: timeline[0].answer: must be token, reset or truncate, or a mapping such as {code: AADSTS50000}",
        ),
        ("name: x\ntimeline: [{from: 0s, to: 1s, answer: {reset: true, stall: body}}]", "must be exactly one of"),
        ("name: x\ntimeline: [{from: 0s, to: 1, answer: token}]", "must be a duration"),
        ("name: x\ntimeline: [{from: 0s, to: 1s, ratio: 2.0, answer: token}]", "less than or equal to 1"),
        (
            "name: x\ntimeline: [{from: 0s, to: 1s, answer: {stall: body, status: 500}}]",
            "go with a code or a body only",
        ),
        (
            "name: x\ntimeline: [{from: 0s, to: 1s, endpoint: keys, answer: token}]",
            "line 2: timeline[0].endpoint: must be 'token', 'devicecode', 'discovery' or 'jwks'",
        ),
        ("name: x\ntimeline: [{from: 0s, to: 1s, endpont: jwks, answer: token}]", "did you mean endpoint?"),
        ("name: x\nrepeat: 1m\ntimeline: [{from: 0s, to: 2m, answer: token}]", "must end before the scenario repeats"),
        ("", "the file is empty"),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    """With line and path, as for a config."""
    problems = parse_scenario(text)

    assert isinstance(problems, list)
    assert len(problems) == 1
    assert problem in str(problems[0])


def test_the_documented_example_loads() -> None:
    """It is the one of the docs."""
    loaded = load_scenario(EXAMPLES / "scenario.yaml")

    assert isinstance(loaded, Scenario)
    assert loaded.name == "partial-outage"


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """Not an exception."""
    assert isinstance(load_scenario(tmp_path / "gone.yaml"), list)
