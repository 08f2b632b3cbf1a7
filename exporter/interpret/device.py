"""From the answers of a device flow to an Outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret.judge import judge_token, seconds_of
from exporter.interpret.parse import parse_object
from exporter.model import Answer, Expectation, Failure, Fault, Outcome, Secret, TokenRequest, TokenResponse
from exporter.urls import url_problem

DEFAULT_INTERVAL = 5.0
"""Seconds between a code and its poll where the provider does not say (RFC 8628 section 3.2)."""

PENDING = Expectation(errors=frozenset({"authorization_pending", "slow_down"}))
"""What a code is answered with whose user has not come yet (RFC 8628 section 3.5)."""


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A code that may be polled after so many seconds."""

    device_code: Secret
    interval: float


def judge_device_authorization(
    answer: Answer, request: TokenRequest, expect: Expectation
) -> DeviceAuthorization | Outcome:
    """The code that was asked for, or why there is none (RFC 8628 section 3.2)."""
    content = parse_object(answer.body) if isinstance(answer, TokenResponse) else None
    if not isinstance(answer, TokenResponse) or answer.status != HTTPStatus.OK or not isinstance(content, dict):
        return judge_token(answer, request, expect)
    if content.get("error") is not None:
        return judge_token(answer, request, expect)
    code, ends = answer.taken.get("device_code"), seconds_of(content.get("expires_in"))
    if code is None or not ends or not _can_be_entered(content):
        return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.DEVICE_ANSWER_INCOMPLETE)
    interval = seconds_of(content.get("interval")) or DEFAULT_INTERVAL
    if ends <= interval:
        return Outcome.failed(Category.SERVICE_FAULT, Stage.OAUTH, Reason.CODE_EXPIRED_EARLY)
    return DeviceAuthorization(code, interval)


def judge_poll(answer: Answer, request: TokenRequest, expect: Expectation) -> Outcome:
    """That the user has not come yet is the success, unless another refusal is expected.

    A code that is no good any more has died before its time, since it was issued only just now.
    """
    outcome = judge_token(answer, request, expect if expect.refusal else PENDING)
    if outcome.failure is None or outcome.failure.category is not Category.GRANT_INVALID:
        return outcome
    early = Fault(Stage.OAUTH, Reason.CODE_EXPIRED_EARLY)
    return replace(outcome, failure=Failure(Category.SERVICE_FAULT, early))


def _can_be_entered(content: Mapping[str, Any]) -> bool:
    """Whether the answer says what its user types, and where; older endpoints of Entra call the latter a URL."""
    user_code, where = content.get("user_code"), content.get("verification_uri") or content.get("verification_url")
    return isinstance(user_code, str) and bool(user_code) and isinstance(where, str) and not url_problem(where)
