"""A registry's samples as text, of which only what changed is made anew, and none of it at one go."""

from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric as Description
from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from exporter.metrics import internals
from exporter.metrics.exposition import exposition
from exporter.metrics.internals import Metric, go_number
from exporter.slices import Steps, at_one_go

Touched = Callable[[Metric], set[str] | None]
"""Which first label values of a family may show other numbers than before: of each it forgets what it tells; None is
any."""

_END = b"# EOF\n"

_STEP = 8
"""So many blocks are read, or made, in one step: to stop after each would cost as much as a tenth of it."""

_SPARSE = 8
"""Where fewer than one block in so many is to be read, their order does not matter."""

_PIECE = 250
"""So many blocks are joined in one step: at the most about two megabytes."""

_AS_IN_PYTHON = 1e6
"""Numbers below it look the same in Python and in both formats."""


def _any(_family: Metric) -> None:
    """Of a registry that nobody watches any number may change."""


class Writer:
    """Writes a registry in both formats, byte for byte as prometheus_client does.

    A family's text is kept in blocks of neighbouring series with the same first label value: the target. The numbers
    of blocks that were touched are read, and a block's text is made anew only if they are others. Of exemplars it is
    known that they change with a number. All of it is done in steps, between which there is time for other things.
    """

    def __init__(self, registry: CollectorRegistry, touched: Touched = _any) -> None:
        self._registry = registry
        self._touched = touched
        self._families: dict[Collector, _Family | _Other] = {}

    @property
    def blocks_made(self) -> int:
        """How many times the text of a block was made."""
        return sum(family.blocks_made for family in self._families.values())

    def write(self, *, openmetrics: bool) -> bytes:
        """All samples in OpenMetrics 1.0 or in Prometheus's text format 0.0.4, at one go."""
        at_one_go(self.read())
        return b"".join(at_one_go(self.make(openmetrics=openmetrics)))

    def read(self) -> Steps[None]:
        """Reads all numbers that may have changed; until the last step nothing should change in the registry."""
        families: dict[Collector, _Family | _Other] = {}
        for collector in internals.collectors(self._registry):
            known = self._families.get(collector)
            if not internals.has_cells(collector):
                families[collector] = _Other(collector)
            elif isinstance(known, _Family):
                families[collector] = known
            else:
                families[collector] = _Family(collector)
            yield from families[collector].read(self._touched)
        self._families = families

    def make(self, *, openmetrics: bool) -> Steps[list[bytes]]:
        """The text of what was read, in pieces."""
        # The labels of the registry itself, if it has any, come first.
        pieces = [_by_library(self._registry.restricted_registry(("target_info",)), openmetrics=openmetrics)]
        for family in self._families.values():
            pieces += yield from family.make(openmetrics=openmetrics)
        if openmetrics:
            pieces.append(_END)
        return pieces


class _Other:
    """A collector that is read and written by the library."""

    blocks_made = 0

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def read(self, _touched: Touched) -> Steps[None]:
        yield

    def make(self, *, openmetrics: bool) -> Steps[list[bytes]]:
        yield
        return [_by_library(self._collector, openmetrics=openmetrics)]


class _Block:
    """Neighbouring series, what stood in their cells when they were read, and their lines in both formats."""

    __slots__ = ("_shown", "cells", "exemplars", "lines", "numbers", "series", "template")

    def __init__(self, series: list[Metric], names: Iterable[str]) -> None:
        self.series = series
        self.cells = tuple(cell for one in series for cell in internals.cells(one))
        self.template = "".join(f"{name.replace('%', '%%')} %s\n" for name in names)
        self.numbers = array("d")
        self.exemplars: list[Exemplar | None] = []
        self._shown: dict[int, tuple[Exemplar, str]] = {}
        self.lines = [b"", b""]

    def read(self) -> bool:
        """Reads the cells; whether they hold other numbers than the last time."""
        numbers = internals.numbers(self.cells)
        # Compared as bytes: NaN is the same as itself, and -0 is not the same as 0.
        if numbers.tobytes() == self.numbers.tobytes():
            return False
        self.numbers = numbers
        return True

    def show(self, cell: int, exemplar: Exemplar) -> str:
        """An exemplar as it stands in a line; of most the cell had the very same the last time."""
        shown = self._shown.get(cell)
        if shown is None or shown[0] is not exemplar:
            shown = self._shown[cell] = (exemplar, _exemplar(exemplar))
        return shown[1]


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
        self._shape: internals.Shape = (0, None)
        self._blocks: list[_Block] = []
        self._by_first: dict[str, list[_Block]] = {}
        # Blocks in order, as in a set that keeps it.
        self._stale: tuple[dict[_Block, None], dict[_Block, None]] = ({}, {})

    def read(self, touched: Touched) -> Steps[None]:
        """Finds the blocks whose lines are to be made anew."""
        yield
        if internals.shape(self._metric) != self._shape:
            yield from self._follow()
        firsts = touched(self._metric)
        for count, first in enumerate(self._in_order(firsts), 1):
            if firsts is not None:
                firsts.discard(first)
            for block in self._by_first.get(first, ()):
                self._read(block)
            if count % _STEP == 0:
                yield

    def _in_order(self, firsts: set[str] | None) -> list[str]:
        """What is to be read, and of many in the order of the blocks: to jump about in memory costs as much again."""
        if firsts is None:
            return list(self._by_first)
        if len(firsts) * _SPARSE < len(self._by_first):
            return list(firsts)
        return [first for first in self._by_first if first in firsts]

    def _read(self, block: _Block) -> None:
        if block.read():
            if self._has_exemplars:
                exemplars = internals.exemplars(block.cells)
                block.exemplars = exemplars if any(exemplars) else []
            block.lines = [b"", b""]
            for stale in self._stale:
                stale[block] = None

    def make(self, *, openmetrics: bool) -> Steps[list[bytes]]:
        """The family's lines, of which the stale ones are made anew; without an exemplar both formats have the same."""
        stale, other = self._stale[openmetrics], self._stale[not openmetrics]
        for count, block in enumerate(tuple(stale), 1):
            block.lines[openmetrics] = self._lines(block, openmetrics=openmetrics)
            del stale[block]
            if not block.exemplars:
                block.lines[not openmetrics] = block.lines[openmetrics]
                other.pop(block, None)
            self.blocks_made += 1
            if count % _STEP == 0:
                yield
        pieces = [self._heads[openmetrics]]
        for start in range(0, len(self._blocks), _PIECE):
            pieces.append(b"".join([block.lines[openmetrics] for block in self._blocks[start : start + _PIECE]]))
            yield
        return pieces

    def _lines(self, block: _Block, *, openmetrics: bool) -> bytes:
        each = len(block.numbers) // len(block.series)
        if self._is_histogram:
            numbers = _of_histograms(block.numbers, each, len(self._names))
        else:
            numbers = list(map(_number, block.numbers))
        if openmetrics and block.exemplars:
            # A histogram's last cell is its sum, which has none.
            for cell, exemplar in enumerate(block.exemplars):
                if exemplar is not None:
                    one, line = divmod(cell, each)
                    numbers[one * len(self._names) + line] += block.show(cell, exemplar)
        return (block.template % tuple(numbers)).encode()

    def _follow(self) -> Steps[None]:
        """Takes up the series that came, and lets go those that went; blocks whose series are all there stay."""
        shape, series = internals.shape(self._metric), internals.series(self._metric)
        known = {block.series[0]: block for block in self._blocks}
        blocks: list[_Block] = []
        start = 0
        while start < len(series):
            block = known.get(series[start])
            if block is None or block.series != series[start : start + len(block.series)]:
                block = self._block(series, start)
                self._read(block)
            blocks.append(block)
            start += len(block.series)
            yield
        self._shape, self._blocks, self._by_first = shape, blocks, {}
        for block in blocks:
            first = internals.label_values(block.series[0])[:1]
            self._by_first.setdefault("".join(first), []).append(block)
        # Of the format that nobody asks for they would never be made, and so never let go.
        for stale in self._stale:
            for gone in stale.keys() - blocks:
                del stale[gone]

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


def _of_histograms(cells: "array[float]", each: int, lines: int) -> list[str]:
    """The numbers of histograms' lines: buckets that hold all smaller ones too, their count, the sum.

    Each histogram has so many cells, and shows so many lines.
    """
    shown: list[str] = []
    for start in range(0, len(cells), each):
        counts = list(map(_count, accumulate(cells[start : start + each - 1])))
        shown += [*counts, counts[-1], _number(cells[start + each - 1])][:lines]
    return shown


def _number(number: float) -> str:
    # The quick way for nearly all numbers; the library's knows infinities, NaN, and exponents.
    return repr(number) if -_AS_IN_PYTHON < number < _AS_IN_PYTHON else go_number(number)


_count = lru_cache(maxsize=4096)(_number)
"""A number of observations: a few of these are most of all numbers. It is never -0, which a cache takes for 0."""


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(exemplar.labels.items()))
    return f" # {{{labels}}} {_number(float(exemplar.value))} {exemplar.timestamp}"
