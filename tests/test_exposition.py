"""The writer of scrapes, held against prometheus_client's own writers and parsers."""

import asyncio
import gc
import re
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from typing import Any

import pytest
from fakes import FakeClock, make_rotating_target, make_target
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    Summary,
    disable_created_metrics,
    enable_created_metrics,
)
from prometheus_client.core import GaugeHistogramMetricFamily
from prometheus_client.metrics_core import Metric as Description
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.values import MutexValue

from exporter.catalogue import Category, Phase, Reason, Skip, Stage
from exporter.metrics import Recorder, Renderer, Writer, exposition, internals
from exporter.model import (
    ErrorCode,
    ErrorResponse,
    Evidence,
    Exchange,
    Failure,
    Fault,
    Outcome,
    ProbeResult,
)
from exporter.shard import Shard
from exporter.slices import SLICE

TARGETS = ("contoso", "fabrikam", "northwind")

NAMES = ("alpha", "beta", "gamma")

KINDS: dict[str, type[Counter | Gauge | Histogram | Summary]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": Histogram,
    "summary": Summary,
}

COUNTED = 1e12
"""What counters count up to by one step, at the most."""

BUCKETS = ((0.5, 1.0), (0.005, 5.0, float("inf")), (-1.0, 1e7), (1e6, 1e300))


@dataclass(frozen=True)
class Shape:
    """What a family of a random registry looks like; numbers out of range count from the beginning again."""

    kind: str
    labels: int
    text: str
    buckets: int
    unit: str

    def make(self, number: int, registry: CollectorRegistry) -> Counter | Gauge | Histogram | Summary:
        """The family, under a name of its own."""
        # Not in alphabetical order, in which they are written.
        labels = ("target", *("code", "Zone", "le_")[: self.labels - 1]) if self.labels else ()
        more: dict[str, Any] = {"buckets": BUCKETS[self.buckets]} if self.kind == "histogram" else {}
        return KINDS[self.kind](f"family_{number}", self.text, labels, unit=self.unit, registry=registry, **more)


@dataclass(frozen=True)
class Step:
    """A change of a random registry."""

    family: int
    values: tuple[str, ...]
    number: float
    exemplar: dict[str, str] | None
    remove: int | None

    def take(self, families: list[Counter | Gauge | Histogram | Summary]) -> None:
        """Changes one series, or removes all that have one of its label values."""
        family = families[self.family % len(families)]
        names = internals.label_names(family)
        if names and self.remove is not None:
            place = self.remove % len(names)
            family.remove_by_labels({names[place]: self.values[place]})
            return
        self._change(family.labels(*self.values[: len(names)]) if names else family)

    def _change(self, one: Counter | Gauge | Histogram | Summary) -> None:
        match one:
            case Counter():
                # An exemplar comes with an increment that shows; beyond 2**53, or from NaN on, one would not.
                one.inc(1.0 if self.exemplar or not abs(self.number) < COUNTED else abs(self.number), self.exemplar)
            case Gauge():
                one.set(self.number)
            case Histogram():
                one.observe(self.number, self.exemplar)
            case Summary():
                one.observe(self.number)


label_values = st.sampled_from(["a", "b", "", 'quo"te', "back\\slash", "new\nline", "two words", "{0} %s", "\r é 💥"])
shapes = st.builds(
    Shape,
    kind=st.sampled_from(sorted(KINDS)),
    labels=st.integers(0, 3),
    text=st.sampled_from(["", "What it says.", 'with "quotes"', "and\nlines \\ slashes"]),
    buckets=st.integers(0, len(BUCKETS) - 1),
    unit=st.sampled_from(["", "seconds"]),
)
steps = st.builds(
    Step,
    family=st.integers(0, 4),
    values=st.tuples(*[label_values | st.text(st.characters(codec="utf-8"), max_size=5)] * 3),
    number=st.floats() | st.sampled_from([0.0, -0.0, 1.0, 999999.0, 1e6, 1234567.5, 1e16, 1e-7, -1e9]),
    exemplar=st.none() | st.dictionaries(st.sampled_from(NAMES), label_values, min_size=1),
    remove=st.sampled_from([None] * 8 + [0, 1, 2]),
)


def assert_same(writer: Writer, registry: CollectorRegistry) -> None:
    """Both writers write the same, in both formats."""
    for openmetrics in (False, True):
        assert writer.write(openmetrics=openmetrics) == exposition(registry, openmetrics=openmetrics)


@settings(max_examples=300, deadline=None)
@given(st.lists(shapes, min_size=1, max_size=4), st.lists(st.lists(steps, max_size=8), max_size=4))
def test_any_registry_is_written_as_the_library_writes_it(made: list[Shape], scrapes: list[list[Step]]) -> None:
    """Byte for byte, at every scrape of one writer; families without series among them."""
    registry = CollectorRegistry()
    families = [shape.make(number, registry) for number, shape in enumerate(made)]
    writer = Writer(registry)

    assert_same(writer, registry)
    for changes in scrapes:
        for step in changes:
            step.take(families)
        assert_same(writer, registry)


@pytest.mark.parametrize("numbers", [(0.0, -0.0), (-0.0, 0.0), (float("nan"), 1.0), (float("inf"), float("-inf"))])
def test_numbers_that_are_hard_to_compare_are_compared(numbers: tuple[float, ...]) -> None:
    """Zeros of both signs are equal, and NaN is not even the same as itself."""
    registry = CollectorRegistry()
    gauge, writer = Gauge("gauge", "A gauge.", registry=registry), Writer(registry)

    for number in numbers:
        gauge.set(number)
        assert_same(writer, registry)


def test_not_a_number_is_not_made_anew() -> None:
    """It is the same as before, although it is not equal to it."""
    registry = CollectorRegistry()
    gauge, writer = Gauge("gauge", "A gauge.", registry=registry), Writer(registry)

    for _ in range(3):
        gauge.set(float("nan"))
        writer.write(openmetrics=False)

    assert writer.blocks_made == 1


class Strange:
    """A collector that is none of the library's metrics."""

    def collect(self) -> Iterator[Description]:
        """Tells a family whose parts go to different places in the two formats."""
        family = GaugeHistogramMetricFamily("strange", "Of a collector.", labels=["label"])
        family.add_metric(["x"], [("1.0", 1.0), ("+Inf", 2.0)], 3.0, timestamp=1_700_000_000.5)
        yield family


def test_whatever_else_is_registered_is_written_by_the_library() -> None:
    """In its place among the families."""
    registry = CollectorRegistry(target_info={"env": 'te"st'})
    Counter("first", "A counter.", registry=registry).inc()
    PlatformCollector(registry=registry)
    registry.register(Strange())
    Info("about", "An info.", registry=registry).info({"version": "1"})
    Gauge("last", "A gauge.", ["target"], registry=registry).labels("a").set(2)

    assert_same(Writer(registry), registry)


def test_collectors_of_the_process_have_their_places() -> None:
    """Their numbers move between two looks, their lines do not."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)

    ours, theirs = (write.decode().splitlines() for write in (_text(registry), exposition(registry, openmetrics=False)))

    assert "process_resident_memory_bytes" in str(ours)
    assert [line.rpartition(" ")[0] for line in ours] == [line.rpartition(" ")[0] for line in theirs]


def _text(registry: CollectorRegistry) -> bytes:
    return Writer(registry).write(openmetrics=False)


def test_moments_of_making_are_left_to_the_library() -> None:
    """Nobody asks for them; if somebody does, they are there."""
    registry = CollectorRegistry()
    Counter("made", "A counter.", ["target"], registry=registry).labels("a").inc()
    writer = Writer(registry)
    enable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        assert b"made_created" in writer.write(openmetrics=False)
        assert_same(writer, registry)
    finally:
        disable_created_metrics()  # type: ignore[no-untyped-call]
    assert_same(writer, registry)


@pytest.mark.parametrize("gone", ["1", "2", "3"])
def test_one_series_of_many_can_go(gone: str) -> None:
    """Be it the first of its target, the last, or between them."""
    registry = CollectorRegistry()
    gauge = Gauge("gauge", "A gauge.", ["target", "code"], registry=registry)
    for target in TARGETS:
        for code in ("1", "2", "3"):
            gauge.labels(target, code).set(1)
    writer = Writer(registry)
    writer.write(openmetrics=False)

    gauge.remove(TARGETS[0], gone)

    assert_same(writer, registry)


def test_a_family_that_is_taken_out_is_gone() -> None:
    """And one with its name can come in its place."""
    registry = CollectorRegistry()
    gauge, writer = Gauge("gauge", "A gauge.", registry=registry), Writer(registry)
    writer.write(openmetrics=False)

    registry.unregister(gauge)
    assert_same(writer, registry)
    Gauge("gauge", "Another.", ["target"], registry=registry).labels("a").set(1)
    assert_same(writer, registry)


def result(target: str, code: int | None = None, reason: Reason | None = None, seconds: float = 0.2) -> ProbeResult:
    """A success, or a failure with a code or a reason."""
    outcome = Outcome(token_lifetime=3599)
    if code is not None:
        refusal = ErrorResponse(error="server_error", codes=(ErrorCode(f"AADSTS{code}"),), trace_id="trace")
        outcome = Outcome(failure=Failure(Category.SERVICE_FAULT, Fault(Stage.OAUTH, Reason.REFUSED)), refusal=refusal)
    elif reason is not None:
        outcome = Outcome(failure=Failure(Category.NETWORK, Fault(Stage.CONNECT, reason)))
    return ProbeResult(
        target=make_target(target),
        started_at=1_700_000_000.0 + seconds,
        duration=seconds,
        outcome=outcome,
        evidence=Evidence(endpoint="", request_id="r", clock_difference=-0.0 if seconds < 1 else 1.0),
        exchange=Exchange(phases={Phase.CONNECT: seconds}, certificate_expiry=1.9e9),
    )


results = st.builds(
    result,
    target=st.sampled_from(TARGETS),
    code=st.none() | st.sampled_from([50000, 90033]) | st.integers(9_990_000, 9_990_030),
    reason=st.none() | st.sampled_from([Reason.TIMEOUT, Reason.RESET]),
    seconds=st.floats(0, 40),
)


class Board:
    """A recorder of three targets, and the writer of its series."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.recorder = Recorder(self.registry, map(make_target, TARGETS))
        self.writer = Writer(self.registry, self.recorder.touched)

    def text(self, *, openmetrics: bool = False) -> str:
        return self.writer.write(openmetrics=openmetrics).decode()

    def made_by(self, change: Callable[[], object]) -> int:
        """How many blocks are made anew after a change."""
        self.text()
        before = self.writer.blocks_made
        change()
        self.text()
        return self.writer.blocks_made - before


def steady(text: bytes) -> list[bytes]:
    """The lines that do not tell of the test's own process."""
    return [line for line in text.splitlines() if not line.startswith((b"process_", b"python_gc_"))]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(results, max_size=6), min_size=1, max_size=4))
def test_a_recorder_is_written_as_the_library_writes_it(scrapes: list[list[ProbeResult]]) -> None:
    """At every scrape, in both formats; and the strict parsers read in it what the registry holds."""
    board = Board()

    for results_until_scrape in scrapes:
        for one in results_until_scrape:
            board.recorder.record(one)
        for openmetrics, parse in ((False, parse_text), (True, parse_openmetrics)):
            ours = board.writer.write(openmetrics=openmetrics)
            assert steady(ours) == steady(exposition(board.registry, openmetrics=openmetrics))
            read = {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in parse(ours.decode())
                for sample in family.samples
                if sample.name.startswith("token_")
            }
            held = {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in board.registry.collect()
                for sample in family.samples
                if sample.name.startswith("token_")
            }
            assert read == held


def test_what_did_not_change_is_not_made_again() -> None:
    """Nor for the other format: both are made together."""
    board = Board()

    assert board.made_by(lambda: None) == 0
    assert board.made_by(lambda: board.text(openmetrics=True)) == 0


def test_a_result_makes_the_blocks_of_its_target_only() -> None:
    """One a family that it counts in; the number of other targets does not matter."""
    board = Board()
    for name in TARGETS:
        board.recorder.record(result(name))

    made = board.made_by(lambda: board.recorder.record(result("fabrikam", seconds=0.3)))

    # Attempts, last attempt, duration, phases, last success: the rest are the same numbers as before.
    assert made == 5
    assert 'token_probe_attempts_total{target="fabrikam"} 2.0\n' in board.text()
    assert 'token_probe_attempts_total{target="contoso"} 1.0\n' in board.text()


def test_a_new_label_value_appears_without_making_old_blocks_again() -> None:
    """A code that nobody knew gets lines of its own."""
    board = Board()
    board.recorder.record(result("contoso", code=9_990_000))

    made = board.made_by(lambda: board.recorder.record(result("contoso", code=9_990_001)))

    assert 'token_probe_errors_total{category="unknown",code="AADSTS9990001",target="contoso"} 1.0\n' in board.text()
    assert steady(board.writer.write(openmetrics=False)) == steady(exposition(board.registry, openmetrics=False))
    # One a family that it counts in, and a line in token_error_info.
    assert made <= 15


def test_a_target_that_is_forgotten_vanishes_and_the_others_stay() -> None:
    """Nothing of theirs is made again."""
    board = Board()

    made = board.made_by(lambda: board.recorder.forget("fabrikam"))

    assert made == 0
    assert "fabrikam" not in board.text()
    assert 'target="northwind"' in board.text()
    board.recorder.watch(make_target("fabrikam"))
    assert steady(board.writer.write(openmetrics=False)) == steady(exposition(board.registry, openmetrics=False))


def test_ids_come_and_go_in_openmetrics_only() -> None:
    """A later failure's id takes the place of the earlier one's."""
    board = Board()

    board.recorder.record(result("contoso", code=50000))

    assert 'trace_id="trace"' in board.text(openmetrics=True)
    assert "trace_id" not in board.text()


ROTATED = make_rotating_target().rotated() or make_target()


def _load_and_refuse(recorder: Recorder) -> None:
    recorder.config_loaded(1.0)
    recorder.config_refused()


CHANGES: dict[str, Callable[[Recorder], None]] = {
    "record": lambda recorder: recorder.record(result("contoso")),
    "restore_code": lambda recorder: recorder.restore_code("contoso", "AADSTS50000", 1.0),
    "rotated": lambda recorder: recorder.rotated(replace(result("contoso"), target=ROTATED)),
    "confirmed": lambda recorder: recorder.confirmed(result("contoso")),
    "tested": lambda recorder: recorder.tested(make_target(), 0.5, certain=True),
    "scheduled": lambda recorder: recorder.scheduled(make_target(), 1.0),
    "started": lambda recorder: recorder.started(1.0),
    "skipped": lambda recorder: recorder.skipped(make_target(), Skip.OVERLAP, 1),
    "extra_crashed": lambda recorder: recorder.extra_crashed(),
    "crashed": lambda recorder: recorder.crashed(make_target(), 1.0),
    "loop_lagged": lambda recorder: recorder.loop_lagged(1.0),
    "config_loaded": lambda recorder: recorder.config_loaded(1.0),
    "config_refused": _load_and_refuse,
    "retarget": lambda recorder: recorder.retarget([make_target("new")]),
    "sharded": lambda recorder: recorder.sharded(Shard(1, 3), 7),
    "watch": lambda recorder: recorder.watch(make_target("new")),
    "forget": lambda recorder: recorder.forget("contoso"),
}


def test_every_change_is_known_here() -> None:
    """One number alone may change at any time: what comes out of other threads."""
    public = {name for name in vars(Recorder) if not name.startswith("_")}

    assert public == CHANGES.keys() | {"history_writable", "log_line_lost"}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_change_happens_while_series_are_held(change: Callable[[Recorder], None]) -> None:
    """While a scrape reads them, that is; then the change happens."""
    board = Board()
    before = steady(exposition(board.registry, openmetrics=False))

    with board.recorder.held():
        change(board.recorder)
        assert steady(exposition(board.registry, openmetrics=False)) == before

    assert steady(exposition(board.registry, openmetrics=False)) != before


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_change_goes_unseen(change: Callable[[Recorder], None], openmetrics: bool) -> None:
    """Numbers of series that nobody reached for are not looked at again, so each change has to reach for its own."""
    board = Board()
    board.text(openmetrics=openmetrics)

    change(board.recorder)

    ours = board.writer.write(openmetrics=openmetrics)
    assert steady(ours) == steady(exposition(board.registry, openmetrics=openmetrics))


class Hurrying(FakeClock):
    """A clock by which every step of some work takes a slice."""

    def monotonic(self) -> float:
        self.now += SLICE
        return self.now


async def test_every_scrape_shows_whole_attempts() -> None:
    """Also if some end between any two steps of a rendering."""
    board = Board()
    renderer = Renderer(board.writer, board.recorder, Hurrying())

    async def probe() -> None:
        for seconds in count(1):
            for name in TARGETS:
                board.recorder.record(result(name, seconds=seconds))
            await asyncio.sleep(0)

    probing = asyncio.create_task(probe())
    shown = [b"".join(await renderer.render(openmetrics)).decode() for openmetrics in (False, True) * 3]
    probing.cancel()

    attempts, timed = (
        [[float(number) for number in re.findall(rf"{name}\S*target=\S* ([0-9.]+)", text)] for text in shown]
        for name in ("token_probe_attempts_total", 'token_probe_duration_seconds_count{outcome="success"')
    )
    assert attempts == timed
    assert sorted(map(sum, attempts)) == list(map(sum, attempts))
    assert sum(attempts[-1]) > sum(attempts[0])


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_rendering_that_is_given_up_hides_nothing_from_the_next(openmetrics: bool) -> None:
    """Wherever it ends, while numbers are read or while text is made of them."""
    board = Board()
    board.text(openmetrics=openmetrics)

    for given_up_after in range(0, 160, 11):
        for name in TARGETS:
            board.recorder.record(result(name, code=9_990_000 + given_up_after, seconds=1 + given_up_after))
        steps = chain(board.writer.read(), board.writer.make(openmetrics=openmetrics))
        assert len(tuple(islice(steps, given_up_after))) == given_up_after

        ours = board.writer.write(openmetrics=openmetrics)
        assert steady(ours) == steady(exposition(board.registry, openmetrics=openmetrics))


@pytest.mark.parametrize("openmetrics", [False, True])
def test_series_that_are_gone_are_let_go(openmetrics: bool) -> None:
    """Also what the other format, in which nobody asks, would have made of them."""
    board = Board()
    board.recorder.record(result("contoso", code=50000))
    board.text(openmetrics=openmetrics)
    gone = [
        weakref.ref(series)
        for collector in internals.collectors(board.registry)
        if internals.has_cells(collector)
        for series in internals.series(collector)
        if internals.label_values(series)[:1] == ("contoso",)
    ]

    board.recorder.forget("contoso")
    board.text(openmetrics=openmetrics)
    gc.collect()

    assert len(gone) > 100
    assert [series for made in gone if (series := made()) is not None] == []


def test_changes_that_waited_happen_in_their_order() -> None:
    """Of a target that was forgotten nothing is left, and what came after is there."""
    board = Board()

    with board.recorder.held():
        board.recorder.record(result("contoso"))
        board.recorder.forget("contoso")
        board.recorder.watch(make_target("contoso"))
        board.recorder.record(result("contoso"))

    assert board.registry.get_sample_value("token_probe_attempts_total", {"target": "contoso"}) == 1


def test_a_change_that_breaks_takes_none_along() -> None:
    """A bug that one result brings out must not lose the others'; it comes out all the same."""
    board = Board()

    def change_while_held() -> None:
        with board.recorder.held():
            board.recorder.record(result("contoso"))
            board.recorder.skipped(make_target(), Skip.OVERLAP, -1)
            board.recorder.record(result("fabrikam"))

    with pytest.raises(ValueError, match="Counters can only be incremented"):
        change_while_held()

    for name in ("contoso", "fabrikam"):
        assert board.registry.get_sample_value("token_probe_attempts_total", {"target": name}) == 1


def test_the_library_is_inside_as_the_writer_knows_it() -> None:
    """If this fails, prometheus_client has changed, and exporter/metrics/internals.py has to follow."""
    registry = CollectorRegistry()
    recorder = Recorder(registry, [make_target()])
    recorder.record(result("contoso", code=50000))
    metrics = [each for each in internals.collectors(registry) if isinstance(each, tuple(KINDS.values()))]

    assert len(metrics) > 30
    for metric in metrics:
        assert internals.has_cells(metric)
        names = internals.label_names(metric)
        for one in internals.series(metric):
            assert len(internals.label_values(one)) == len(names)
            cells = internals.cells(one)
            assert {type(cell) for cell in cells} == {MutexValue}
            assert list(internals.numbers(cells)) == [cell.get() for cell in cells]
            assert internals.exemplars(cells) == [cell.get_exemplar() for cell in cells]
