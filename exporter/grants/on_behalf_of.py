"""A service asks for a token on behalf of the user whose token it was sent, as Entra and AD FS have it.

Microsoft, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow".
"""

from exporter.grants.jwt_bearer import presenting
from exporter.grants.request import ask_for_token
from exporter.model import Attempt, Flow, Grant


def steps(attempt: Attempt) -> Flow:
    """One token request with the user's token."""
    own = (*presenting(attempt), ("requested_token_use", "on_behalf_of"))
    return (yield from ask_for_token(attempt, own))


ON_BEHALF_OF = Grant(
    name="on_behalf_of",
    steps=steps,
    requires=frozenset({"client_id", "credential", "scope"}),
    secrets=frozenset({"assertion"}),
)
