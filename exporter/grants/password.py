"""A user's own name and password, RFC 6749 section 4.3.

Providers lock accounts whose password is wrong too often. So attempts are counted before anything is sent, and end at
three that did not get the password accepted; a new password in the config starts afresh.
"""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from exporter.catalogue import Category, Reason, Stage, code_entry
from exporter.fingerprints import fingerprint, matches
from exporter.grants.request import ask_for_token, stated
from exporter.interpret import categorize
from exporter.model import Attempt, Flow, Grant, Memory, Outcome, ProbeResult, Secret, State, Unsent

MAX_REFUSALS = 3
"""Requests that may leave with one wrong password: Entra locks an account at ten, Active Directory often at five."""

MIN_INTERVAL = 60.0

_LOCKED = frozenset({"AADSTS50053", "AADSTS500532", "AADB2C90111", "AADB2C90114"})
_UNSENT = frozenset({Stage.LOCAL, Stage.DNS, Stage.CONNECT, Stage.TLS})
_OF_ANOTHER_MATTER = frozenset(
    {
        Category.CONFIG,
        Category.CREDENTIAL_EXPIRED,
        Category.CREDENTIAL_INVALID,
        Category.INTERACTION_REQUIRED,
        Category.POLICY_BLOCKED,
        Category.SERVICE_FAULT,
        Category.SERVICE_TRANSIENT,
        Category.THROTTLED,
        Category.TOKEN_INVALID,
    }
)
"""Failures that say nothing against the password, or even that it was right and something else is missing."""


def steps(attempt: Attempt) -> Flow:
    """One token request with the user's name and password."""
    who = (("username", _username(attempt)), ("password", attempt.secrets["password"]))
    return (yield from ask_for_token(attempt, (("grant_type", "password"), *who, *stated(attempt, "scope"))))


def begin(attempt: Attempt, state: State) -> tuple[Attempt, State] | Unsent:
    """Counts the attempt as if its password would be refused, unless there were too many already."""
    presented = Secret(f"{_username(attempt)}\n{attempt.secrets['password'].reveal()}")
    if not matches(presented, state.fingerprint):
        state = State(fingerprint=fingerprint(presented, attempt.new_id()))
    if state.refusals >= MAX_REFUSALS:
        return Unsent(Category.USER_ACCOUNT, Reason.LOCKOUT_RISK, _advice(attempt))
    return attempt, replace(state, refusals=state.refusals + 1)


def end(state: State, result: ProbeResult) -> State:
    """Takes the count back unless the password was refused, or may have been."""
    outcome = result.outcome
    if not _is_presented(result):
        # Metadata or keys decided: the password was not sent, or brought a token.
        return replace(state, refusals=state.refusals - 1)
    if not _LOCKED.isdisjoint(_codes(outcome)):
        return replace(state, refusals=MAX_REFUSALS, proven=False)
    if _is_refused(outcome):
        return replace(state, proven=False)
    if outcome.issued or (outcome.success and outcome.refusal is None):
        return replace(state, refusals=0, proven=True)
    # An answer that never came may have been a refusal; but a password that was accepted before is believed.
    return replace(state, refusals=state.refusals - 1) if state.proven or _is_of_another_matter(outcome) else state


def _is_presented(result: ProbeResult) -> bool:
    """Whether the request that decided the outcome held the password."""
    form = result.request.form if result.request else None
    return any(name == "password" for name, _ in form or ())


def _is_refused(outcome: Outcome) -> bool:
    """Whether the answer speaks against the password, also where that refusal was expected."""
    if any(entry.category is Category.USER_ACCOUNT for entry in map(code_entry, _codes(outcome)) if entry):
        return True
    return outcome.refusal is not None and not _is_of_another_matter(outcome)


def _is_of_another_matter(outcome: Outcome) -> bool:
    if outcome.failure is not None:
        return outcome.failure.fault.stage in _UNSENT or outcome.failure.category in _OF_ANOTHER_MATTER
    return outcome.refusal is not None and categorize(outcome.refusal, HTTPStatus.BAD_REQUEST) in _OF_ANOTHER_MATTER


def _codes(outcome: Outcome) -> Iterator[str]:
    return iter(outcome.refusal.codes if outcome.refusal else ())


def _username(attempt: Attempt) -> str:
    return dict(attempt.target.arguments)["username"]


def _advice(attempt: Attempt) -> str:
    forget = attempt.target.state_file
    unlocked = f"delete {forget}" if forget else "restart the exporter"
    return (
        f"{MAX_REFUSALS} attempts in a row did not get this password accepted, or the account is locked. Nothing more "
        "is sent, so that the account is not locked by it. Put the right password where the config says; if it is the "
        f"right one and the account is in order again, {unlocked}."
    )


PASSWORD = Grant(
    name="password",
    steps=steps,
    requires=frozenset({"client_id", "username"}),
    allows=frozenset({"credential", "scope", "state_file"}),
    secrets=frozenset({"password"}),
    memory=Memory(begin=begin, end=end, volatile=True),
    min_interval=MIN_INTERVAL,
    warning=(
        "grant password sends a user's password: the user must be exempt from multi-factor authentication, and a "
        f"wrong password can lock the account. Attempts end after {MAX_REFUSALS} that are refused; without state_file "
        "a restart forgets them"
    ),
    reasons=frozenset({(Stage.LOCAL, Reason.LOCKOUT_RISK), (Stage.LOCAL, Reason.STATE_UNUSABLE)}),
)
