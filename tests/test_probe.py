"""One attempt, from target to result, without a network."""

import pytest
from fakes import SECRET, FakeClock, ScriptedSend, make_prober, make_target, refusal, token

from exporter.catalogue import Category, Phase, Reason, Stage
from exporter.grants.metadata import METADATA_LIFETIME
from exporter.model import Exchange, Expectation, Fault, Issuer, Outcome, TokenResponse, TransportFailure, Unreadable

ISSUER = "https://sso.example/realms/main"
METADATA = TokenResponse(
    status=200,
    headers={"content-type": "application/json"},
    body=b'{"issuer": "https://sso.example/realms/main", "token_endpoint": "https://sso.example/token"}',
)


async def test_a_token_is_a_success_with_its_lifetime() -> None:
    """The result says when it began and how long the exchange took."""
    clock = FakeClock()
    began = clock.time()

    result = await make_prober(ScriptedSend([token()], seconds=0.25, clock=clock), clock).probe(make_target())

    assert result.outcome == Outcome(token_lifetime=3599.0)
    assert result.started_at == began
    assert result.duration == pytest.approx(0.25)


async def test_a_refusal_carries_its_evidence() -> None:
    """Ids, status and a body without the secret are kept of a failure."""
    answer = refusal(50000, "server_error", 500)
    leaky = refusal(50000, "server_error", 500, body=answer.body.replace(b"text", SECRET.encode()))

    result = await make_prober(ScriptedSend([leaky]), FakeClock()).probe(make_target())

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is Category.SERVICE_FAULT
    assert result.outcome.refusal is not None
    assert result.outcome.refusal.code == "AADSTS50000"
    assert result.evidence.status == 500
    assert result.evidence.request_id == "request-1"
    assert "<secret>" in result.evidence.body
    assert SECRET not in repr(result) + str(result) + f"{result}" + result.evidence.body


async def test_a_secret_that_cannot_be_read_is_our_own_failure_and_sends_nothing() -> None:
    """The provider is not asked, so it is not blamed."""
    send = ScriptedSend([token()])

    prober = make_prober(send, FakeClock(), read=lambda _: Unreadable("/run/secrets/x is empty"))
    result = await prober.probe(make_target())

    assert result.evidence.body == "/run/secrets/x is empty"
    assert result.outcome == Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.SECRET_UNREADABLE)
    assert send.requests == []


async def test_a_fresh_request_id_is_sent_each_time() -> None:
    """Entra's correlation id of each attempt is ours."""
    send = ScriptedSend([token()])
    prober = make_prober(send, FakeClock())

    await prober.probe(make_target())
    await prober.probe(make_target())

    assert [dict(r.headers)["client-request-id"] for r in send.requests] == ["request-1", "request-2"]


@pytest.mark.parametrize(("asked", "given"), [(None, 10.0), (3.0, 3.0), (60.0, 10.0)])
async def test_a_caller_may_shorten_the_timeout_but_not_lengthen_it(asked: float | None, given: float) -> None:
    """The target's own timeout is the most."""
    send = ScriptedSend([token()])

    await make_prober(send, FakeClock()).probe(make_target(timeout=10.0), asked)

    assert send.timeouts == [given]


async def test_one_deadline_covers_the_whole_conversation() -> None:
    """What discovery took is no longer there for the token request."""
    clock = FakeClock()
    send = ScriptedSend([METADATA, token()], seconds=4.0, clock=clock)

    await make_prober(send, clock).probe(make_target(provider="oidc", endpoint=Issuer(ISSUER), timeout=10.0))

    assert send.timeouts == [10.0, 6.0]


async def test_metadata_is_reused_and_left_out_of_the_duration() -> None:
    """Discovery is asked once in its lifetime, and its latency is not the token endpoint's."""
    clock = FakeClock()
    send = ScriptedSend([METADATA, token(), token(), METADATA, token()], seconds=0.5, clock=clock)
    prober, target = make_prober(send, clock), make_target(provider="oidc", endpoint=Issuer(ISSUER))

    first, second = await prober.probe(target), await prober.probe(target)
    clock.now += METADATA_LIFETIME
    await prober.probe(target)

    assert [r.method for r in send.requests] == ["GET", "POST", "POST", "GET", "POST"]
    assert [first.duration, second.duration] == pytest.approx([0.5, 0.5])


async def test_unusable_metadata_is_never_kept() -> None:
    """A page of a captive portal fails one attempt, not all for five minutes."""
    portal = TokenResponse(status=200, body=b"<html>log in</html>")
    send = ScriptedSend([portal, METADATA, token()])
    prober, target = make_prober(send, FakeClock()), make_target(provider="oidc", endpoint=Issuer(ISSUER))

    first, second = await prober.probe(target), await prober.probe(target)

    assert first.outcome == Outcome.failed(Category.PROTOCOL, Stage.PARSE, Reason.NOT_JSON)
    assert second.outcome.success


async def test_a_transport_failure_keeps_its_stage_and_phases() -> None:
    """How far it got is known of an exchange that brought no answer."""
    exchange = Exchange({Phase.RESOLVE: 0.1, Phase.CONNECT: 0.2}, "192.0.2.1")
    lost = TransportFailure(fault=Fault(Stage.CONNECT, Reason.REFUSED), exchange=exchange)

    result = await make_prober(ScriptedSend([lost]), FakeClock()).probe(make_target())

    assert result.outcome == Outcome.failed(Category.NETWORK, Stage.CONNECT, Reason.REFUSED)
    assert result.exchange is exchange
    assert result.evidence.address == "192.0.2.1"


async def test_a_token_where_a_refusal_was_expected_breaks_the_contract() -> None:
    """A deliberately bad request must not be answered with a token."""
    target = make_target(expect=Expectation(errors=frozenset({"invalid_client"})))

    result = await make_prober(ScriptedSend([token()]), FakeClock()).probe(target)

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is Category.CONTRACT_BROKEN
