"""Passwords: a wrong one leaves three times at the most, whoever asks and however often the exporter is restarted."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token
from processes import run
from refusing import PASSWORD, WRONG, refusing_endpoint, write_config

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.config import parse_config
from exporter.grants.password import MAX_REFUSALS, begin
from exporter.model import (
    Answer,
    Attempt,
    Config,
    ErrorCode,
    Expectation,
    Fault,
    InlineSecret,
    Issuer,
    Outcome,
    Secret,
    State,
    Target,
    TokenCheck,
    TokenResponse,
    TransportFailure,
)
from exporter.probe import Prober
from exporter.report import conversation

LOCKED = refusal(50053, "invalid_grant")
STOPPED = Outcome.failed(Category.USER_ACCOUNT, Stage.LOCAL, Reason.LOCKOUT_RISK)


def user(password: str = PASSWORD, state: Path | None = None, **changes: object) -> Target:
    values: dict[str, object] = {
        "grant": "password",
        "secrets": (("password", InlineSecret(Secret(password))),),
        "arguments": (("username", "alice@contoso.example"),),
        "state_file": state,
    }
    return make_target("user", **(values | changes))


async def probed(prober: Prober, target: Target, times: int) -> list[Outcome]:
    return [(await prober.probe(target)).outcome for _ in range(times)]


async def test_a_wrong_password_leaves_three_times() -> None:
    """After that nothing is sent, the user's side is named, and what to do."""
    send = ScriptedSend([WRONG])
    prober = make_prober(send, FakeClock())

    outcomes = await probed(prober, user(), 10)
    told = await prober.probe(user())

    assert len(send.requests) == MAX_REFUSALS == 3
    assert all(outcome.failure and outcome.failure.fault.reason is Reason.REFUSED for outcome in outcomes[:3])
    assert outcomes[3:] == [STOPPED] * 7
    assert STOPPED.failure is not None
    assert STOPPED.failure.side is Side.TENANT
    assert "restart the exporter" in told.evidence.body
    assert told.request is None
    assert PASSWORD not in repr(told) + told.evidence.body + conversation(told)


async def test_a_state_file_outlives_restarts(tmp_path: Path) -> None:
    """And tells itself as what to delete."""
    send = ScriptedSend([WRONG])

    results = [await make_prober(send, FakeClock()).probe(user(state=tmp_path / "state")) for _ in range(5)]

    assert len(send.requests) == 3
    assert f"delete {tmp_path / 'state'}" in results[-1].evidence.body
    assert PASSWORD not in (tmp_path / "state").read_text()


async def test_a_locked_account_is_left_alone_at_once() -> None:
    """AADSTS50053."""
    send = ScriptedSend([LOCKED])

    assert (await probed(make_prober(send, FakeClock()), user(), 3))[1:] == [STOPPED] * 2
    assert len(send.requests) == 1


async def test_a_new_password_starts_afresh() -> None:
    """As does another user."""
    send = ScriptedSend([WRONG])
    prober = make_prober(send, FakeClock())

    await probed(prober, user(), 5)
    await probed(prober, user("another"), 5)
    await probed(prober, user("another", arguments=(("username", "bob"),)), 5)

    assert len(send.requests) == 9


async def test_a_success_forgives_what_was_before() -> None:
    """Two wrong answers, a right one, and all begins anew."""
    send = ScriptedSend([WRONG, WRONG, token(), WRONG])

    await probed(make_prober(send, FakeClock()), user(), 10)

    assert len(send.requests) == 6


OTHERS = [
    pytest.param(refusal(50000, "server_error", 500), id="server error"),
    pytest.param(refusal(90033, "temporarily_unavailable", 503), id="unavailable"),
    pytest.param(TokenResponse(status=502, body=b"<html>"), id="gateway"),
    pytest.param(TokenResponse(status=429), id="throttled"),
    pytest.param(refusal(7000215, "invalid_client", 401), id="wrong client secret"),
    pytest.param(refusal(700016, "unauthorized_client"), id="unknown client"),
    pytest.param(refusal(50076, "invalid_grant"), id="second factor"),
    pytest.param(refusal(53003, "invalid_grant"), id="policy"),
    pytest.param(TransportFailure(fault=Fault(Stage.DNS, Reason.NXDOMAIN)), id="no name"),
    pytest.param(TransportFailure(fault=Fault(Stage.CONNECT, Reason.TIMEOUT)), id="no connection"),
    pytest.param(TransportFailure(fault=Fault(Stage.TLS, Reason.UNTRUSTED)), id="no trust"),
]
UNCLEAR = [
    pytest.param(TransportFailure(fault=Fault(Stage.HEADERS, Reason.TIMEOUT)), id="no answer"),
    pytest.param(TransportFailure(fault=Fault(Stage.BODY, Reason.TRUNCATED)), id="half an answer"),
    pytest.param(TransportFailure(fault=Fault(Stage.SEND, Reason.TIMEOUT)), id="half a request"),
    pytest.param(TokenResponse(status=403, body=b"<html>"), id="a page"),
    pytest.param(TokenResponse(status=302), id="redirect"),
    pytest.param(TokenResponse(status=200, body=b"<html>"), id="not JSON"),
]
REFUSED = [
    pytest.param(WRONG, id="AADSTS50126"),
    pytest.param(TokenResponse(status=400, body=b'{"error": "invalid_grant"}'), id="RFC 6749"),
    pytest.param(TokenResponse(status=400, body=b'{"error": "invalid_request"}'), id="a server of its own mind"),
    pytest.param(TokenResponse(status=401, body=b'{"error": "wrong_password"}'), id="an error of its own"),
    pytest.param(refusal(50034, "invalid_grant"), id="no such user"),
    pytest.param(refusal(50126, "server_error", 500), id="AADSTS50126 in a 500"),
    pytest.param(refusal(50126, "invalid_grant", 429), id="AADSTS50126 in a 429"),
]


@pytest.mark.parametrize("answer", OTHERS)
async def test_what_does_not_speak_of_the_password_does_not_count(answer: Answer) -> None:
    """A provider's outage does not end the probing."""
    send = ScriptedSend([answer])

    await probed(make_prober(send, FakeClock()), user(), 10)

    assert len(send.requests) == 10


@pytest.mark.parametrize("answer", [*UNCLEAR, *REFUSED])
async def test_what_may_have_been_a_refusal_counts(answer: Answer) -> None:
    """Of a password that nobody ever accepted."""
    send = ScriptedSend([answer])

    await probed(make_prober(send, FakeClock()), user(), 10)

    assert len(send.requests) == 3


@pytest.mark.parametrize("answer", UNCLEAR)
async def test_a_password_that_was_accepted_before_is_believed(answer: Answer, tmp_path: Path) -> None:
    """An outage that swallows answers does not end the probing; a restart changes nothing."""
    send = ScriptedSend([token(), answer])

    for _ in range(5):
        await probed(make_prober(send, FakeClock()), user(state=tmp_path / "state"), 2)

    assert len(send.requests) == 10


async def test_a_token_that_does_not_stand_its_checks_speaks_for_the_password_all_the_same() -> None:
    """It was accepted, or there would be no token."""
    send = ScriptedSend([token()])
    target = user(expect=Expectation(token=TokenCheck(signature=False, min_lifetime=7200.0)))

    outcomes = await probed(make_prober(send, FakeClock()), target, 10)

    assert not any(outcome.success for outcome in outcomes)
    assert len(send.requests) == 10


@pytest.mark.parametrize("answer", REFUSED)
async def test_until_it_is_refused(answer: Answer) -> None:
    """Then it is a wrong one, and what is unclear counts as well."""
    send = ScriptedSend([token(), answer, TransportFailure(fault=Fault(Stage.HEADERS, Reason.TIMEOUT))])

    await probed(make_prober(send, FakeClock()), user(), 10)

    assert len(send.requests) == 1 + 3


async def test_a_refusal_that_is_expected_counts_all_the_same() -> None:
    """Whoever probes with a wrong password on purpose would lock the account, too."""
    send = ScriptedSend([WRONG])
    target = user(expect=Expectation(codes=frozenset({ErrorCode("AADSTS50126")})))

    outcomes = await probed(make_prober(send, FakeClock()), target, 5)

    assert [outcome.success for outcome in outcomes] == [True] * 3 + [False] * 2
    assert len(send.requests) == 3


async def test_an_expected_second_factor_does_not_count() -> None:
    """The password was right."""
    send = ScriptedSend([refusal(50076, "interaction_required")])
    target = user(expect=Expectation(codes=frozenset({ErrorCode("AADSTS50076")})))

    assert all(outcome.success for outcome in await probed(make_prober(send, FakeClock()), target, 5))


def test_it_is_counted_before_anything_is_sent() -> None:
    """A crash in between errs on the account's side."""
    attempt = Attempt(
        target=user(), request_id="r", now=0.0, new_id=lambda: "salt", secrets={"password": Secret(PASSWORD)}
    )

    begun = begin(attempt, State())

    assert isinstance(begun, tuple)
    assert begun[1].refusals == 1


async def test_what_decides_before_the_password_is_sent_does_not_count() -> None:
    """Metadata that do not come, however they fail."""
    send = ScriptedSend([TransportFailure(fault=Fault(Stage.HEADERS, Reason.TIMEOUT))])
    target = user(provider="oidc", endpoint=Issuer("https://sso.example"))

    outcomes = await probed(make_prober(send, FakeClock()), target, 5)

    assert [request.method for request in send.requests] == ["GET"] * 5
    assert STOPPED not in outcomes


async def test_a_new_name_is_no_new_account() -> None:
    """As a reload of the config may bring it."""
    send = ScriptedSend([WRONG])
    prober = make_prober(send, FakeClock())

    for name in ("a", "b", "c"):
        await probed(prober, replace(user(), name=name), 2)

    assert len(send.requests) == 3


async def test_attempts_at_the_same_time_are_counted_one_by_one() -> None:
    """Also without a file."""
    send = ScriptedSend([WRONG])
    prober = make_prober(send, FakeClock())

    await asyncio.gather(*(prober.probe(user()) for _ in range(10)))

    assert len(send.requests) == 3


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("interval: 1m", "interval: 59s", "must be at least 1m for grant password"),
        ("interval: 1m", "scope: x", "must be at least 1m for grant password"),
        ("state_file: state", "confirmations: 5", "makes no attempts beside its schedule"),
        ("username: alice@contoso.example", "ca_file: x", "is required for grant password"),
        (f"password: {PASSWORD}", "ca_file: x", "needs exactly one of password, password_file, password_env"),
    ],
)
def test_a_config_is_told_what_would_lock_accounts(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """One complaint."""
    text = write_config(tmp_path, 1, "state_file: state").read_text()
    assert old in text

    found = parse_config(text.replace(old, new), tmp_path)

    assert isinstance(found, list)
    (told,) = found
    assert problem in told.message
    assert PASSWORD not in str(told)


def test_two_targets_have_two_users(tmp_path: Path) -> None:
    """Their wrong passwords would add up to twice as many."""
    text = write_config(tmp_path, 1, "state_file: state").read_text()
    twin = text.partition("targets:")[2].replace("name: user", "name: twin").replace("state_file: state", "")

    found = parse_config(text + twin.replace("alice@", "Alice@"), tmp_path)
    elsewhere = parse_config(text + twin.replace("tenant: contoso", "tenant: fabrikam"), tmp_path)

    assert isinstance(found, list)
    assert [told.message for told in found] == [
        "another target above signs this user in; their wrong passwords would add up"
    ]
    assert isinstance(elsewhere, Config)


def test_whoever_uses_it_is_warned(tmp_path: Path) -> None:
    """By check, which finds nothing wrong with it, and at the start."""
    warning = "target user: grant password sends a user's password"
    with refusing_endpoint() as endpoint:
        told = f"--config.file={write_config(tmp_path, endpoint.server_port)}"
        checked = run("check", told)
        # The port is taken, so it ends before it probes.
        started = run("serve", told, f"--web.listen-address=127.0.0.1:{endpoint.server_port}")

    assert checked.returncode == 0
    assert f"warning: {warning}" in checked.stdout
    assert warning in started.stderr
    assert PASSWORD not in checked.stdout + started.stderr
