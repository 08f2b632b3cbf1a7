"""The kinds of values that a config holds, each with its check and its place in the JSON Schema."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, WithJsonSchema

from exporter.durations import DURATION, parse_duration
from exporter.model import MASK
from exporter.urls import url_problem


def _check_url(value: str) -> str:
    if problem := url_problem(value):
        raise ValueError(problem)
    return value


def _check_plain_url(value: str) -> str:
    if "?" in value:
        raise ValueError("must not hold a query")
    return value


def matching(pattern: str, otherwise: str) -> Callable[[str], str]:
    """A check that the whole text matches, whose message does not repeat the text."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(otherwise)
        return value

    return check


def parse_instant(value: object) -> float:
    """Unix time of a date or of a moment with its offset from UTC (RFC 3339). Raises ValueError."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or (moment.tzinfo is None and moment.time() != time.min):
        raise ValueError('must be a date such as "2027-01-31" or a moment such as "2027-01-31T12:00:00Z", in quotes')
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def one_of(names: Iterable[str]) -> Any:
    """A string type of the names of a table."""
    known = tuple(names)

    def check(value: str) -> str:
        if value not in known:
            raise ValueError("must be one of " + ", ".join(known))
        return value

    return Annotated[str, AfterValidator(check), WithJsonSchema({"type": "string", "enum": list(known)})]


Hidden = Annotated[SecretStr, PlainSerializer(lambda _: MASK)]
"""A secret, of which a config that is shown has the mask alone."""

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION}$", "examples": ["30s", "1m30s", "500ms"]}),
]
Instant = Annotated[
    float,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "examples": ["2027-01-31", "2027-01-31T12:00:00Z"]}),
]
Url = Annotated[str, AfterValidator(_check_url), Field(json_schema_extra={"format": "uri"})]
PlainUrl = Annotated[Url, AfterValidator(_check_plain_url)]
Name = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
            "must begin with a letter or digit and hold only letters, digits, '.', '_' and '-', at most 100",
        )
    ),
]
Tenant = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}",
            "must be a tenant id, a domain, or one of common, organizations, consumers",
        )
    ),
]
Host = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|[0-9a-f]*(:[0-9a-f]*){2,7}",
            "must be the name of a host in small letters, as keys.example.org",
        )
    ),
]
LabelName = Annotated[
    str,
    AfterValidator(matching(r"[a-zA-Z][a-zA-Z0-9_]{0,99}", "must be a Prometheus label name such as team")),
]
Text = Annotated[
    str,
    AfterValidator(
        matching(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,1000}", "must be 1 to 1000 printable characters")
    ),
]
Code = Annotated[
    str,
    AfterValidator(
        matching(
            r"AADSTS[0-9]{4,8}|AADB2C[0-9]{5,6}|MSIS[0-9]{4,5}", "must be an error code with its prefix, as AADSTS50000"
        )
    ),
]
Error = Annotated[
    str, AfterValidator(matching(r"[A-Za-z0-9_.-]{1,64}", "must be an OAuth error value, as invalid_client"))
]
Variable = Annotated[
    str, AfterValidator(matching(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of an environment variable"))
]
