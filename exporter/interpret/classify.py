"""Whose failure an error answer is: its codes, then its suberror, its error, and its HTTP status."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.catalogue import PROVIDER_OWNED, Category, code_entry, errors
from exporter.model import ErrorCode, ErrorResponse

_WRAPPER = ErrorCode("AADSTS70002")
"""Stands first in `error_codes` of older answers and says nothing; the last code is the cause."""

_MEANS_BAD_GRANT = frozenset({"AADSTS9002313", "AADSTS70000"})
"""With `invalid_grant` these speak of the code or token that was presented, not of the request's form."""

_BY_SUBERROR: Mapping[str, Category] = MappingProxyType(
    {
        "additional_action": Category.INTERACTION_REQUIRED,
        "bad_token": Category.GRANT_INVALID,
        "basic_action": Category.INTERACTION_REQUIRED,
        "client_mismatch": Category.GRANT_INVALID,
        "consent_required": Category.INTERACTION_REQUIRED,
        "device_authentication_failed": Category.POLICY_BLOCKED,
        "message_only": Category.INTERACTION_REQUIRED,
        "protection_policy_required": Category.POLICY_BLOCKED,
        "token_expired": Category.GRANT_INVALID,
        "user_password_expired": Category.INTERACTION_REQUIRED,
    }
)

_TOO_MANY_REQUESTS = 429
_INTERNAL_SERVER_ERROR = 500
_SERVICE_UNAVAILABLE = 503


def categorize(refusal: ErrorResponse, status: int) -> Category:
    """The category of an error answer.

    A provider that says it failed itself (HTTP 5xx, `server_error`, `temporarily_unavailable`) is believed
    over a code that would put the failure on another side.
    """
    verdict = by_code(refusal) or _BY_SUBERROR.get(refusal.suberror)
    if verdict is None and status == _TOO_MANY_REQUESTS:
        return Category.THROTTLED
    verdict = verdict or by_error(refusal) or by_status(status) or Category.UNKNOWN
    own_fault = _own_fault(refusal.error, status)
    return own_fault if own_fault and verdict not in PROVIDER_OWNED else verdict


def by_code(refusal: ErrorResponse) -> Category | None:
    """What the catalogue says of the answer's deciding code."""
    if not refusal.codes:
        return None
    deciding = refusal.codes[-1] if refusal.codes[0] == _WRAPPER else refusal.codes[0]
    if refusal.error == "invalid_grant" and deciding in _MEANS_BAD_GRANT:
        return Category.GRANT_INVALID
    known = code_entry(deciding)
    return known.category if known else None


def by_error(refusal: ErrorResponse) -> Category | None:
    """What the catalogue says of the answer's OAuth error value."""
    known = errors().get(refusal.error)
    return known.category if known else None


def by_status(status: int) -> Category | None:
    """What an HTTP status alone says; None where it leaves open whose failure it is."""
    if status == _TOO_MANY_REQUESTS:
        return Category.THROTTLED
    if status == _SERVICE_UNAVAILABLE:
        return Category.SERVICE_TRANSIENT
    return Category.SERVICE_FAULT if status >= _INTERNAL_SERVER_ERROR else None


def _own_fault(error: str, status: int) -> Category | None:
    if error == "temporarily_unavailable":
        return Category.SERVICE_TRANSIENT
    if error == "server_error":
        return Category.SERVICE_FAULT
    return by_status(status) if status >= _INTERNAL_SERVER_ERROR else None
