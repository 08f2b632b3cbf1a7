"""What PromQL expressions speak of, read by a parser of the language; and what there is to speak of."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import promql_parser
import yaml
from processes import ROOT
from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    LabelModifierType,
    MatchOp,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)

GOLDEN = ROOT / "tests/golden/metrics.yaml"

OF_A_SCRAPE = frozenset({"job", "instance"})
"""Labels that Prometheus gives to whatever it scrapes."""

SUFFIXES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "counter": {"": frozenset()},
    "gauge": {"": frozenset()},
    "histogram": {"_bucket": frozenset({"le"}), "_sum": frozenset(), "_count": frozenset()},
    "summary": {"_sum": frozenset(), "_count": frozenset()},
}
"""What a metric of a type is called in PromQL, and the labels that it has there beside its own."""

_OPERATORS = ((MatchOp.Equal, "="), (MatchOp.NotEqual, "!="), (MatchOp.Re, "=~"), (MatchOp.NotRe, "!~"))

Matcher = tuple[str, str, str]
"""A label, an operator, a value."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric in an expression: its matchers, and the function that its samples go through at once."""

    name: str
    matchers: tuple[Matcher, ...]
    function: str
    window: float | None


@cache
def golden() -> dict[str, dict[str, Any]]:
    """The metrics of the exporter as the golden list has them."""
    listed: dict[str, dict[str, Any]] = yaml.safe_load(GOLDEN.read_text())["exporter"]
    return listed


@cache
def of_prometheus() -> dict[str, frozenset[str]]:
    """The metrics that Prometheus makes of its own, with their labels."""
    listed = yaml.safe_load(GOLDEN.read_text())["prometheus"]
    return {name: OF_A_SCRAPE | set(labels) for name, labels in listed.items()}


@cache
def exported_series() -> dict[str, frozenset[str]]:
    """Every metric of the exporter as PromQL spells it, with its labels."""
    return {
        name + suffix: OF_A_SCRAPE | more | set(metric["labels"])
        for name, metric in golden().items()
        for suffix, more in SUFFIXES[metric["type"]].items()
    }


@cache
def exported_metrics() -> frozenset[str]:
    """Every metric name of the exporter, as PromQL spells it."""
    return frozenset(exported_series())


def parsed(expression: str) -> Any:
    """The tree of an expression. Raises ValueError where it is not PromQL."""
    return promql_parser.parse(re.sub(r"(?m)^\s*#.*$", "", expression))


def nodes(tree: Any, function: str = "") -> Iterator[tuple[Any, str]]:
    """Every node of a tree, each with the function that it stands in directly."""
    yield tree, function
    match tree:
        case Call():
            for argument in tree.args:
                yield from nodes(argument, tree.func.name)
        case AggregateExpr():
            yield from nodes(tree.expr)
            if tree.param is not None:
                yield from nodes(tree.param)
        case BinaryExpr():
            yield from nodes(tree.lhs)
            yield from nodes(tree.rhs)
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            yield from nodes(tree.expr, function)
        case MatrixSelector():
            yield from nodes(tree.vector_selector, function)


def selectors_in(expression: str) -> list[Selector]:
    """Each metric that an expression selects, as often as it does."""
    found: list[Selector] = []
    windows: dict[int, float] = {}
    for node, function in nodes(parsed(expression)):
        if isinstance(node, MatrixSelector):
            windows[len(found)] = node.range.total_seconds()
        elif isinstance(node, VectorSelector):
            matchers = tuple((each.name, _operator(each.op), each.value) for each in node.matchers.matchers)
            found.append(Selector(node.name or "", matchers, function, windows.get(len(found))))
    return found


def _operator(op: MatchOp) -> str:
    return next(text for known, text in _OPERATORS if known == op)


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names."""
    return {selector.name for selector in selectors_in(expression)}


def labels_in(expression: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    found: set[str] = set()
    for node, _ in nodes(parsed(expression)):
        if isinstance(node, AggregateExpr) and node.modifier:
            found |= set(node.modifier.labels)
        elif isinstance(node, BinaryExpr) and node.modifier:
            found |= set(node.modifier.group_labels or ())
            found |= set(node.modifier.matching.labels) if node.modifier.matching else set()
    return found


def labels_of(expression: str, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The labels that the result of an expression can have, given those of metrics."""
    return frozenset(_labels(parsed(expression), known))


def _labels(tree: Any, known: Mapping[str, frozenset[str]]) -> Iterable[str]:
    match tree:
        case AggregateExpr():
            inner = set(_labels(tree.expr, known))
            # topk and its like choose series, and leave them as they are.
            if str(tree.op) in {"topk", "bottomk"}:
                return inner
            listed = set(tree.modifier.labels) if tree.modifier else set()
            by = tree.modifier is None or tree.modifier.type == AggModifierType.By
            return listed if by else inner - listed
        case BinaryExpr():
            return _joined(tree, set(_labels(tree.lhs, known)), set(_labels(tree.rhs, known)))
        case Call():
            inner = {label for argument in tree.args for label in _labels(argument, known)}
            added = {tree.args[1].val} if tree.func.name == "label_replace" else set()
            lost = {"le"} if tree.func.name == "histogram_quantile" else set()
            return (inner | added) - lost
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return _labels(tree.expr, known)
        case MatrixSelector():
            return _labels(tree.vector_selector, known)
        case VectorSelector():
            return known.get(tree.name or "", frozenset())
        case _:
            return ()


def _joined(tree: BinaryExpr, left: set[str], right: set[str]) -> set[str]:
    operator, modifier = str(tree.op), tree.modifier
    if operator in {"and", "unless"}:
        return left
    if operator == "or":
        return left | right
    if modifier and modifier.group_labels is not None and "ManyToOne" in str(modifier.card):
        return left | set(modifier.group_labels)
    if modifier and modifier.matching and modifier.matching.type == LabelModifierType.Include:
        return set(modifier.matching.labels)
    return left or right
