"""What PromQL expressions speak of, and what the exporter has."""

import re
from collections.abc import Mapping
from functools import cache

from fakes import make_target
from prometheus_client import CollectorRegistry

from exporter.metrics import Recorder

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "summary": ("_sum", "_count"),
}

_NAME = r"[a-zA-Z_:][\w:]*"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OURS = re.compile(r"(?:token|probe)_\w+")


@cache
def exported_metrics() -> frozenset[str]:
    """Every metric name of the exporter, as PromQL spells it."""
    registry = CollectorRegistry()
    Recorder(registry, [make_target()])
    return frozenset(family.name + suffix for family in registry.collect() for suffix in SUFFIXES[family.type])


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names: whatever a selector stands behind, and whatever is spelt like ours."""
    bare = _STRING.sub('""', expression)
    selected = {name for name, _ in selectors_in(expression)}
    return selected | {name for name in re.findall(_NAME, bare) if ":" in name or _OURS.fullmatch(name)}


def selectors_in(expression: str) -> list[tuple[str, str]]:
    """Each selector with braces: the metric's name and the matchers."""
    return re.findall(rf"({_NAME})\{{([^}}]*)\}}", expression)
