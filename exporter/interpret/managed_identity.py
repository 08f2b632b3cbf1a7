"""From the answer of a machine's own identity endpoint to an Outcome. It resembles RFC 6749, and is not bound to it."""

from dataclasses import replace
from http import HTTPStatus

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret.judge import judge_token, seconds_of
from exporter.interpret.parse import parse_object
from exporter.model import Answer, Expectation, Outcome, TokenRequest, TokenResponse

_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""What the endpoint answers while it is being updated."""


def judge_managed_identity(answer: Answer, request: TokenRequest, expect: Expectation, now: float) -> Outcome:
    """As of any token request, in the words that this endpoint has for refusals and lifetimes. `now` in Unix time."""
    outcome = replace(judge_token(answer, request, expect), departures=())
    if not isinstance(answer, TokenResponse):
        return outcome
    if outcome.success:
        return _timed(outcome, answer, now) if outcome.token_lifetime is None and not outcome.refusal else outcome
    if answer.status in _NOT_THERE:
        return Outcome.failed(Category.SERVICE_TRANSIENT, Stage.HTTP, Reason.UPDATING)
    refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if refused and outcome.refusal is None and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        # The machine's own endpoint tells only its own callers that they ask amiss.
        return Outcome.failed(Category.CONFIG, Stage.HTTP, Reason.CLIENT_ERROR)
    return outcome


def _timed(outcome: Outcome, answer: TokenResponse, now: float) -> Outcome:
    """The outcome with the token's lifetime, where the answer states only when it ends."""
    content = parse_object(answer.body)
    ends = seconds_of(content.get("expires_on")) if isinstance(content, dict) else None
    if ends is None:
        return outcome
    if ends <= now:
        return Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.BAD_EXPIRES_IN)
    return replace(outcome, token_lifetime=ends - now)
