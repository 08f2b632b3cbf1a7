"""The client asks for a token of its own, RFC 6749 section 4.4."""

from exporter.grants.request import ask_for_token, stated
from exporter.model import Attempt, Flow, Grant


def steps(attempt: Attempt) -> Flow:
    """One token request with the client's credential."""
    own = (("grant_type", "client_credentials"), *stated(attempt, "scope"))
    return (yield from ask_for_token(attempt, own))


CLIENT_CREDENTIALS = Grant(
    name="client_credentials",
    steps=steps,
    requires=frozenset({"client_id", "credential"}),
    allows=frozenset({"scope"}),
)
