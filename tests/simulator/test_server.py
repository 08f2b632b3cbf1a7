"""The simulator as its clients see it, through the exporter's own transport."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import jwt
import pytest
from servers import application

from exporter.catalogue import Reason, Stage
from exporter.clock import SystemClock
from exporter.model import Answer, TokenRequest, TokenResponse, TransportFailure
from exporter.simulator import QUIET, Scenario, Simulator, parse_scenario
from exporter.transport import Transport

FORM = (
    ("grant_type", "client_credentials"),
    ("client_id", "00000000-0000-4000-8000-000000000001"),
    ("client_secret", "simulated-secret"),
    ("scope", "https://graph.microsoft.com/.default"),
)
TOKEN_PATH = "/contoso.onmicrosoft.com/oauth2/v2.0/token"


@asynccontextmanager
async def simulator(answer: str = "") -> AsyncIterator[str]:
    scenario: object = QUIET
    if answer:
        scenario = parse_scenario(
            f"name: x\ntimeline: [{{from: 0s, to: 1h, targets: [contoso-graph], answer: {answer}}}]"
        )
    assert isinstance(scenario, Scenario), scenario
    async with application(Simulator(scenario, SystemClock()).make_app()) as url:
        yield url


async def ask(url: str, timeout: float = 5.0) -> Answer:
    async with Transport(SystemClock()) as transport:
        request = TokenRequest(
            url=url + TOKEN_PATH,
            form=FORM,
            headers=(("client-request-id", "mine"), ("return-client-request-id", "true")),
        )
        return await transport.send(request, timeout)


async def test_its_tokens_verify_against_its_keys() -> None:
    """Metadata leads to the keys, and the keys verify the token."""
    async with simulator() as url, aiohttp.ClientSession() as session:
        metadata = await (
            await session.get(f"{url}/11111111-1111-4111-8111-111111111111/v2.0/.well-known/openid-configuration")
        ).json()
        keys = await (await session.get(metadata["jwks_uri"])).json()
        answer = await ask(url)

    assert isinstance(answer, TokenResponse)
    token = json.loads(answer.body)
    claims = jwt.decode(
        token["access_token"],
        jwt.PyJWKSet.from_dict(keys)["simulator-1"],
        algorithms=["RS256"],
        audience="https://graph.microsoft.com",
        issuer=metadata["issuer"],
    )
    assert claims["exp"] - claims["iat"] == token["expires_in"] == 3599


async def test_every_answer_carries_entras_headers() -> None:
    """Ids, server, no-store, and our own id if we ask for it."""
    async with simulator() as url:
        answer = await ask(url)

    assert isinstance(answer, TokenResponse)
    assert answer.headers["client-request-id"] == "mine"
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert "SIMULATOR" in answer.headers["x-ms-ests-server"]
    assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ("{code: AADSTS50000}", 500, '"server_error"'),
        ("{code: AADSTS90033}", 503, '"temporarily_unavailable"'),
        ("{code: AADSTS90033, status: 200}", 200, "AADSTS90033"),
        ("{code: AADSTS50196, error: slow_down}", 400, '"slow_down"'),
        ("{status: 429, body: Too Many Requests, headers: {Retry-After: '60'}}", 429, "Too Many Requests"),
        ("{latency: 1ms}", 200, "access_token"),
        ("token", 200, "access_token"),
    ],
)
async def test_a_scenario_decides_the_answer(answer: str, status: int, text: str) -> None:
    """With status, error and headers of its own where it states them."""
    async with simulator(answer) as url:
        got = await ask(url)

    assert isinstance(got, TokenResponse)
    assert got.status == status
    assert text in got.body.decode()


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ("{stall: headers}", {(Stage.HEADERS, Reason.TIMEOUT)}),
        ("{stall: body}", {(Stage.BODY, Reason.TIMEOUT)}),
        ("reset", {(Stage.HEADERS, Reason.RESET), (Stage.HEADERS, Reason.CLOSED)}),
        ("truncate", {(Stage.BODY, Reason.TRUNCATED)}),
    ],
)
async def test_a_scenario_breaks_the_wire(answer: str, faults: set[tuple[Stage, Reason]]) -> None:
    """As a real outage does."""
    patience = 0.3 if any(reason is Reason.TIMEOUT for _, reason in faults) else 10.0
    async with simulator(answer) as url:
        got = await ask(url, patience)

    assert isinstance(got, TransportFailure)
    assert (got.fault.stage, got.fault.reason) in faults


@pytest.mark.parametrize(
    ("endpoint", "path"), [("jwks", "discovery/v2.0/keys"), ("discovery", "v2.0/.well-known/openid-configuration")]
)
async def test_a_scenario_may_strike_what_is_read_beside_tokens(endpoint: str, path: str) -> None:
    """Of the tenants that it names; all else goes on."""
    played = parse_scenario(
        "name: x\ntimeline: "
        f"[{{from: 0s, to: 1h, targets: ['*.com'], endpoint: {endpoint}, answer: {{body: struck, status: 503}}}}]"
    )
    assert isinstance(played, Scenario)
    app = Simulator(played, SystemClock()).make_app()
    async with application(app) as url, aiohttp.ClientSession() as session:
        struck = await session.get(f"{url}/contoso.onmicrosoft.com/{path}")
        spared = await session.get(f"{url}/contoso.example/{path}")
        issued = await ask(url)

        assert (struck.status, await struck.text()) == (503, "struck")
        assert spared.status == 200
    assert isinstance(issued, TokenResponse)
    assert issued.status == 200


async def test_an_unknown_tenant_has_no_metadata() -> None:
    """It is refused as Entra refuses it."""
    async with simulator() as url, aiohttp.ClientSession() as session:
        answer = await session.get(f"{url}/fabrikam.example/v2.0/.well-known/openid-configuration")

        assert answer.status == 400
        assert (await answer.json())["error"] == "invalid_tenant"


async def test_asking_with_get_is_refused() -> None:
    """A token endpoint takes POST only."""
    async with simulator() as url, aiohttp.ClientSession() as session:
        answer = await session.get(url + TOKEN_PATH)

        assert (await answer.json())["error_codes"] == [900561]
