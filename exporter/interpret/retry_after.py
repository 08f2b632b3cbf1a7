"""When an answer asks to be asked again (RFC 9110 section 10.2.3)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+")


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait from `now` (Unix time), at least 0; None where the text says nothing of the kind."""
    if _SECONDS.fullmatch(text):
        # A float takes any number of digits.
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    # HTTP knows no other zone than GMT; an asctime date names none.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
