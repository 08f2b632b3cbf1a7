"""A registry's samples as text, of which only what changed is made anew."""

from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, repeat
from operator import ne
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric as Description
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from exporter.metrics import internals
from exporter.metrics.exposition import exposition
from exporter.metrics.internals import Metric, go_number

_END = b"# EOF\n"

_AS_IN_PYTHON = 1e6
"""Numbers below it look the same in Python and in both formats."""


class Writer:
    """Writes a registry in both formats, byte for byte as prometheus_client does.

    A family's text is kept in blocks of neighbouring series with the same first label value: the target. Each time all
    numbers are read, and a block's text is made anew only if it shows others; so nobody has to tell what changed. Of
    exemplars it is known that they change with a number. While a registry is written nothing should change in it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._families: dict[Metric, _Family] = {}
        self._one_at_a_time = Lock()

    @property
    def blocks_made(self) -> int:
        """How many times the text of a block was made."""
        return sum(family.blocks_made for family in self._families.values())

    def write(self, *, openmetrics: bool) -> bytes:
        """All samples in OpenMetrics 1.0 or in Prometheus's text format 0.0.4."""
        parts: list[bytes] = []
        with self._one_at_a_time:
            # The labels of the registry itself, if it has any, come first.
            parts.append(_by_library(self._registry.restricted_registry(("target_info",)), openmetrics=openmetrics))
            families: dict[Metric, _Family] = {}
            for collector in internals.collectors(self._registry):
                if internals.has_cells(collector):
                    families[collector] = self._families.get(collector) or _Family(collector)
                    parts += families[collector].parts(openmetrics=openmetrics)
                else:
                    parts.append(_by_library(collector, openmetrics=openmetrics))
            self._families = families
        if openmetrics:
            parts.append(_END)
        # Of bytes, which are joined without keeping other threads from running; text is not.
        return b"".join(parts)


class _Block:
    """Neighbouring series and their lines. The lines are the same object in both formats while no exemplar is there."""

    __slots__ = ("cells", "held", "openmetrics", "series", "text")

    def __init__(self, series: list[Metric], names: Iterable[str]) -> None:
        self.series = series
        self.cells = tuple(cell for one in series for cell in internals.cells(one))
        self.held = b""  # by the cells when the lines were made
        self.text = self.openmetrics = _joined([f"{name} " for name in names])

    def make(self, shown: "array[float] | None", numbers: "array[float]", exemplars: Iterable[Exemplar | None]) -> None:
        """Makes those lines anew whose number is no longer the one shown; an exemplar each, or none at all."""
        lines = self.text.decode().split("\n")[:-1]
        for place, changed in enumerate(map(ne, _bits(shown), _bits(numbers)) if shown else repeat(True, len(numbers))):
            if changed:
                line = lines[place]
                lines[place] = f"{line[: line.rindex(' ')]} {_number(numbers[place])}"
        self.text = self.openmetrics = _joined(lines)
        if any(exemplars):
            for place, exemplar in enumerate(exemplars):
                if exemplar is not None:
                    lines[place] += _exemplar(exemplar)
            self.openmetrics = _joined(lines)


class _Family:
    """The blocks of one family, in the order in which the library writes its series."""

    def __init__(self, metric: Metric) -> None:
        self.blocks_made = 0
        self._metric = metric
        # Looked at once: isinstance() is slow about what the library's metrics are.
        self._is_histogram = isinstance(metric, Histogram)
        self._has_exemplars = isinstance(metric, Counter | Histogram)
        self._heads = [_by_library(_Head(metric), openmetrics=form) for form in (False, True)]
        labels = internals.label_names(metric)
        self._names = [_name_format(name, labels, more) for name, more in internals.line_names(metric)]
        self._series: list[Metric] = []
        self._blocks: list[_Block] = []

    def parts(self, *, openmetrics: bool) -> Iterator[bytes]:
        """The family's lines, made anew where they show other numbers than the cells hold."""
        yield self._heads[openmetrics]
        self._follow()
        for block in self._blocks:
            numbers = internals.numbers(block.cells)
            # Compared as bytes, for the same reason as lines are.
            if (held := numbers.tobytes()) != block.held:
                self._make(block, numbers)
                block.held = held
            yield block.openmetrics if openmetrics else block.text

    def _make(self, block: _Block, numbers: "array[float]") -> None:
        shown = array("d", block.held)
        exemplars = internals.exemplars(block.cells) if self._has_exemplars else []
        if self._is_histogram:
            each, lines = len(numbers) // len(block.series), len(self._names)
            starts = range(0, len(numbers), each)
            numbers, shown = _cumulated(numbers, each, lines), _cumulated(shown, each, lines)
            exemplars = [line for n in starts for line in (*exemplars[n : n + each - 1], None, None)[:lines]]
        block.make(shown, numbers, exemplars)
        self.blocks_made += 1

    def _follow(self) -> None:
        """Takes up the series that came, and lets go those that went; blocks whose series are all there stay."""
        series = internals.series(self._metric)
        if series == self._series:
            return
        blocks = {block.series[0]: block for block in self._blocks}
        self._series, self._blocks = series, []
        start = 0
        while start < len(series):
            block = blocks.get(series[start])
            if block is None or block.series != series[start : start + len(block.series)]:
                block = self._block(series, start)
            self._blocks.append(block)
            start += len(block.series)

    def _block(self, series: list[Metric], start: int) -> _Block:
        """A block of as many series from here on as have the same first label value."""
        first, end = internals.label_values(series[start])[:1], start + 1
        while end < len(series) and internals.label_values(series[end])[:1] == first:
            end += 1
        own = series[start:end]
        escaped = [tuple(map(_escaped, internals.label_values(one))) for one in own]
        return _Block(own, [name.format(*values) for values in escaped for name in self._names])


class _Head:
    """A collector of a family without its series."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Description]:
        return self._metric.describe()


def _by_library(collector: Collector, *, openmetrics: bool) -> bytes:
    """What a collector tells, in the library's own words; the end mark of OpenMetrics is ours to write."""
    return exposition(collector, openmetrics=openmetrics).removesuffix(_END)


def _name_format(name: str, labels: Iterable[str], more: dict[str, str]) -> str:
    """How a series is named in a line, with {0}, {1}, ... where its label values go; labels are sorted."""
    values = {label: f"{{{place}}}" for place, label in enumerate(labels)} | more
    pairs = ",".join(f'{escape_label_name(label)}="{value}"' for label, value in sorted(values.items()))
    return escape_metric_name(name) + (f"{{{{{pairs}}}}}" if pairs else "")


@lru_cache(maxsize=4096)
def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _cumulated(cells: "array[float]", each: int, lines: int) -> "array[float]":
    """The lines of histograms from their cells: buckets that hold all smaller ones too, their count, the sum.

    Each histogram has so many cells, and shows so many lines.
    """
    shown = array("d")
    for start in range(0, len(cells), each):
        counts = list(accumulate(cells[start : start + each - 1]))
        shown.extend([*counts, counts[-1], cells[start + each - 1]][:lines])
    return shown


def _bits(numbers: "array[float]") -> memoryview:
    """Numbers to compare: NaN is the same as itself, and -0 is not the same as 0."""
    return memoryview(numbers).cast("B").cast("q")


def _number(number: float) -> str:
    # The quick way for nearly all numbers; the library's knows infinities, NaN, and exponents.
    return repr(number) if -_AS_IN_PYTHON < number < _AS_IN_PYTHON else go_number(number)


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(exemplar.labels.items()))
    return f" # {{{labels}}} {go_number(exemplar.value)} {exemplar.timestamp}"


def _joined(lines: list[str]) -> bytes:
    return "\n".join([*lines, ""]).encode()
