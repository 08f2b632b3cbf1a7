"""From an Answer to an Outcome."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from exporter.catalogue import Category, Departure, Reason, Stage
from exporter.interpret.classify import by_code, by_status, categorize
from exporter.interpret.parse import parse_object
from exporter.interpret.read import read_answer
from exporter.model import (
    Answer,
    ErrorResponse,
    Expectation,
    Failure,
    Fault,
    Outcome,
    TokenRequest,
    TokenResponse,
)

MAX_TOKEN_LIFETIME = 10 * 365 * 86400.0
MAX_SECONDS = 1e12
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECONDS = re.compile(r"[0-9]{1,12}")
_BASIC = re.compile(r"(?:^|,)\s*basic(?:\s|,|$)", re.IGNORECASE)  # a scheme of RFC 9110 section 11.6.1's list
_TOKEN = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A.12

_PROTOCOL_REASONS = frozenset(
    {Reason.INVALID, Reason.INVALID_FRAMING, Reason.NOT_HTTP, Reason.TOO_LARGE, Reason.UNEXPECTED_ENCODING}
)


def judge_token(answer: Answer, request: TokenRequest, expect: Expectation) -> Outcome:
    """The outcome of a token request: a usable token, or the refusal that was asked for, is a success."""
    if not isinstance(answer, TokenResponse):
        return Outcome(failure=Failure(_category_on_the_wire(answer.fault), answer.fault))
    content = parse_object(answer.body)
    values = content if isinstance(content, dict) else {}
    outcome = _judge_content(answer, content, values)
    if expect.refusal:
        outcome = _judge_refusal(outcome, answer.status, expect, issued=_states(values, "access_token"))
    departures = tuple(_departures(answer, request, outcome, values))
    return replace(outcome, departures=departures) if departures else outcome


def judge_document(answer: Answer) -> dict[str, Any] | Outcome:
    """The JSON object that everybody may read at a URL, or why there is none."""
    if not isinstance(answer, TokenResponse):
        return Outcome(failure=Failure(_category_on_the_wire(answer.fault), answer.fault))
    content = parse_object(answer.body)
    if answer.status != HTTPStatus.OK:
        return _judge_content(answer, content, content if isinstance(content, dict) else {})
    return content if isinstance(content, dict) else Outcome.failed(Category.PROTOCOL, Stage.PARSE, content)


def _category_on_the_wire(fault: Fault) -> Category:
    if fault.stage is Stage.LOCAL:
        return Category.LOCAL
    if fault.reason is Reason.CLIENT_CERTIFICATE_REFUSED:
        return Category.CREDENTIAL_INVALID
    if fault.reason in _PROTOCOL_REASONS:
        return Category.PROTOCOL
    return Category.NETWORK


def _judge_content(answer: TokenResponse, content: dict[str, Any] | Reason, values: Mapping[str, Any]) -> Outcome:
    refusal = _refusal(answer, values)
    if answer.status == HTTPStatus.OK:
        return _judge_ok(content, values, refusal)
    if answer.status in _REDIRECTS:
        return Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.REDIRECT)
    if answer.status < HTTPStatus.BAD_REQUEST:
        return Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.UNEXPECTED_STATUS)
    if refusal is not None:
        return _refused(categorize(refusal, answer.status), Reason.REFUSED, refusal)
    return _judge_silence(answer.status, content, values)


def _refusal(answer: TokenResponse, values: Mapping[str, Any]) -> ErrorResponse | None:
    """The refusal that an answer states; a token's own text is not searched for one."""
    if _states(values, "access_token") and not _states(values, "error"):
        return None
    said = read_answer(answer.body.decode("utf-8", "replace"), prose=False)
    return said if said.error or said.codes else None


def _judge_silence(status: int, content: dict[str, Any] | Reason, values: Mapping[str, Any]) -> Outcome:
    """The outcome of an error status whose body says nothing in OAuth's words."""
    if _states(values, "access_token"):
        return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.INCONSISTENT)
    category = by_status(status)
    if category is Category.THROTTLED:
        return Outcome.failed(category, Stage.HTTP, Reason.THROTTLED)
    if category is not None:
        return Outcome.failed(category, Stage.HTTP, Reason.SERVER_ERROR)
    if isinstance(content, Reason):
        return Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.CLIENT_ERROR)
    return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.MALFORMED_ERROR)


def _judge_ok(content: dict[str, Any] | Reason, values: Mapping[str, Any], refusal: ErrorResponse | None) -> Outcome:
    if _states(values, "error") or (refusal is not None and not _states(values, "access_token")):
        # Some servers refuse with a 200; the body decides where its code is known.
        category = (by_code(refusal) if refusal else None) or Category.PROTOCOL
        return _refused(category, Reason.ERROR_IN_200 if refusal else Reason.MALFORMED_ERROR, refusal)
    if isinstance(content, Reason):
        return Outcome.failed(Category.PROTOCOL, Stage.PARSE, content)
    token, token_type = values.get("access_token"), values.get("token_type")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return Outcome.failed(Category.PROTOCOL, Stage.TOKEN, Reason.MISSING)
    if not isinstance(token_type, str) or not token_type:
        return Outcome.failed(Category.PROTOCOL, Stage.TOKEN, Reason.BAD_TOKEN_TYPE)
    lifetime = _lifetime(values.get("expires_in"))
    if lifetime is not None and lifetime <= 0:
        return Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.BAD_EXPIRES_IN)
    return Outcome(token_lifetime=lifetime)


def _refused(category: Category, reason: Reason, refusal: ErrorResponse | None) -> Outcome:
    # To wait for a user makes no sense where no user was asked.
    judged = Category.PROTOCOL if category is Category.PENDING else category
    return Outcome(failure=Failure(judged, Fault(Stage.OAUTH, reason)), refusal=refusal)


def _states(values: Mapping[str, Any], name: str) -> bool:
    """Whether an answer states a field: some servers write out as null what they leave unsaid."""
    return values.get(name) is not None


def seconds_of(value: object) -> float | None:
    """Seconds that an answer states, as a number or as digits; None where unstated, 0 where they make no sense."""
    if value is None:
        return None
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    # Compared before it is converted: a huge integer fits no float. NaN and infinity are not within.
    return float(min(value, MAX_SECONDS)) if 0 < value < math.inf else 0.0


def _lifetime(value: object) -> float | None:
    """Seconds of a stated `expires_in`, which RFC 6749 section 5.1 only recommends."""
    seconds = seconds_of(value)
    return None if seconds is None else min(seconds, MAX_TOKEN_LIFETIME)


def _judge_refusal(outcome: Outcome, status: int, expect: Expectation, *, issued: bool) -> Outcome:
    """Turns an outcome round for a target whose request is deliberately bad."""
    if issued or outcome.success:
        return Outcome.failed(Category.CONTRACT_BROKEN, Stage.OAUTH, Reason.TOKEN_ISSUED)
    refusal, failure = outcome.refusal, outcome.failure
    plain = failure is not None and failure.fault.reason is Reason.REFUSED
    if refusal is None or not plain or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return outcome
    matches_code = not expect.codes or not expect.codes.isdisjoint(refusal.codes)
    matches_error = not expect.errors or refusal.error in expect.errors
    return replace(outcome, failure=None) if matches_code and matches_error else outcome


def _departures(
    answer: TokenResponse, request: TokenRequest, outcome: Outcome, values: Mapping[str, Any]
) -> Iterator[Departure]:
    tried_basic = any(name == "Authorization" for name, _ in request.headers)
    if tried_basic and outcome.refusal is not None and outcome.refusal.error == "invalid_client":
        if answer.status != HTTPStatus.UNAUTHORIZED:
            yield Departure.BASIC_WITHOUT_401
        if not _BASIC.search(answer.headers.get("www-authenticate", "")):
            yield Departure.BASIC_WITHOUT_CHALLENGE
    if values and not answer.headers.get("content-type", "").lower().startswith("application/json"):
        yield Departure.NOT_JSON_CONTENT_TYPE
    if _states(values, "access_token") and "no-store" not in answer.headers.get("cache-control", "").lower():
        yield Departure.CACHEABLE_TOKEN
    if isinstance(values.get("expires_in"), str):
        yield Departure.EXPIRES_IN_NOT_A_NUMBER
