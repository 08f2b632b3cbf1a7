"""What everybody may read of a provider, probed for its own sake."""

import json

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target
from signing import Party, jwks

from exporter.catalogue import Category, Reason, Stage
from exporter.model import Answer, Fault, Issuer, Outcome, Target, TokenRequest, TokenResponse, TransportFailure

URL = "https://sso.example"
WELL_KNOWN = f"{URL}/.well-known/openid-configuration"


def metadata(**changes: object) -> TokenResponse:
    document = {"issuer": URL, "token_endpoint": f"{URL}/token", "jwks_uri": f"{URL}/keys", **changes}
    return TokenResponse(status=200, body=json.dumps(document).encode())


def target(grant: str) -> Target:
    return make_target(
        provider="oidc", endpoint=Issuer(URL), grant=grant, credential=None, client_id="", scope="", interval=30.0
    )


def get(url: str, reusable_for: float = 0.0) -> TokenRequest:
    return TokenRequest(url=url, headers=(("x-request-id", "request-1"),), reusable_for=reusable_for)


async def test_discovery_reads_the_metadata_each_time() -> None:
    """Their time is what is measured; no secret is sent."""
    clock = FakeClock()
    send = ScriptedSend([metadata()], seconds=0.25, clock=clock)
    prober = make_prober(send, clock)

    first, second = await prober.probe(target("discovery")), await prober.probe(target("discovery"))

    assert first.outcome == second.outcome == Outcome()
    assert [first.duration, second.duration] == pytest.approx([0.25, 0.25])
    assert [request.url for request in send.requests] == [WELL_KNOWN] * 2
    assert send.requests[0] == get(WELL_KNOWN)


LOST = TransportFailure(fault=Fault(Stage.TLS, Reason.UNTRUSTED))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (metadata(jwks_uri=None), Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)),
        (metadata(token_endpoint=None), Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)),
        (metadata(issuer="https://x.example"), Outcome.failed(Category.CONFIG, Stage.OAUTH, Reason.ISSUER_MISMATCH)),
        (
            metadata(authorization_endpoint="https://x.example/login"),
            Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.FOREIGN_HOST),
        ),
        (LOST, Outcome.failed(Category.NETWORK, Stage.TLS, Reason.UNTRUSTED)),
    ],
)
async def test_metadata_that_no_client_could_use_fail(answer: Answer, outcome: Outcome) -> None:
    result = await make_prober(ScriptedSend([answer]), FakeClock()).probe(target("discovery"))
    assert result.outcome == outcome
    assert result.evidence.endpoint == WELL_KNOWN


async def test_keys_are_read_each_time_and_metadata_now_and_then() -> None:
    """Only the keys' time is measured."""
    clock = FakeClock()
    keys = jwks(Party().jwk(), Party("ES256", kid="two").jwk())
    send = ScriptedSend([metadata(), keys], seconds=0.25, clock=clock)
    prober = make_prober(send, clock)

    results = [await prober.probe(target("jwks")) for _ in range(2)]

    assert [result.outcome for result in results] == [Outcome(signing_keys=frozenset({"one", "two"}))] * 2
    assert [result.duration for result in results] == pytest.approx([0.25, 0.25])
    assert [request.url for request in send.requests] == [WELL_KNOWN, f"{URL}/keys", f"{URL}/keys"]
    assert results[0].evidence.endpoint == f"{URL}/keys"


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ([metadata(jwks_uri=None)], Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)),
        ([LOST], Outcome.failed(Category.NETWORK, Stage.TLS, Reason.UNTRUSTED)),
        ([metadata(), LOST], Outcome.failed(Category.NETWORK, Stage.TLS, Reason.UNTRUSTED)),
        ([metadata(), jwks({})], Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.NO_KEYS)),
        ([metadata(), jwks("x")], Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.KEYS_INVALID)),
    ],
)
async def test_keys_that_nobody_could_use_fail(answers: list[Answer], outcome: Outcome) -> None:
    result = await make_prober(ScriptedSend(answers), FakeClock()).probe(target("jwks"))
    assert result.outcome.failure == outcome.failure
