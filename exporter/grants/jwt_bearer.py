"""Somebody else's assertion is exchanged for a token, RFC 7523 section 2.1."""

from exporter.grants.request import ask_for_token, stated
from exporter.model import Attempt, Flow, Grant, Parameters

_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def steps(attempt: Attempt) -> Flow:
    """One token request with the assertion; the client need not authenticate (section 3.1)."""
    return (yield from ask_for_token(attempt, presenting(attempt)))


def presenting(attempt: Attempt) -> Parameters:
    """The parameters that present the assertion (section 2.1)."""
    assertion = attempt.secrets["assertion"]
    return (("grant_type", _TYPE), ("assertion", assertion), *stated(attempt, "scope"))


JWT_BEARER = Grant(
    name="jwt_bearer",
    steps=steps,
    allows=frozenset({"client_id", "credential", "scope"}),
    secrets=frozenset({"assertion"}),
)
