"""The Grafana dashboards that we ship: made by the program, whole, and as the eye expects them."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from boards import BOARDS, FILES, Board, Panel, panels, variables
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana.__main__ import DASHBOARDS, write

TITLES = {
    "token-probe-overview": "Token probe / Overview",
    "token-probe-target": "Token probe / Target",
    "token-probe-health": "Token probe / Prober health",
}
VARIABLES = {
    "token-probe-overview": ["datasource", "job", "instance", "target", "objective"],
    "token-probe-target": ["datasource", "job", "instance", "target", "objective"],
    "token-probe-health": ["datasource", "job", "instance"],
}
STATE_PANELS = {"stat", "table", "bargauge"}
COLUMNS = 24

UNKNOWN_TO_THE_SDK = {"step", "titleFormat", "textFormat"}
"""Of an annotation of Prometheus's; the SDK knows what all annotations have."""

PANELS = [panel for board in BOARDS.values() for panel in panels(board)]

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
each_panel = pytest.mark.parametrize(
    "panel", PANELS, ids=[f"{uid}-{panel['title']}" for uid, board in BOARDS.items() for panel in panels(board)]
)


def test_what_is_committed_is_what_the_program_makes(tmp_path: Path) -> None:
    """`make dashboards` was run after the last change, and nobody edited JSON."""
    write(tmp_path)

    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in FILES}
    assert len(made) == len(DASHBOARDS) == 3


def lost(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """The keys, and values, that are in one document and not in the other."""
    match before, after:
        case dict(), dict():
            for key, value in before.items():
                if key in after:
                    yield from lost(value, after[key], f"{place}.{key}")
                elif key not in UNKNOWN_TO_THE_SDK:
                    yield f"{place}.{key}"
        case list(), list() if len(before) == len(after):
            for n, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from lost(one, other, f"{place}[{n}]")
        case _:
            if before != after:
                yield f"{place}: {before!r} became {after!r}"


@each_board
def test_grafanas_own_model_reads_a_dashboard_without_loss(board: Board) -> None:
    """A key with a typing mistake is one that the model does not have."""
    register_default_plugins()

    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))

    assert list(lost(board, again)) == []


@pytest.mark.parametrize(
    ("break_it", "found"),
    [
        (lambda board: board["panels"][1].update(descripton="x"), [".panels[1].descripton"]),
        (
            lambda board: board["panels"][1]["targets"][0].update(legendformat="x"),
            [".panels[1].targets[0].legendformat"],
        ),
        (lambda board: board["panels"][1]["options"].update(graphmode="x"), [".panels[1].options.graphmode"]),
        (lambda board: board.update(__inputs=[]), [".__inputs"]),
    ],
)
def test_a_typing_mistake_is_lost_on_the_way(break_it: Any, found: list[str]) -> None:
    """In the dashboard, a panel, its options, a query."""
    register_default_plugins()
    board = json.loads(json.dumps(BOARDS["token-probe-overview"]))
    break_it(board)

    assert list(lost(board, json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)))) == found


@each_board
def test_a_dashboard_is_fit_to_be_provisioned(board: Board) -> None:
    """From a file, as one of a family, without anything of the place where it was made."""
    assert TITLES[board["uid"]] == board["title"]
    assert board["tags"] == ["token-probe"]
    assert (board["refresh"], board["graphTooltip"], board["timezone"]) == ("30s", 1, "browser")
    assert board["time"] == {"from": "now-6h", "to": "now"}
    assert not board.keys() & {"id", "version", "__inputs", "__requires", "__elements"}


@each_board
def test_variables_let_people_choose(board: Board) -> None:
    """In the same order everywhere; on Target exactly one target."""
    assert [variable["name"] for variable in board["templating"]["list"]] == VARIABLES[board["uid"]]
    for variable in variables(board):
        several = (variable["name"], board["uid"]) != ("target", "token-probe-target")
        assert (variable["multi"], variable["includeAll"], variable.get("allValue")) == (
            several,
            several,
            ".+" if several else None,
        )


@each_board
def test_the_others_are_one_click_away(board: Board) -> None:
    """By their tag, with the time range and the variables."""
    (others, *_) = board["links"]
    assert (others["type"], others["tags"], others["asDropdown"]) == ("dashboards", ["token-probe"], True)
    assert all(link["keepTime"] and link["includeVars"] for link in board["links"])


@each_board
def test_alerts_and_restarts_are_marked(board: Board) -> None:
    """On every graph."""
    assert [annotation["name"] for annotation in board["annotations"]["list"]] == ["Alerts", "Restarts"]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


@each_board
def test_panels_have_places_of_their_own(board: Board) -> None:
    """Ids too; rows are full to their right end, and titles are used once."""
    places = [panel["gridPos"] for panel in board["panels"]]
    titles = [panel["title"] for panel in panels(board)]

    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    assert not any(overlap(one, other) for one, other in combinations(places, 2))
    for line in {place["y"] for place in places}:
        assert sum(place["w"] for place in places if place["y"] == line) == COLUMNS
    assert len(set(titles)) == len(titles)


@each_panel
def test_a_panel_is_told_apart_from_a_broken_one(panel: Panel) -> None:
    """It says in words what is so when there is nothing to show, and follows a scrape interval of 15 s."""
    assert panel["fieldConfig"]["defaults"]["noValue"]
    assert panel["interval"] == "15s"
    assert len(panel["description"]) > 60


@each_panel
def test_states_are_asked_for_once(panel: Panel) -> None:
    """As of the end of the range; what is drawn over time is asked for over time."""
    for target in panel["targets"]:
        assert (target["instant"], target["range"]) == (
            (True, False) if panel["type"] in STATE_PANELS else (False, True)
        )


def thresholds(panel: Panel) -> Iterator[list[dict[str, Any]]]:
    """The steps of a panel, and of its single fields."""
    settings = panel["fieldConfig"]
    if "thresholds" in settings["defaults"]:
        yield settings["defaults"]["thresholds"]["steps"]
    for override in settings["overrides"]:
        yield from (each["value"]["steps"] for each in override["properties"] if each["id"] == "thresholds")


@each_panel
def test_thresholds_rise(panel: Panel) -> None:
    """From a base without a value."""
    for steps in thresholds(panel):
        values = [step["value"] for step in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])


def reds(panel: Panel) -> Iterator[str]:
    """The series that are always red."""
    default = panel["fieldConfig"]["defaults"].get("color", {})
    if default.get("mode", "").startswith(("palette", "continuous")) or "red" in default.get("fixedColor", ""):
        yield "any"
    for override in panel["fieldConfig"]["overrides"]:
        for each in override["properties"]:
            if each["id"] == "color" and "red" in each["value"].get("fixedColor", ""):
                yield override["matcher"]["options"]


@each_panel
def test_red_is_for_danger(panel: Panel) -> None:
    """AADSTS50000 and the provider's failures; no palette that has red for whoever comes fourth."""
    assert set(reds(panel)) <= {"/^AADSTS50000 /", "/^provider$/", "/^provider /"}


def test_aadsts50000_is_red() -> None:
    """Wherever errors are shown by code; the last word, since later overrides win."""
    shown = [panel for panel in PANELS if any("{{code}}" in t.get("legendFormat", "") for t in panel["targets"])]

    assert len(shown) == 3
    for panel in shown:
        last = panel["fieldConfig"]["overrides"][-1]
        assert last["matcher"] == {"id": "byRegexp", "options": "/^AADSTS50000 /"}
        assert last["properties"] == [{"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}]


@each_panel
def test_a_table_names_its_columns(panel: Panel) -> None:
    """Each query is a column or is hidden; settings and order are those of columns that there are."""
    if panel["type"] != "table":
        return
    (organize,) = (step["options"] for step in panel["transformations"] if step["id"] == "organize")
    shown, hidden = organize["renameByName"], organize["excludeByName"]
    names = set(shown.values())

    assert all(f"Value #{target['refId']}" in {*shown, *hidden} for target in panel["targets"])
    assert organize["indexByName"].keys() == shown.keys()
    assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} <= names
    assert {each["displayName"] for each in panel["options"].get("sortBy", ())} <= names
    for name in set(shown) - {key for key in shown if key.startswith("Value #")}:
        assert any(re.search(rf"\b{name}\b", target["expr"]) for target in panel["targets"])


def test_failing_targets_are_on_top() -> None:
    """Those with an outage first, then whoever fails longest."""
    (table,) = (panel for panel in PANELS if panel["title"] == "Targets, failing first")

    assert table["options"]["sortBy"] == [
        {"displayName": "State", "desc": True},
        {"displayName": "Failures in a row", "desc": True},
    ]


def test_a_slow_attempt_has_an_exemplar() -> None:
    """On the heatmap, and on the quantiles, since not every Grafana draws them on the former."""
    asked = [
        (panel["title"], target["refId"])
        for panel in panels(BOARDS["token-probe-overview"])
        for target in panel["targets"]
        if target.get("exemplar")
    ]

    assert asked == [("Latency", "A"), *(("Latency of successes", ref_id) for ref_id in "ABC")]
