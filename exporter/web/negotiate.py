"""Which exposition format a scraper gets."""

from collections.abc import Iterator
from dataclasses import dataclass

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"

_OPENMETRICS_VERSIONS = frozenset({"1.0.0", "0.0.1", ""})


@dataclass(frozen=True, slots=True)
class _Range:
    """One media range of an Accept header (RFC 9110 section 12.5.1)."""

    kind: str
    version: str
    quality: float


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics 1.0 is preferred to the text format 0.0.4; whatever cannot be read means text."""
    openmetrics, text = 0.0, 0.0
    for item in _ranges(accept):
        if item.kind == "application/openmetrics-text" and item.version in _OPENMETRICS_VERSIONS:
            openmetrics = max(openmetrics, item.quality)
        elif item.kind == "text/plain":
            text = max(text, item.quality)
    return openmetrics > 0 and openmetrics >= text


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a scraper takes gzip (RFC 9110 section 12.5.3)."""
    return any(item.kind == "gzip" and item.quality > 0 for item in _ranges(accept_encoding))


def _ranges(header: str) -> Iterator[_Range]:
    for part in header.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        values = dict(_parameter(piece) for piece in parameters)
        yield _Range(kind.lower(), values.get("version", ""), _quality(values.get("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
