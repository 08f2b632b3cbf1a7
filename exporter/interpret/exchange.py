"""From the answer to a token exchange to an Outcome."""

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret.judge import judge_token
from exporter.interpret.parse import parse_object
from exporter.model import Answer, Expectation, Outcome, TokenRequest, TokenResponse


def judge_exchange(answer: Answer, request: TokenRequest, expect: Expectation) -> Outcome:
    """As of any token request; but the answer must also say what it issued (RFC 8693 section 2.2.1)."""
    outcome = judge_token(answer, request, expect)
    if not outcome.success or expect.refusal or not isinstance(answer, TokenResponse):
        return outcome
    content = parse_object(answer.body)
    issued = content.get("issued_token_type") if isinstance(content, dict) else None
    if isinstance(issued, str) and issued:
        return outcome
    return Outcome.failed(Category.PROTOCOL, Stage.TOKEN, Reason.ISSUED_TYPE_MISSING)
