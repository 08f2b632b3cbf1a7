"""What a token must stand that was issued; it is looked at after the token endpoint was probed, and apart from that."""

from collections.abc import Generator
from dataclasses import replace

from exporter.catalogue import Category, Reason, Stage
from exporter.grants.metadata import ask_for_metadata, get
from exporter.interpret import (
    Jwt,
    Metadata,
    Moment,
    incomplete,
    issued_token,
    judge_claims,
    judge_lifetime,
    read_jwt,
    read_keys,
    verify,
)
from exporter.model import Answer, Attempt, Flow, Outcome, Secret, TokenCheck, TokenRequest

JUST_NOW = 1.0
"""Seconds within which keys came so lately that asking again would bring the same."""

Findings = Generator[TokenRequest, Answer, Outcome | Reason | None]
"""Why a token does not stand a check, or why that cannot be seen; None where it does."""


def check_token(attempt: Attempt, issued: Outcome, answer: Answer) -> Flow:
    """The outcome of an answer to a token request: a token that was issued must stand what the target expects of it."""
    check = attempt.target.expect.token
    if check is None or not issued.success:
        return issued
    found: Outcome | Reason | None = judge_lifetime(issued.token_lifetime, check)
    if found is None and check.needs_jwt:
        found = yield from _check_jwt(attempt, check, issued_token(answer))
    if isinstance(found, Reason):
        found = Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, found)
    return issued if found is None else replace(found, departures=issued.departures, issued=True)


def _check_jwt(attempt: Attempt, check: TokenCheck, token: Secret) -> Findings:
    jwt = read_jwt(token)
    if isinstance(jwt, Reason):
        return jwt
    issuers: tuple[str, ...] = ()
    if check.signature:
        metadata = yield from ask_for_metadata(attempt)
        if isinstance(metadata, Outcome):
            return metadata
        unsigned = yield from _check_signature(attempt, jwt, metadata)
        if unsigned is not None:
            return unsigned
        issuers = metadata.token_issuers
    issued = Moment(attempt.now, attempt.now + attempt.target.timeout)
    return judge_claims(jwt.claims, check, (check.issuer,) if check.issuer else issuers, issued)


def _check_signature(attempt: Attempt, jwt: Jwt, metadata: Metadata) -> Findings:
    """Holds a token against keys that no earlier attempt of the target has seen, and then against those of now."""
    if not metadata.jwks_uri:
        return incomplete()
    found: Reason | None = None
    # Those of the attempt before are older, however long either took: what became of them is seen at once.
    unseen = attempt.target.interval - attempt.target.timeout
    for age in (unseen, JUST_NOW):
        answer = yield replace(get(attempt, metadata.jwks_uri), reusable_for=age)
        keys = read_keys(answer)
        if isinstance(keys, Outcome):
            return keys
        found = verify(jwt, keys)
        if found is None:
            return None
    return found
