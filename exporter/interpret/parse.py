"""JSON from strangers: a mapping, or the reason why there is none."""

import json
from typing import Any

from exporter.catalogue import Reason


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _DuplicateKeyError
    return values


def _refuse_constant(name: str) -> None:
    # RFC 8259 section 6 has no NaN and no Infinity.
    raise ValueError(name)


# Made once: json.loads would make one for each text.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def parse_object(body: bytes) -> dict[str, Any] | Reason:
    """Reads a body as one JSON object (RFC 8259), tolerating a byte order mark; never raises."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    if not text.strip():
        return Reason.EMPTY
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        return Reason.TOO_DEEP
    except _DuplicateKeyError:
        return Reason.DUPLICATE_KEY
    except ValueError:
        # Also an integer of more digits than Python converts.
        return Reason.NOT_JSON
    return value if isinstance(value, dict) else Reason.NOT_OBJECT
