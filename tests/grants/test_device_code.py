"""A device flow whose user never comes: asking for a code, waiting, and one poll."""

import json
from dataclasses import replace

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.model import (
    Answer,
    ErrorCode,
    Expectation,
    Fault,
    Issuer,
    Outcome,
    ProbeResult,
    Secret,
    Target,
    TokenResponse,
    TransportFailure,
)
from exporter.report import advice, conversation, verdict

ISSUER = "https://sso.example"
CODE = "device-code-zQ4"
DEVICE = make_target(
    provider="oidc", grant="device_code", endpoint=Issuer(ISSUER), scope="read", credential=None, timeout=20.0
)
PENDING = refusal(70016, "authorization_pending")


def document(**content: object) -> TokenResponse:
    said = {name: value for name, value in content.items() if value is not None}
    return TokenResponse(status=200, headers={"content-type": "application/json"}, body=json.dumps(said).encode())


def metadata(**changes: object) -> TokenResponse:
    endpoints = {"token_endpoint": f"{ISSUER}/token", "device_authorization_endpoint": f"{ISSUER}/device"}
    return document(**({"issuer": ISSUER} | endpoints | changes))


def code(**changes: object) -> TokenResponse:
    stated = {
        "device_code": CODE,
        "user_code": "ABCD-1234",
        "verification_uri": "https://sso.example/device",
        "expires_in": 900,
    }
    return document(**(stated | changes))


class SkippingClock(FakeClock):
    """Time that passes at once when somebody waits for it."""

    async def sleep_until(self, when: float) -> None:
        self.now = max(self.now, when)


class Bench:
    """A prober, its clock and what it asks."""

    def __init__(self, *answers: Answer) -> None:
        self.clock = SkippingClock()
        self.send = ScriptedSend(answers, seconds=0.25, clock=self.clock)

    async def probe(self, target: Target = DEVICE, timeout: float | None = None) -> ProbeResult:
        return await make_prober(self.send, self.clock).probe(target, timeout)


@pytest.mark.parametrize("error", ["authorization_pending", "slow_down"])
async def test_a_code_that_waits_for_its_user_is_the_success(error: str) -> None:
    """One code, one poll, and nothing of what passes in between counts as latency."""
    bench = Bench(metadata(), code(), refusal(70016, error))

    result = await bench.probe()

    _, asked, polled = bench.send.requests
    assert (asked.url, asked.form) == (f"{ISSUER}/device", (("scope", "read"), ("client_id", "client")))
    assert (polled.url, dict(polled.form or ())) == (
        f"{ISSUER}/token",
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": Secret(CODE),
            "client_id": "client",
        },
    )
    assert result.outcome.success
    assert verdict(result) == "waits for its user"
    assert result.duration == pytest.approx(0.5)


@pytest.mark.parametrize(("stated", "waited"), [(None, 5.0), (2, 2.0), ("3", 3.0), (0, 5.0), ("soon", 5.0)], ids=str)
async def test_the_poll_waits_as_long_as_the_provider_asks(stated: object, waited: float) -> None:
    """Five seconds where it does not say, or says what makes no sense (RFC 8628 section 3.2)."""
    bench = Bench(metadata(), code(interval=stated), PENDING)
    began = bench.clock.monotonic()

    await bench.probe()

    assert bench.clock.monotonic() - began == pytest.approx(0.75 + waited)


@pytest.mark.parametrize(
    "dead",
    [
        refusal(70020, "expired_token"),
        refusal(70019, "code_expired"),
        TokenResponse(status=400, body=b'{"error": "expired_token"}'),
        TokenResponse(status=400, body=b'{"error": "invalid_grant"}'),
    ],
    ids=["AADSTS70020", "AADSTS70019", "RFC 8628", "unknown already"],
)
async def test_a_code_that_dies_before_its_time_is_the_providers_failure(dead: TokenResponse) -> None:
    """As on 2022-05-03; what is to be done is not to ask for another code."""
    result = await Bench(metadata(), code(), dead).probe()

    failure = result.outcome.failure
    assert failure is not None
    assert (failure.category, failure.fault) == (
        Category.SERVICE_FAULT,
        Fault(Stage.OAUTH, Reason.CODE_EXPIRED_EARLY),
    )
    assert failure.side is Side.PROVIDER
    assert "support ticket" in advice(failure, result.outcome.refusal)[1]


@pytest.mark.parametrize(
    ("changes", "category", "reason"),
    [
        ({"device_code": None}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"device_code": ""}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"user_code": None}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"verification_uri": None}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"verification_uri": "anywhere"}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"expires_in": None}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"expires_in": "soon"}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"expires_in": -1}, Category.PROTOCOL, Reason.DEVICE_ANSWER_INCOMPLETE),
        ({"expires_in": 5}, Category.SERVICE_FAULT, Reason.CODE_EXPIRED_EARLY),
    ],
    ids=str,
)
async def test_a_code_that_is_of_no_use_is_not_polled(
    changes: dict[str, object], category: Category, reason: Reason
) -> None:
    """What a device shows its user must be there (RFC 8628 section 3.2)."""
    bench = Bench(metadata(), code(**changes))

    result = await bench.probe()

    assert result.outcome == Outcome.failed(category, Stage.OAUTH, reason)
    assert len(bench.send.requests) == 2


async def test_the_older_endpoint_of_entra_is_understood() -> None:
    """It says verification_url, and its numbers are text."""
    older = code(verification_uri=None, verification_url="https://aka.ms/devicelogin", expires_in="900", interval="5")

    assert (await Bench(metadata(), older, PENDING).probe()).outcome.success


async def test_a_token_that_nobody_approved_breaks_the_contract() -> None:
    """Nobody ever enters the code."""
    result = await Bench(metadata(), code(), token()).probe()

    assert result.outcome == Outcome.failed(Category.CONTRACT_BROKEN, Stage.OAUTH, Reason.TOKEN_ISSUED)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (refusal(50000, "server_error", 500), Category.SERVICE_FAULT),
        (refusal(700016, "unauthorized_client"), Category.CONFIG),
        (TransportFailure(fault=Fault(Stage.HEADERS, Reason.TIMEOUT)), Category.NETWORK),
        (TokenResponse(status=200, body=b"<html>"), Category.PROTOCOL),
        (document(error="server_error", error_description="AADSTS50000: x"), Category.SERVICE_FAULT),
    ],
)
@pytest.mark.parametrize("polled", [False, True])
async def test_other_failures_are_what_they_are_elsewhere(answer: Answer, category: Category, polled: bool) -> None:
    """Of the request for a code, and of the poll."""
    result = await Bench(metadata(), *([code()] if polled else []), answer).probe()

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is category


async def test_a_provider_without_device_codes_is_told() -> None:
    """By its metadata."""
    result = await Bench(metadata(device_authorization_endpoint=None)).probe()

    assert result.outcome == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)


@pytest.mark.parametrize(("interval", "timeout"), [(30, None), (5, 4.0)])
async def test_a_wait_that_does_not_fit_is_our_own_failure(interval: int, timeout: float | None) -> None:
    """Whoever asks has too little patience, and nobody else is blamed; the poll is not sent too early."""
    bench = Bench(metadata(), code(interval=interval))

    result = await bench.probe(timeout=timeout)

    assert result.outcome == Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.TIMEOUT_TOO_SHORT)
    assert len(bench.send.requests) == 2


async def test_another_refusal_may_be_expected() -> None:
    """Then it alone is the success."""
    target = replace(DEVICE, expect=Expectation(codes=frozenset({ErrorCode("AADSTS700016")})))

    refused = await Bench(metadata(), refusal(700016, "unauthorized_client")).probe(target)
    waiting = await Bench(metadata(), code(), PENDING).probe(target)

    assert refused.outcome.success
    assert not waiting.outcome.success


@pytest.mark.parametrize(
    "answers",
    [
        (code(), PENDING),
        (code(), refusal(70020, "expired_token", body=f'{{"error":"expired_token","x":"{CODE}"}}'.encode())),
        (code(expires_in=None),),
        (code(error="server_error"),),
    ],
)
async def test_the_code_is_in_no_sink(answers: tuple[Answer, ...]) -> None:
    """Neither where it was issued nor where it was polled, nor what a user would type."""
    result = await Bench(metadata(), *answers).probe()

    for shown in (repr(result), result.evidence.body, conversation(result)):
        assert CODE not in shown
        assert "ABCD-1234" not in shown
