"""The Grafana dashboards that we ship, as data, and their expressions as Prometheus gets them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import ROOT

FOLDER = ROOT / "dashboards/grafana"
FILES = sorted(FOLDER.glob("*.json"))

Board = dict[str, Any]
Panel = dict[str, Any]

DEFAULTS: Mapping[str, str] = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "6h",
    "__range_s": "21600",
    "objective": "99.9",
}
"""What a dashboard that was just opened puts in the place of variables outside of strings."""


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a dashboard: of a panel, an annotation, or a variable."""

    board: str
    place: str
    expr: str
    instant: bool
    legend: str = ""

    def __str__(self) -> str:
        return f"{self.board}, {self.place}"


def load(path: Path) -> Board:
    """A dashboard's file."""
    document: Board = json.loads(path.read_text(encoding="utf-8"))
    return document


def panels(board: Board) -> Iterator[Panel]:
    """Every panel that shows something, also those of closed rows."""
    for panel in board["panels"]:
        yield from panel.get("panels", ())
        if panel["type"] != "row":
            yield panel


def variables(board: Board) -> Iterator[dict[str, Any]]:
    """The variables that ask Prometheus."""
    yield from (variable for variable in board["templating"]["list"] if variable["type"] == "query")


def query_of(variable: dict[str, Any]) -> str:
    """What a variable asks, whichever of the two forms it has."""
    query = variable.get("query")
    return str(query.get("query", "") if isinstance(query, dict) else query or "")


def queries(board: Board) -> Iterator[Query]:
    """Every expression of a dashboard; of a variable that whose labels are its values."""
    uid = board["uid"]
    for panel in panels(board):
        for target in panel["targets"]:
            place = f"{panel['title']} {target['refId']}"
            yield Query(uid, place, target["expr"], target["instant"], target.get("legendFormat", ""))
    for annotation in board["annotations"]["list"]:
        yield Query(uid, f"annotation {annotation['name']}", annotation["expr"], instant=False)
    for variable in variables(board):
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query_of(variable))
        assert found is not None
        yield Query(uid, f"variable {found[2]}", f"group by ({found[2]}) ({found[1]})", instant=True)


def expanded(expression: str, values: Mapping[str, str] = DEFAULTS) -> str:
    """An expression with variables replaced; those without a value stay, which only strings can hold."""
    return re.sub(r"\$(\w+)", lambda name: values.get(name[1], name[0]), expression)


BOARDS = {path.stem: load(path) for path in FILES}
QUERIES = [query for board in BOARDS.values() for query in queries(board)]
