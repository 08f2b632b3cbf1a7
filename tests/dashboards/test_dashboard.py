"""The Grafana dashboards that we ship."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ROOT
from promql import exported_metrics, metrics_in, selectors_in
from tools import require_tool

FILES = sorted((ROOT / "dashboards/grafana").glob("*.json"))
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
MATCHERS = {'job=~"$job"', 'instance=~"$instance"', 'target=~"$target"'}
MIN_STEP = "15s"
STATE_PANELS = {"stat", "table"}
COLUMNS = 24


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


BOARDS = {path.stem: load(path) for path in FILES}
PANELS = [(uid, panel) for uid, board in BOARDS.items() for panel in board["panels"]]
TARGETS = [(panel, target) for _, panel in PANELS for target in panel["targets"]]

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[panel["title"] for _, panel in PANELS]
)
each_target = pytest.mark.parametrize(
    ("panel", "target"), TARGETS, ids=[f"{panel['title']}-{target['refId']}" for panel, target in TARGETS]
)


def expanded(expression: str) -> str:
    """The expression as Grafana sends it: variables set to All, and the dashboard at its default range."""
    return re.sub(
        r"\$(\w+)",
        lambda name: {"__rate_interval": "1m", "__range": "6h"}.get(name[1], ".+"),
        expression,
    )


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


@each_board
def test_a_dashboard_is_fit_to_be_provisioned(board: dict[str, Any]) -> None:
    """From a file, as one of a family, without anything of the place where it was made."""
    assert board["uid"] in BOARDS
    assert board["title"].startswith("Token probe / ")
    assert board["tags"] == ["token-probe"]
    assert board["editable"] is False
    assert (board["refresh"], board["graphTooltip"], board["time"]) == ("30s", 1, {"from": "now-6h", "to": "now"})
    assert not board.keys() & {"id", "__inputs", "__requires", "__elements"}


def test_the_overview_is_where_alerts_point() -> None:
    """Under the uid that their dashboard_url has."""
    assert BOARDS["token-probe-overview"]["uid"] == "token-probe-overview"
    assert BOARDS["token-probe-overview"]["title"] == "Token probe / Overview"


@each_board
def test_variables_let_people_choose(board: dict[str, Any]) -> None:
    """The data source, then the job, instance and target: one, some or all of each."""
    source, *queries = board["templating"]["list"]

    assert (source["type"], source["name"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert [variable["name"] for variable in queries] == ["job", "instance", "target"]
    for variable in queries:
        assert (variable["type"], variable["datasource"]) == ("query", DATASOURCE)
        assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".+")
        assert variable["refresh"] == 2
        assert variable["label"]
        text = variable["query"]["query"]
        assert text == variable["definition"]
        found = re.fullmatch(rf"label_values\((.+), {variable['name']}\)", text)
        assert found is not None
        assert metrics_in(found[1]) <= exported_metrics()


@each_board
def test_panels_have_places_of_their_own(board: dict[str, Any]) -> None:
    """And ids."""
    places = [panel["gridPos"] for panel in board["panels"]]

    assert len({panel["id"] for panel in board["panels"]}) == len(places)
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    assert not any(overlap(one, other) for one, other in combinations(places, 2))


@each_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    """A title, a description, a unit, a least step, and the chosen data source."""
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["interval"] == MIN_STEP
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]


@each_panel
def test_thresholds_rise(panel: dict[str, Any]) -> None:
    """From a base without a value."""
    defaults = panel["fieldConfig"]["defaults"]
    for steps in [defaults["thresholds"]["steps"]] if "thresholds" in defaults else []:
        values = [step["value"] for step in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])


@each_target
def test_a_query_asks_for_what_exists_and_was_chosen(panel: dict[str, Any], target: dict[str, Any]) -> None:
    """Of the exporter's metrics, in every selector by job, instance and target."""
    selectors = selectors_in(target["expr"])

    assert target["datasource"] == DATASOURCE
    assert metrics_in(target["expr"]) == {name for name, _ in selectors}
    assert metrics_in(target["expr"]) <= exported_metrics()
    assert all(set(matchers.split(",")) >= MATCHERS for _, matchers in selectors)


@each_target
def test_a_query_follows_the_scrape_interval(panel: dict[str, Any], target: dict[str, Any]) -> None:
    """Rates by $__rate_interval; states are asked for once, not as a range."""
    for window in re.findall(r"\bi?rate\([^\[]*\[([^\]]*)\]", target["expr"]):
        assert window == "$__rate_interval"
    assert (target["instant"], target["range"]) == ((True, False) if panel["type"] in STATE_PANELS else (False, True))


@each_target
def test_a_counter_is_never_shown_raw(panel: dict[str, Any], target: dict[str, Any]) -> None:
    """Its value depends on when the exporter started."""
    counters = re.findall(r"(?:(\w+)\()?\w+_(?:total|bucket|sum|count)\{[^}]*\}\[", target["expr"])

    assert set(counters) <= {"rate", "increase"}
    assert len(counters) == sum(
        name.endswith(("_total", "_bucket", "_sum", "_count")) for name, _ in selectors_in(target["expr"])
    )


@each_target
def test_a_legend_has_its_labels(panel: dict[str, Any], target: dict[str, Any]) -> None:
    """The query does not aggregate them away."""
    for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
        assert re.search(rf"\bby \([^)]*\b{label}\b", target["expr"])


def test_aadsts50000_is_red() -> None:
    """Wherever errors are shown by code."""
    shown = [panel for _, panel in PANELS if any(t.get("legendFormat") == "{{code}}" for t in panel["targets"])]

    assert shown
    for panel in shown:
        override = {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}
        assert any(
            each["matcher"] == {"id": "byName", "options": "AADSTS50000"} and override in each["properties"]
            for each in panel["fieldConfig"]["overrides"]
        )


def test_the_table_shows_failing_targets_first() -> None:
    """Sorted by a column that there is."""
    (table,) = (panel for _, panel in PANELS if panel["type"] == "table")
    (organize,) = (step["options"] for step in table["transformations"] if step["id"] == "organize")
    columns = set(organize["renameByName"].values())

    assert table["options"]["sortBy"] == [{"displayName": "Failures in a row", "desc": True}]
    assert {f"Value #{target['refId']}" for target in table["targets"]} <= organize["renameByName"].keys()
    assert {each["matcher"]["options"] for each in table["fieldConfig"]["overrides"]} <= columns
    assert "Failures in a row" in columns


def test_prometheus_accepts_every_query(tmp_path: Path) -> None:
    """As Grafana sends it."""
    promtool = require_tool("promtool", "prometheus")
    rules = [{"record": f"query:{n}", "expr": expanded(target["expr"])} for n, (_, target) in enumerate(TARGETS)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))

    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
