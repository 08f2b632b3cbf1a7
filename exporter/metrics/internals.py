"""What is read of prometheus_client behind its interface; nothing else does, and docs/decisions.md says why."""

from array import array
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, metrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString
from prometheus_client.values import MutexValue, ValueClass

T = TypeVar("T")

Metric = Counter | Gauge | Histogram | Summary
"""A family, or one labelled series of it: to the library both are the same."""

Shape = tuple[int, Metric | None]

Cells = tuple[Any, ...]
"""Where the library keeps the numbers of a series, one MutexValue each."""

go_number: Callable[[float], str] = floatToGoString
"""A number as both formats write it."""

_METRICS: tuple[type, ...] = (Counter, Gauge, Histogram, Summary)


def collectors(registry: CollectorRegistry) -> list[Collector]:
    """What a registry collects from, in its order."""
    return list(registry._collector_to_names)


def has_cells(collector: object) -> TypeGuard[Metric]:
    """Whether all that a collector tells stands in cells of this process; gauges that ask a function are not used."""
    return type(collector) in _METRICS and ValueClass is MutexValue and not metrics._use_created


def series(family: Metric) -> list[Metric]:
    """The series of a family, in the order in which they were made."""
    inside: Any = family
    return list(inside._metrics.values()) if inside._labelnames else [family]


def shape(family: Metric) -> Shape:
    """What is another as soon as any series came or went: how many there are, and the one that came last.

    Series that come are put behind all others, and those that go only make them fewer.
    """
    inside: Any = family
    if not inside._labelnames:
        return 1, family
    made = inside._metrics
    return len(made), next(reversed(made.values()), None)


def child(family: T, values: tuple[str, ...]) -> T | None:
    """The series of a family with these label values, if it was made; without the checks that cost most of a look."""
    inside: Any = family
    made: T | None = inside._metrics.get(values)
    return made


def label_names(family: Metric) -> tuple[str, ...]:
    """The names of a family's labels, in the order of its label values."""
    return tuple(family._labelnames)


def label_values(one: Metric) -> tuple[str, ...]:
    """The label values of one series."""
    return one._labelvalues


def line_names(family: Metric) -> list[tuple[str, dict[str, str]]]:
    """The lines that each series of a family has: the name, and labels beside those of the series."""
    name = family._name
    if isinstance(family, Histogram):
        buckets = [(f"{name}_bucket", {"le": go_number(bound)}) for bound in family._upper_bounds]
        lines = [*buckets, (f"{name}_count", {}), (f"{name}_sum", {})]
        # The library leaves out a sum that could fall.
        return lines if family._upper_bounds[0] >= 0 else lines[:-1]
    if isinstance(family, Summary):
        return [(f"{name}_count", {}), (f"{name}_sum", {})]
    return [(f"{name}_total" if isinstance(family, Counter) else name, {})]


def cells(one: Metric) -> Cells:
    """The cells of one series: of a histogram its buckets and then the sum, otherwise one a line."""
    # By exact type: isinstance() is slow about subclasses of a protocol, and there are 100,000 series.
    kind: type = type(one)
    inside: Any = one
    if kind is Histogram:
        return (*inside._buckets, inside._sum)
    if kind is Summary:
        return (inside._count, inside._sum)
    return (inside._value,)


def numbers(of: Cells) -> "array[float]":
    """What stands in cells now."""
    return array("d", [cell._value for cell in of])


def exemplars(of: Cells) -> list[Exemplar | None]:
    """The exemplar in each cell; the exporter sets one only together with an increment of its own cell by 1."""
    return [cell._exemplar for cell in of]
