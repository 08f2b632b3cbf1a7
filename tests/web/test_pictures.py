"""Small pictures and how lengths of time are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.durations import milliseconds, span
from exporter.web.pictures import HEIGHT, Segment, segments, strip

MINUTES = st.lists(st.integers(0, 600).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), max_size=60)


@pytest.mark.parametrize(
    ("minutes", "succeeded", "failed"),
    [
        ([], "", ""),
        ([(0, 0), (0, 0)], "", ""),
        ([(4, 0), (4, 0), (4, 0)], "M0 10V0H3V10z", ""),
        ([(4, 0), (0, 0), (4, 0)], "M0 10V0H1V10zM2 10V0H3V10z", ""),
        ([(4, 4), (4, 4)], "", "M0 10V0H2V10z"),
        ([(4, 0), (4, 2)], "M0 10V0H2V10z", "M1 10V5H2V10z"),
        ([(100, 1)], "M0 10V0H1V10z", "M0 10V7H1V10z"),
    ],
)
def test_a_strip_is_drawn_minute_by_minute(minutes: list[tuple[int, int]], succeeded: str, failed: str) -> None:
    """Failures stand on the ground, as high as their share; one among many is seen too."""
    drawn = strip(minutes)

    assert (drawn.width, drawn.succeeded, drawn.failed) == (len(minutes), succeeded, failed)


@given(MINUTES)
def test_a_strip_hides_no_failure(minutes: list[tuple[int, int]]) -> None:
    """Where anything failed there is a bar, and its words count everything."""
    drawn = strip(minutes)

    assert bool(drawn.failed) == any(failures for _, failures in minutes)
    assert drawn.words.startswith(f"{sum(f for _, f in minutes)} of {sum(a for a, _ in minutes)} attempts failed")
    assert f"V{HEIGHT + 1}" not in drawn.failed


@given(st.dictionaries(st.sampled_from(["resolve", "connect", "tls"]), st.floats(0, 60)))
def test_segments_fill_the_bar(parts: dict[str, float]) -> None:
    """One after the other, without a gap; what took no time is left out."""
    made = segments(parts)

    assert [segment.name for segment in made] == [name for name, seconds in parts.items() if seconds > 0]
    assert sum(segment.width for segment in made) == pytest.approx(100 if made else 0, abs=0.1)


def test_segments_stand_side_by_side() -> None:
    """Each begins where the one before ends."""
    assert segments({"connect": 0.1, "tls": 0.0, "processing": 0.3}) == [
        Segment("connect", 0.0, 25.0, 0.1),
        Segment("processing", 25.0, 75.0, 0.3),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (3725, "1 h 2 min"),
        (90000, "1 d 1 h"),
        (86400 * 400, "400 d"),
    ],
)
def test_a_length_of_time_is_read_at_a_glance(seconds: float, text: str) -> None:
    """In its two largest units."""
    assert span(seconds) == text


def test_milliseconds() -> None:
    """Nothing where they are not known."""
    assert (milliseconds(None), milliseconds(0.0123), milliseconds(12.5)) == ("", "12 ms", "12,500 ms")
