"""When an answer asks to be asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.interpret import retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("000120", 120),
        ("1" + 20 * "0", 1e20),
        ("9" * 400, float("inf")),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120),
        ("Tuesday, 14-Nov-23 22:15:20 GMT", 120),
        ("Tue Nov 14 22:15:20 2023", 120),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251_702_300_799 - 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("12 s", None),
        ("\u0661\u0662", None),
        ("\uff11\uff12", None),
        ("Tue, 99 Nov 2023 22:15:20 GMT", None),
        ("Tue, 14 Nov 99999 22:15:20 GMT", None),
    ],
)
def test_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """In any of HTTP's three forms; whatever else there is says nothing."""
    expected = None if seconds is None else pytest.approx(seconds, rel=1e-3)

    assert retry_after(text, NOW) == expected


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    """Nothing negative comes of it either."""
    assert (retry_after(text, NOW) or 0.0) >= 0.0
