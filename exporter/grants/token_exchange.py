"""One token is exchanged for another, RFC 8693."""

from exporter.catalogue import Reason, Stage
from exporter.grants.request import post, stated, token_endpoint
from exporter.grants.token_check import check_token
from exporter.interpret import judge_exchange
from exporter.model import Attempt, Flow, Grant, Outcome, Parameters

_STATED = ("subject_token_type", "actor_token_type", "requested_token_type", "audience", "resource", "scope")


def steps(attempt: Attempt) -> Flow:
    """One token request with the subject's token and, where there is one, the actor's (section 2.1)."""
    url = yield from token_endpoint(attempt)
    if isinstance(url, Outcome):
        return url
    own: Parameters = (("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), *stated(attempt, *_STATED))
    request = post(attempt, url, (*own, *attempt.secrets.items()))
    answer = yield request
    outcome = judge_exchange(answer, request, attempt.target.expect)
    return (yield from check_token(attempt, outcome, answer))


TOKEN_EXCHANGE = Grant(
    name="token_exchange",
    steps=steps,
    requires=frozenset({"subject_token_type"}),
    allows=frozenset({"client_id", "credential"}).union(_STATED),
    secrets=frozenset({"subject_token"}),
    may_present=frozenset({"actor_token"}),
    reasons=frozenset({(Stage.TOKEN, Reason.ISSUED_TYPE_MISSING)}),
)
