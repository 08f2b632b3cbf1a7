"""The grants that present what somebody was given: what is sent, and what the answer comes to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token

from exporter.catalogue import Category, Reason, Stage
from exporter.config import parse_config
from exporter.model import (
    Config,
    Expectation,
    InlineSecret,
    Outcome,
    Parameters,
    ProbeResult,
    Secret,
    Target,
    TokenCheck,
    TokenResponse,
)

ASSERTION = InlineSecret(Secret("assertion-zQ1"))
SUBJECT, ACTOR = InlineSecret(Secret("subject-zQ2")), InlineSecret(Secret("actor-zQ3"))
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
EXCHANGE = make_target(
    grant="token_exchange",
    scope="",
    secrets=(("subject_token", SUBJECT),),
    arguments=(("audience", "orders"), ("subject_token_type", ACCESS_TOKEN)),
)


def exchanged(**changes: object) -> TokenResponse:
    body = {"access_token": "a.b.c", "token_type": "N_A", "issued_token_type": ACCESS_TOKEN, "expires_in": 60} | changes
    said = {name: value for name, value in body.items() if value is not None}
    return token(body=json.dumps(said).encode())


async def probed(target: Target, *answers: TokenResponse) -> tuple[ProbeResult, Parameters]:
    """The result of an attempt, and the form that it sent last."""
    send = ScriptedSend(answers)
    result = await make_prober(send, FakeClock()).probe(target)
    return result, send.requests[-1].form or ()


@pytest.mark.parametrize(
    ("target", "form"),
    [
        pytest.param(
            make_target(grant="jwt_bearer", scope="read", secrets=(("assertion", ASSERTION),)),
            (
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", ASSERTION.secret),
                ("scope", "read"),
            ),
            id="RFC 7523",
        ),
        pytest.param(
            make_target(grant="on_behalf_of", secrets=(("assertion", ASSERTION),)),
            (
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", ASSERTION.secret),
                ("scope", "api://x/.default"),
                ("requested_token_use", "on_behalf_of"),
            ),
            id="on behalf of",
        ),
        pytest.param(
            make_target(grant="refresh_token", scope="", secrets=(("refresh_token", SUBJECT),)),
            (("grant_type", "refresh_token"), ("refresh_token", SUBJECT.secret)),
            id="refresh token",
        ),
        pytest.param(
            make_target(
                grant="password", scope="", secrets=(("password", SUBJECT),), arguments=(("username", "alice"),)
            ),
            (("grant_type", "password"), ("username", "alice"), ("password", SUBJECT.secret)),
            id="password",
        ),
    ],
)
async def test_what_is_presented_stands_in_the_form(target: Target, form: Parameters) -> None:
    """Beside the client's own proof."""
    result, sent = await probed(target, token())

    assert result.outcome == Outcome(token_lifetime=3599.0)
    assert sent[: len(form)] == form
    assert [name for name, _ in sent[len(form) :]] == ["client_id", "client_secret"]


async def test_a_token_is_exchanged_with_all_that_is_stated() -> None:
    """The actor's token, too; a token that is no bearer token is N_A (RFC 8693 section 2.2.1)."""
    target = replace(
        EXCHANGE,
        secrets=(("actor_token", ACTOR), ("subject_token", SUBJECT)),
        arguments=(
            ("actor_token_type", "urn:a"),
            ("audience", "orders"),
            ("requested_token_type", "urn:r"),
            ("resource", "https://orders.example/"),
            ("subject_token_type", ACCESS_TOKEN),
        ),
        credential=None,
    )

    result, sent = await probed(target, exchanged())

    assert result.outcome == Outcome(token_lifetime=60.0)
    assert dict(sent) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": SUBJECT.secret,
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": ACTOR.secret,
        "actor_token_type": "urn:a",
        "requested_token_type": "urn:r",
        "audience": "orders",
        "resource": "https://orders.example/",
        "client_id": "client",
    }


@pytest.mark.parametrize("stated", [None, "", 7])
async def test_an_exchange_that_does_not_say_what_it_issued_fails(stated: object) -> None:
    """It is required (RFC 8693 section 2.2.1)."""
    result, _ = await probed(EXCHANGE, exchanged(issued_token_type=stated))

    assert result.outcome == Outcome.failed(Category.PROTOCOL, Stage.TOKEN, Reason.ISSUED_TYPE_MISSING)


async def test_what_an_exchange_issued_may_be_checked() -> None:
    """As any token; it is good for a minute."""
    target = replace(EXCHANGE, expect=Expectation(token=TokenCheck(signature=False, min_lifetime=61.0)))
    result, _ = await probed(target, exchanged())

    short = Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.LIFETIME_TOO_SHORT)
    assert result.outcome == replace(short, issued=True)


async def test_a_refused_exchange_is_judged_as_any_refusal() -> None:
    """By its error."""
    result, _ = await probed(EXCHANGE, refusal(0, "invalid_target"))

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is Category.CONFIG


def exchange_config(more: str) -> str:
    return f"""
targets:
  - name: x
    provider: oidc
    issuer: https://sso.example.org
    grant: token_exchange
    subject_token_env: SUBJECT
    subject_token_type: {ACCESS_TOKEN}
    {more}
"""


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("", ""),
        ("actor_token_env: ACTOR\n    actor_token_type: urn:a", ""),
        ("actor_token_env: ACTOR", "actor_token and actor_token_type go together"),
        ("actor_token_type: urn:a", "actor_token and actor_token_type go together"),
        ("actor_token_env: ACTOR\n    actor_token_file: a", "needs exactly one of actor_token"),
        ("subject_token_file: a", "needs exactly one of subject_token"),
        ("username: alice", "has no meaning for grant token_exchange"),
        ("password_env: P", "has no meaning for grant token_exchange"),
    ],
)
def test_a_config_states_what_goes_together(more: str, problem: str) -> None:
    """A token with its type, and each secret in one way."""
    found = parse_config(exchange_config(more), Path())

    if problem:
        assert isinstance(found, list)
        (told,) = found
        assert problem in told.message
    else:
        assert isinstance(found, Config), found
        assert [name for name, _ in found.targets[0].secrets] == (["actor_token"] if more else []) + ["subject_token"]
