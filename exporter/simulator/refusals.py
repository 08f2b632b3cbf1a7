"""How Entra refuses: which `error` and HTTP status go with a code, and the shape of the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from exporter.catalogue import Category, code_entry

TIMESTAMP = "%Y-%m-%d %H:%M:%SZ"

_ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "AADSTS1002012": "invalid_scope",
        "AADSTS500011": "invalid_resource",
        "AADSTS50049": "invalid_instance",
        "AADSTS70003": "unsupported_grant_type",
        "AADSTS70011": "invalid_scope",
        "AADSTS70016": "authorization_pending",
        "AADSTS70020": "expired_token",
        "AADSTS700016": "unauthorized_client",
        "AADSTS7000112": "unauthorized_client",
        "AADSTS9002313": "invalid_grant",
    }
)

_ERRORS_OF_CATEGORY: Mapping[Category, str] = MappingProxyType(
    {
        Category.SERVICE_FAULT: "server_error",
        Category.SERVICE_TRANSIENT: "temporarily_unavailable",
        Category.CREDENTIAL_EXPIRED: "invalid_client",
        Category.CREDENTIAL_INVALID: "invalid_client",
        Category.CONFIG: "invalid_request",
        Category.REQUEST_MALFORMED: "invalid_request",
        Category.INTERACTION_REQUIRED: "interaction_required",
    }
)

_STATUSES: Mapping[str, int] = MappingProxyType(
    {"invalid_client": 401, "server_error": 500, "temporarily_unavailable": 503}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is written: JSON where `body` is a mapping."""

    status: int
    body: Mapping[str, Any] | str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ids:
    """What Entra stamps on every answer."""

    trace_id: UUID
    correlation_id: str
    now: float


def refuse(
    code: str,
    ids: Ids,
    *,
    detail: str = "",
    error: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error answer in Entra's form; error and status are those that Entra gives with the code."""
    entry = code_entry(code)
    category = entry.category if entry else Category.UNKNOWN
    error = error or _ERRORS.get(code) or _ERRORS_OF_CATEGORY.get(category, "invalid_grant")
    text = detail or (entry.meaning if entry else "Simulated refusal.")
    timestamp = datetime.fromtimestamp(ids.now, UTC).strftime(TIMESTAMP)
    stamp = f"Trace ID: {ids.trace_id} Correlation ID: {ids.correlation_id} Timestamp: {timestamp}"
    digits = code.removeprefix("AADSTS")
    body: dict[str, Any] = {
        "error": error,
        "error_description": f"{code}: {text} {stamp}",
        "timestamp": timestamp,
        "trace_id": str(ids.trace_id),
        "correlation_id": ids.correlation_id,
    }
    if digits.isdigit():
        body["error_codes"] = [int(digits)]
        body["error_uri"] = f"https://login.microsoftonline.com/error?code={digits}"
    return Reply(status or _STATUSES.get(error, 400), body, headers or {})
