"""Durations in Prometheus's form: `500ms`, `30s`, `1m30s`, `7d`."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+)(ms|[dhms])")

DURATION = r"(?:[0-9]{1,9}d)?(?:[0-9]{1,9}h)?(?:[0-9]{1,9}m)?(?:[0-9]{1,9}s)?(?:[0-9]{1,9}ms)?"
"""What a duration looks like, as a regular expression."""


def parse_duration(value: object) -> float:
    """Seconds of a duration. Raises ValueError with what to write instead."""
    if not isinstance(value, str) or not value or not re.fullmatch(DURATION, value):
        raise ValueError("must be a duration such as 30s, 1m30s or 500ms")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if not seconds:
        raise ValueError("must be longer than nothing")
    return seconds


def show_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as these seconds."""
    rest, text = round(seconds * 1000), ""
    for unit, size in sorted(_UNITS.items(), key=lambda item: -item[1]):
        count, rest = divmod(rest, round(size * 1000))
        text += f"{count}{unit}" if count else ""
    return text


def span(seconds: float) -> str:
    """A length of time as people read it: in its two largest units, seconds at the least."""
    rest = max(0, round(seconds))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def milliseconds(seconds: float | None) -> str:
    """Seconds as milliseconds; nothing where they are not known."""
    return "" if seconds is None else f"{1000 * seconds:,.0f} ms"
