"""Reads what an error answer says of itself, wherever in the body it says so."""

import re
from collections.abc import Mapping
from typing import Any

from exporter.model import ErrorCode, ErrorResponse

MAX_DESCRIPTION = 4096
MAX_ID = 128

_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CODE = re.compile(r"(AADSTS[0-9]{4,8}|AADB2C[0-9]{5,6}|MSIS[0-9]{4,5})(?![0-9])")
_NUMBER = re.compile(r"[0-9]{4,8}")
_TRACE_ID = re.compile(r"Trace ID: ?([0-9A-Za-z-]{1,64})")
_CORRELATION_ID = re.compile(r"Correlation ID: ?([0-9A-Za-z-]{1,64})")
_TIMESTAMP = re.compile(r"Timestamp: ?([0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}Z)")


def read_object(values: Mapping[str, Any]) -> ErrorResponse | None:
    """The error that a JSON object states (RFC 6749 section 5.2, Entra's additions); None where it states none."""
    error = values.get("error")
    if not isinstance(error, str) or not _ERROR.fullmatch(error):
        return None
    description = _text(values.get("error_description"))
    return ErrorResponse(
        error=error,
        codes=_stated_codes(values.get("error_codes")) or described_codes(description),
        suberror=_matching(_ERROR, values.get("suberror")),
        description=description,
        trace_id=_id(values.get("trace_id")) or _found(_TRACE_ID, description),
        correlation_id=_id(values.get("correlation_id")) or _found(_CORRELATION_ID, description),
        timestamp=_id(values.get("timestamp")) or _found(_TIMESTAMP, description),
        claims=bool(values.get("claims")),
    )


def read_text(text: str) -> ErrorResponse | None:
    """The error that a page or log line speaks of by its code; None where it names none."""
    codes = described_codes(text)
    if not codes:
        return None
    return ErrorResponse(
        codes=codes,
        description=text[:MAX_DESCRIPTION],
        trace_id=_found(_TRACE_ID, text),
        correlation_id=_found(_CORRELATION_ID, text),
        timestamp=_found(_TIMESTAMP, text),
    )


def described_codes(text: str) -> tuple[ErrorCode, ...]:
    """The codes that a text names, each once, in the order of their first mention."""
    return tuple(dict.fromkeys(ErrorCode(code) for code in _CODE.findall(text)))


def _stated_codes(value: Any) -> tuple[ErrorCode, ...]:
    items = value if isinstance(value, list) else [value]
    digits = (str(item) for item in items if isinstance(item, int | str))
    return tuple(dict.fromkeys(ErrorCode(f"AADSTS{d}") for d in digits if _NUMBER.fullmatch(d)))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    # JSON may spell half a surrogate pair, which no encoder of ours could write.
    return value[:MAX_DESCRIPTION].encode("utf-8", "replace").decode()


def _id(value: Any) -> str:
    """One short line, or nothing: ids and stamps go to logs and terminals as they are."""
    return value if isinstance(value, str) and len(value) <= MAX_ID and value.isprintable() else ""


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""
