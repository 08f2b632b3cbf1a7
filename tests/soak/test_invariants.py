"""What the soak takes for broken, and what for well."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak import invariants
from soak.canaries import spelt
from soak.figures import Faults, Figures, Held, Kept, Note, read_openmetrics, read_text

WELL = """\
# TYPE token_probe_attempts counter
token_probe_attempts_total{target="a"} 10
# TYPE token_probe_failures counter
token_probe_failures_total{target="a",side="provider",category="service_fault"} 2
token_probe_failures_total{target="a",side="prober",category="local"} 1
# TYPE token_probe_oauth_errors counter
token_probe_oauth_errors_total{target="a",error="server_error"} 2
# TYPE token_probe_transport_failures counter
token_probe_transport_failures_total{target="a",stage="local",reason="loop_stall"} 1
# TYPE token_probe_duration_seconds summary
token_probe_duration_seconds_count{target="a",outcome="success"} 7
token_probe_duration_seconds_count{target="a",outcome="failure"} 2
# TYPE token_probe_success gauge
token_probe_success{target="a"} 1
# TYPE token_probe_consecutive_failures gauge
token_probe_consecutive_failures{target="a"} 0
# TYPE token_probe_skipped counter
token_probe_skipped_total{target="a",reason="missed"} 0
# TYPE token_probe_last_attempt_timestamp_seconds gauge
token_probe_last_attempt_timestamp_seconds{target="a"} 1018.5
# TYPE token_probe_interval_seconds gauge
token_probe_interval_seconds{target="a"} 2
# TYPE token_probe_errors counter
token_probe_errors_total{target="a",code="AADSTS50000",category="service_fault"} 2
# TYPE token_probe_code_last_seen_timestamp_seconds gauge
token_probe_code_last_seen_timestamp_seconds{target="a",code="AADSTS50000"} 1010
# TYPE token_error_info gauge
token_error_info{code="AADSTS50000"} 1
# TYPE token_exporter_event_loop_lag_seconds histogram
token_exporter_event_loop_lag_seconds_bucket{le="1.0"} 5
token_exporter_event_loop_lag_seconds_bucket{le="+Inf"} 5
token_exporter_event_loop_lag_seconds_count 5
token_exporter_event_loop_lag_seconds_sum 0
"""

NOTE = Note("a", ended=1000.0, timeout=1.0, seconds=1.2, lost=0.0, stalled=False, side="prober")
OTHERS = replace(NOTE, side="network")
FAULTS = Faults(starved=[(1004.0, 1006.0)], late=[(1008.0, 1009.0)])


def changed(**changes: float) -> Figures:
    """The figures, with other numbers in the only, or the first, series of a name."""
    lines = WELL.splitlines()
    for name, value in changes.items():
        number = next(n for n, line in enumerate(lines) if line.startswith(name))
        lines[number] = f"{lines[number].rpartition(' ')[0]} {value:g}"
    return read_text("\n".join(lines) + "\n")


EARLIER = {
    "token_probe_attempts_total": 1,
    "token_probe_last_attempt_timestamp_seconds": 1000,
}


@pytest.mark.parametrize(
    ("changes", "stalled", "broken"),
    [
        ({}, 1, 0),
        ({}, 0, 1),
        ({"token_probe_attempts_total": 11}, 1, 1),
        ({"token_probe_attempts_total": 8}, 1, 1),
        ({"token_probe_attempts_total": 2}, 1, 2),
        ({"token_probe_failures_total": 3}, 1, 1),
        ({"token_probe_oauth_errors_total": 1}, 1, 1),
        ({"token_probe_consecutive_failures": 1}, 1, 1),
    ],
    ids=["well", "no stall", "too many", "too few", "less than failures", "no reason", "no error", "both"],
)
def test_each_attempt_has_one_outcome(changes: Mapping[str, float], stalled: int, broken: int) -> None:
    """I1."""
    assert len(list(invariants.miscounted(changed(**changes), {"a": stalled}))) == broken


@pytest.mark.parametrize(("kept", "broken"), [(Kept(10, 3), 0), (Kept(9, 3), 1), (Kept(10, 2), 1)])
def test_the_history_has_what_is_counted(kept: Kept, broken: int) -> None:
    """I1."""
    assert len(list(invariants.unaccounted(changed(), {"a": kept}))) == broken


@pytest.mark.parametrize(
    ("note", "broken"),
    [
        (NOTE, 0),
        (replace(NOTE, seconds=1.26), 1),
        (replace(NOTE, seconds=9.0, stalled=True), 0),
        (replace(NOTE, seconds=9.0, lost=7.75), 0),
        (replace(NOTE, seconds=9.0, lost=7.5), 1),
    ],
    ids=["in time", "late", "stalled", "time was lost", "not so much time was lost"],
)
def test_an_attempt_ends_in_time(note: Note, broken: int) -> None:
    """I2."""
    assert len(list(invariants.overdue([note]))) == broken


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_canary_is_known_again_however_it_is_spelt(before: bytes, after: bytes) -> None:
    """I3: raw, URL-encoded, in base64 of either kind, wherever in it the canary stands."""
    whole = before + b"Zq7KvXw2" + after
    for spelling in (
        whole,
        quote_plus(whole).encode(),
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole),
    ):
        assert list(invariants.leaked("x", spelling, spelt("Zq7KvXw2"))) == ["I3: a secret in x"]
    assert list(invariants.leaked("x", b"Zq7KvXw and b64encode", spelt("Zq7KvXw2"))) == []


def grown(*lines: str) -> Figures:
    return read_text(WELL + "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("figures", "broken"),
    [
        (changed(), 0),
        (grown('token_probe_more{target="a"} 1'), 1),
        (grown('token_error_info{code="AADSTS7"} 1'), 1),
        (grown("token_exporter_more 1"), 1),
    ],
    ids=["well", "target", "code", "exporter"],
)
def test_there_are_no_more_series_than_documented(figures: Figures, broken: int) -> None:
    """I4: a target's, a code's, and the exporter's own."""
    bounds = {"a": len(changed().of("a")) - invariants.OF_A_CODE}

    assert len(list(invariants.overgrown(figures, changed(), bounds))) == broken


def test_a_page_of_openmetrics_has_an_end() -> None:
    """I4: one that was cut off is taken for broken."""
    with pytest.raises(ValueError, match="EOF"):
        read_openmetrics(WELL)
    assert read_openmetrics(f"{WELL}# EOF\n").targets() == {"a"}


@pytest.mark.parametrize(
    ("note", "excused"),
    [
        (NOTE, False),
        (replace(NOTE, stalled=True), True),
        (replace(NOTE, ended=1005.0), True),
        (replace(OTHERS, stalled=True), False),
        (replace(OTHERS, ended=1005.0), False),
        (replace(OTHERS, ended=1010.0), True),
        (replace(OTHERS, ended=1008.5), True),
        (replace(OTHERS, ended=1010.3), False),
        (replace(OTHERS, ended=1008.5, side="provider"), False),
    ],
    ids=[
        "nothing",
        "stall",
        "no descriptors",
        "stall, told otherwise",
        "no descriptors, told otherwise",
        "servers were late",
        "servers are late",
        "servers were late before",
        "servers are late, told otherwise",
    ],
)
def test_only_the_machine_excuses_a_failure(note: Note, *, excused: bool) -> None:
    """I5."""
    assert invariants.is_excused(note, FAULTS) is excused


@pytest.mark.parametrize(("excused", "broken"), [(3, 0), (2, 1)])
def test_a_target_that_is_well_fails_only_as_excused(excused: int, broken: int) -> None:
    """I5."""
    assert len(list(invariants.unwell(changed(), {"a": excused}, ["a"]))) == broken


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, 0),
        ({"token_probe_skipped_total": 1}, 1),
        ({"token_probe_skipped_total": 1, "token_exporter_event_loop_lag_seconds_count": 6}, 0),
    ],
    ids=["well", "skipped", "stood still"],
)
def test_nothing_is_left_out(changes: Mapping[str, float], broken: int) -> None:
    """I5."""
    assert len(list(invariants.skipped(changed(**changes), changed(), ["a"]))) == broken


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, 0),
        ({"token_probe_attempts_total": 8}, 1),
        ({"token_probe_attempts_total": 8, "token_probe_skipped_total": 2}, 0),
    ],
    ids=["well", "lost", "skipped"],
)
def test_each_tick_is_an_attempt_or_a_skip(changes: Mapping[str, float], broken: int) -> None:
    """I5."""
    assert len(list(invariants.unpunctual(changed(**changes), changed(**EARLIER), ["a"]))) == broken


@pytest.mark.parametrize(("grown_by", "broken"), [(20 << 20, 0), ((20 << 20) + 1, 1), (-5, 0)])
def test_memory_stays(grown_by: int, broken: int) -> None:
    """I6."""
    assert len(list(invariants.swollen((80 << 20) + grown_by, 80 << 20))) == broken


HELD = Held(Counter({"socket": 2}), Counter({"run": 1}), Counter({"archive": 1}))


@pytest.mark.parametrize(
    ("end", "broken"),
    [
        (HELD, 0),
        (replace(HELD, descriptors=Counter({"socket": 1})), 0),
        (replace(HELD, descriptors=Counter({"socket": 1, "pipe": 1})), 1),
        (replace(HELD, tasks=Counter({"run": 2})), 1),
        (replace(HELD, threads=Counter({"archive": 1, "more": 1})), 1),
    ],
    ids=["as before", "less", "descriptor", "task", "thread"],
)
def test_nothing_is_left(end: Held, broken: int) -> None:
    """I7."""
    assert len(list(invariants.left_over(end, HELD))) == broken


def test_what_comes_and_goes_is_not_held() -> None:
    """Two looks at attempts under way show what stays."""
    first = replace(HELD, tasks=Counter({"run": 1, "attempt": 2}))
    second = replace(HELD, tasks=Counter({"run": 1, "other": 1}))

    assert first & second == HELD


@pytest.mark.parametrize(
    ("own", "excused", "broken"),
    [([], {}, 0), (["a"], {}, 1), (["a"], {"a": 1}, 1), (["a"], {"a": 2}, 0)],
    ids=["others", "own", "once too often", "excused"],
)
def test_a_fault_of_our_own_is_nobody_elses(own: list[str], excused: Mapping[str, int], broken: int) -> None:
    """I8."""
    assert len(list(invariants.misattributed(changed(), excused, own))) == broken
