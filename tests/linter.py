"""The rules of grafana/dashboard-linter, for panels of every type, and with names instead of texts compared.

Its own rules look at five types of panels only, and its rule about counters is blind to selectors with matchers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from boards import Board, Panel, expanded, panels, query_of, variables
from promql import Selector, parsed, selectors_in

UNITS = frozenset({"bytes", "cpm", "dtdurations", "none", "percent", "percentunit", "reqps", "s", "short", "string"})
"""Units of Grafana's that we use; it takes any text for a unit, also one with a typing mistake."""

RATE_INTERVAL = "8869s"
"""Stands for $__rate_interval, and is nobody's window by chance."""

_WORDS = {
    "__rate_interval": RATE_INTERVAL,
    "__interval": "15s",
    "__range": "6h",
    "__range_s": "21600",
    "objective": "99.9",
}

_SOURCES = ("$datasource", "${datasource}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: on which panel or variable, and with what of it."""

    place: str
    subject: str


Rule = Callable[[Board], Iterator[Finding]]


def datasource_variable(board: Board) -> Iterator[Finding]:
    """There is a variable for the data source, under the name that everybody uses."""
    found = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    if [(each["name"], each.get("label"), each["query"]) for each in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield Finding("datasource", "variable")


def job_variable(board: Board) -> Iterator[Finding]:
    """There is a variable `job`, of which one, several and all can be chosen."""
    yield from _choice(board, "job", "Job")


def instance_variable(board: Board) -> Iterator[Finding]:
    """There is a variable `instance`, likewise."""
    yield from _choice(board, "instance", "Instance")


def _choice(board: Board, name: str, label: str) -> Iterator[Finding]:
    found = next((each for each in variables(board) if each["name"] == name), {})
    wanted = {"label": label, "multi": True, "includeAll": True, "allValue": ".+"}
    for key, value in wanted.items():
        if found.get(key) != value:
            yield Finding(name, key)
    if found and not _is_ours(found):
        yield Finding(name, "datasource")


def variable_queries(board: Board) -> Iterator[Finding]:
    """What variables ask is PromQL in one of Grafana's functions."""
    for variable in variables(board):
        found = re.fullmatch(
            r"label_values\((.+), *\w+\)|label_names\(\)|metrics\(.+\)|query_result\((.+)\)", query_of(variable)
        )
        inner = (found[1] or found[2]) if found else None
        if found is None or (inner and not _is_promql(inner)):
            yield Finding(variable["name"], "query")


def variable_refresh(board: Board) -> Iterator[Finding]:
    """Variables are asked anew when the time range changes."""
    yield from (Finding(variable["name"], "refresh") for variable in variables(board) if variable.get("refresh") != 2)


def panel_datasource(board: Board) -> Iterator[Finding]:
    """Panels, and each of their queries, use the chosen data source."""
    for panel in panels(board):
        for part in (panel, *panel.get("targets", ())):
            if not _is_ours(part):
                yield Finding(_name(panel), part.get("refId", "panel"))


def panel_words(board: Board) -> Iterator[Finding]:
    """Panels have a title and a description."""
    for panel in panels(board):
        yield from (Finding(_name(panel), key) for key in ("title", "description") if not panel.get(key, "").strip())


def panel_units(board: Board) -> Iterator[Finding]:
    """Panels have a unit, and one that there is; no exception for panels with value mappings."""
    for panel in panels(board):
        settings = panel.get("fieldConfig", {})
        overrides = [each for override in settings.get("overrides", ()) for each in override["properties"]]
        units = [
            settings.get("defaults", {}).get("unit"),
            *(each["value"] for each in overrides if each["id"] == "unit"),
        ]
        yield from (Finding(_name(panel), str(unit)) for unit in units if unit not in UNITS)


def panel_targets(board: Board) -> Iterator[Finding]:
    """Panels ask something."""
    yield from (Finding(_name(panel), "targets") for panel in panels(board) if not panel.get("targets"))


def logql(board: Board) -> Iterator[Finding]:
    """What asks Loki is LogQL; as we have no parser of that, nothing may ask Loki."""
    yield from (
        Finding(_name(panel), target["refId"]) for panel, target in _targets(board) if _asks_loki(panel, target)
    )


def logql_auto(board: Board) -> Iterator[Finding]:
    """Ranges of LogQL are $__auto."""
    for panel, target in _targets(board):
        if _asks_loki(panel, target) and set(re.findall(r"\[([^\]]*)\]", target["expr"])) - {"$__auto"}:
            yield Finding(_name(panel), target["refId"])


def promql(board: Board) -> Iterator[Finding]:
    """Queries are PromQL once variables have values."""
    for panel, target in _targets(board):
        if not _asks_loki(panel, target) and not _is_promql(target.get("expr", "")):
            yield Finding(_name(panel), target["refId"])


def rate_interval(board: Board) -> Iterator[Finding]:
    """Rates are over $__rate_interval, which follows the scrape interval and the zoom."""
    for panel, selector in _selectors(board):
        if selector.function in {"rate", "irate"} and selector.window != float(RATE_INTERVAL[:-1]):
            yield Finding(_name(panel), selector.name)


def job_matcher(board: Board) -> Iterator[Finding]:
    """Whatever is selected is of the chosen jobs."""
    yield from _unmatched(board, ("job", "=~", "$job"))


def instance_matcher(board: Board) -> Iterator[Finding]:
    """Whatever is selected is of the chosen instances."""
    yield from _unmatched(board, ("instance", "=~", "$instance"))


def _unmatched(board: Board, matcher: tuple[str, str, str]) -> Iterator[Finding]:
    for panel, selector in _selectors(board):
        if matcher not in selector.matchers:
            yield Finding(_name(panel), selector.name)


def counter(board: Board) -> Iterator[Finding]:
    """Counters, and parts of histograms, are seen through rate, irate or increase only."""
    for panel, selector in _selectors(board):
        ends = re.search(r"_(total|bucket|sum|count)$", selector.name)
        if ends and ":" not in selector.name and selector.function not in {"rate", "irate", "increase"}:
            yield Finding(_name(panel), selector.name)


def uneditable(board: Board) -> Iterator[Finding]:
    """Nobody edits in the browser what the next deployment overwrites."""
    if board.get("editable") is not False:
        yield Finding("dashboard", "editable")


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "template-datasource-rule": datasource_variable,
        "template-job-rule": job_variable,
        "template-instance-rule": instance_variable,
        "template-label-promql-rule": variable_queries,
        "template-on-time-change-reload-rule": variable_refresh,
        "panel-datasource-rule": panel_datasource,
        "panel-title-description-rule": panel_words,
        "panel-units-rule": panel_units,
        "panel-no-targets-rule": panel_targets,
        "target-logql-rule": logql,
        "target-logql-auto-rule": logql_auto,
        "target-promql-rule": promql,
        "target-rate-interval-rule": rate_interval,
        "target-job-rule": job_matcher,
        "target-instance-rule": instance_matcher,
        "target-counter-agg-rule": counter,
        "uneditable-dashboard": uneditable,
    }
)


def findings(board: Board) -> set[tuple[str, Finding]]:
    """What all rules find in a dashboard."""
    return {(name, finding) for name, rule in RULES.items() for finding in rule(board)}


def _name(panel: Panel) -> str:
    return str(panel.get("title") or f"panel {panel.get('id')}")


def _is_ours(part: dict[str, Any]) -> bool:
    source = part.get("datasource")
    return (source.get("uid") if isinstance(source, dict) else source) in _SOURCES


def _targets(board: Board) -> Iterator[tuple[Panel, dict[str, Any]]]:
    yield from ((panel, target) for panel in panels(board) for target in panel.get("targets", ()))


def _asks_loki(panel: Panel, target: dict[str, Any]) -> bool:
    source = target.get("datasource") or panel.get("datasource")
    return isinstance(source, dict) and source.get("type") == "loki"


def _is_promql(expression: str) -> bool:
    try:
        parsed(expanded(expression, _WORDS))
    except ValueError:
        return False
    return True


def _selectors(board: Board) -> Iterator[tuple[Panel, Selector]]:
    for panel, target in _targets(board):
        if not _asks_loki(panel, target) and _is_promql(target.get("expr", "")):
            yield from ((panel, selector) for selector in selectors_in(expanded(target["expr"], _WORDS)))
