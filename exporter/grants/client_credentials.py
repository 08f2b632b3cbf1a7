"""The client asks for a token of its own, RFC 6749 section 4.4."""

from exporter.grants.request import ask_for_token
from exporter.model import Attempt, Flow, Grant, Parameters


def steps(attempt: Attempt) -> Flow:
    """One token request with the client's credential."""
    own: Parameters = (("grant_type", "client_credentials"),)
    if attempt.target.scope:
        own = (*own, ("scope", attempt.target.scope))
    return (yield from ask_for_token(attempt, own))


CLIENT_CREDENTIALS = Grant(
    name="client_credentials",
    steps=steps,
    requires=frozenset({"client_id", "credential"}),
    allows=frozenset({"scope"}),
)
