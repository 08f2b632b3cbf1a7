"""When an answer asks to be asked again (RFC 9110 section 10.2.3)."""

import re

from exporter.httpdate import parse_http_date

_SECONDS = re.compile(r"[0-9]+")


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait from `now` (Unix time), at least 0; None where the text says nothing of the kind."""
    if _SECONDS.fullmatch(text):
        # A float takes any number of digits.
        return float(text)
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, moment - now)
