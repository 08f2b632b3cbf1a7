"""The client renews its token by a refresh token, RFC 6749 section 6.

Where the provider rotates refresh tokens, each works once (RFC 9700 section 4.14.2): with a state file the one that
comes back is presented next. A new token in the config, the seed, goes before what was remembered of another.
"""

from dataclasses import replace

from exporter.catalogue import Reason, Stage
from exporter.fingerprints import fingerprint, matches
from exporter.grants.request import ask_for_token, stated
from exporter.model import Attempt, Flow, Grant, Memory, Parameters, ProbeResult, State, Unsent

_PARAMETER = "refresh_token"


def steps(attempt: Attempt) -> Flow:
    """One token request with the refresh token."""
    presented: Parameters = ((_PARAMETER, attempt.secrets[_PARAMETER]),)
    own = (("grant_type", "refresh_token"), *presented, *stated(attempt, "scope"))
    return (yield from ask_for_token(attempt, own, takes=frozenset({_PARAMETER})))


def begin(attempt: Attempt, state: State) -> tuple[Attempt, State] | Unsent:
    """Presents the newest token that came of this seed."""
    seed = attempt.secrets[_PARAMETER]
    if not matches(seed, state.fingerprint):
        return attempt, State(fingerprint=fingerprint(seed, attempt.new_id()))
    newest = state.refresh_token or seed
    return replace(attempt, secrets={**attempt.secrets, _PARAMETER: newest}), state


def end(state: State, result: ProbeResult) -> State:
    """Remembers the token that came in the place of the one presented."""
    renewed = result.outcome.renewed
    return state if renewed is None else replace(state, refresh_token=renewed)


REFRESH_TOKEN = Grant(
    name="refresh_token",
    steps=steps,
    requires=frozenset({"client_id"}),
    allows=frozenset({"credential", "scope", "state_file"}),
    secrets=frozenset({_PARAMETER}),
    memory=Memory(begin=begin, end=end),
    reasons=frozenset({(Stage.LOCAL, Reason.STATE_UNUSABLE)}),
)
