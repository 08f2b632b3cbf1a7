"""A device that has no browser asks for a code, and its user never comes, RFC 8628.

That the code waits for its user is all that can be seen without one, and the success.
"""

from collections.abc import Generator
from dataclasses import replace

from exporter.catalogue import Category, Reason, Stage
from exporter.grants.metadata import ask_for_metadata
from exporter.grants.request import post, stated
from exporter.interpret import DeviceAuthorization, judge_device_authorization, judge_poll
from exporter.model import Answer, Attempt, Flow, Grant, Outcome, TokenRequest

MIN_TIMEOUT = 8.0
"""Seconds: five of them pass between code and poll where the provider does not say otherwise."""


def steps(attempt: Attempt) -> Flow:
    """Asks for a code, waits as long as the provider says, and polls once."""
    metadata = yield from ask_for_metadata(attempt)
    if isinstance(metadata, Outcome):
        return metadata
    if not metadata.device_authorization_endpoint:
        return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)
    code = yield from _ask_for_code(attempt, metadata.device_authorization_endpoint)
    if isinstance(code, Outcome):
        return code
    own = (("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code.device_code))
    poll = replace(post(attempt, metadata.token_endpoint, own), after=code.interval)
    answer = yield poll
    return judge_poll(answer, poll, attempt.target.expect)


def _ask_for_code(attempt: Attempt, url: str) -> Generator[TokenRequest, Answer, DeviceAuthorization | Outcome]:
    request = replace(post(attempt, url, stated(attempt, "scope")), takes=frozenset({"device_code"}))
    answer = yield request
    return judge_device_authorization(answer, request, attempt.target.expect)


DEVICE_CODE = Grant(
    name="device_code",
    steps=steps,
    requires=frozenset({"client_id"}),
    allows=frozenset({"credential", "scope"}),
    discovers=True,
    issues=False,
    min_timeout=MIN_TIMEOUT,
    reasons=frozenset(
        {
            (Stage.LOCAL, Reason.TIMEOUT_TOO_SHORT),
            (Stage.OAUTH, Reason.CODE_EXPIRED_EARLY),
            (Stage.OAUTH, Reason.DEVICE_ANSWER_INCOMPLETE),
        }
    ),
)
