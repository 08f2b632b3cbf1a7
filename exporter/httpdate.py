"""Dates as HTTP writes them (RFC 9110 section 5.6.7)."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def parse_http_date(text: str) -> float | None:
    """Unix time of a date; None where the text is none."""
    try:
        stated = parsedate_to_datetime(text)
        # The oldest of HTTP's three forms names no zone and means UTC.
        return (stated if stated.tzinfo else stated.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
