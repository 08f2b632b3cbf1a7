"""What a scrape says, and what the system says of a process."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample


@dataclass(frozen=True, slots=True)
class Figures:
    """The samples of one scrape by their name."""

    samples: Mapping[str, tuple[Sample, ...]]

    def named(self, name: str, **labels: str) -> list[Sample]:
        """The samples of this name that have these labels."""
        return [sample for sample in self.samples.get(name, ()) if labels.items() <= sample.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """The sum of them."""
        return sum(sample.value for sample in self.named(name, **labels))

    def targets(self) -> frozenset[str]:
        """The targets that are probed."""
        return frozenset(sample.labels["target"] for sample in self.named("token_probe_attempts_total"))

    def of(self, target: str) -> list[Sample]:
        """All samples of a target."""
        return [one for some in self.samples.values() for one in some if one.labels.get("target") == target]


def read_text(page: str) -> Figures:
    """A page in the text format 0.0.4. Raises ValueError."""
    return _read(parse_text, page)


def read_openmetrics(page: str) -> Figures:
    """A page in OpenMetrics 1.0. Raises ValueError."""
    return _read(parse_openmetrics, page)


def _read(parse: Callable[[str], Iterable[Metric]], page: str) -> Figures:
    samples: dict[str, list[Sample]] = {}
    for family in parse(page):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return Figures({name: tuple(some) for name, some in samples.items()})


@dataclass(frozen=True, slots=True)
class Note:
    """An attempt as it was: its target, its timeout, the seconds that it took, whether the loop stalled meanwhile.

    `ended` in Unix time; `lost` are the seconds by which the event loop was late meanwhile; `side` is whose failure it
    was, '' is a success.
    """

    target: str
    ended: float
    timeout: float
    seconds: float
    lost: float
    stalled: bool
    side: str


Span = tuple[float, float]
"""From one moment to another, in Unix time."""


@dataclass(frozen=True, slots=True)
class Faults:
    """When the machine was at fault: without descriptors for the exporter, or our servers late."""

    starved: Sequence[Span]
    late: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds: descriptors by what they lead to, tasks and threads by their names.

    Threads that only wait for work are not counted.
    """

    descriptors: Counter[str]
    tasks: Counter[str]
    threads: Counter[str]

    def __and__(self, other: "Held") -> "Held":
        """What is held both times."""
        return Held(self.descriptors & other.descriptors, self.tasks & other.tasks, self.threads & other.threads)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the history has of a target, up to its last attempt that was scraped."""

    attempts: int
    failures: int
