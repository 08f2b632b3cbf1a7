"""Which form a scraper gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.negotiate import accepts_gzip, wants_openmetrics

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.fault(80)
@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("APPLICATION/OpenMetrics-Text;VERSION=1.0.0", True),
        (PROMETHEUS, True),
        ("application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.9", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;version=9.9.9", False),
        ("application/openmetrics-text;version=abc", False),
        ("application/openmetrics-text;q=nonsense", False),
        ("application/openmetrics-text;q=nan", False),
        (";;;,,,==", False),
        ("application/vnd.google.protobuf", False),
    ],
)
def test_openmetrics_is_given_to_who_prefers_it_and_text_to_all_others(accept: str, *, openmetrics: bool) -> None:
    """Odd headers mean text."""
    assert wants_openmetrics(accept) is openmetrics


@pytest.mark.fault(80)
@pytest.mark.parametrize(
    ("header", "gzip"), [("", False), ("gzip", True), ("gzip;q=0", False), ("deflate, gzip;q=0.5", True), ("br", False)]
)
def test_gzip_is_given_to_who_takes_it(header: str, *, gzip: bool) -> None:
    """Also with a quality."""
    assert accepts_gzip(header) is gzip


@given(st.text())
def test_no_header_is_too_odd(header: str) -> None:
    """Reading never raises."""
    assert wants_openmetrics(header) in {True, False}
    assert accepts_gzip(header) in {True, False}
