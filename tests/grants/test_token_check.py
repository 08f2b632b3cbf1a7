"""Tokens that are checked after they were issued: which keys they are held against, and what is told."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target
from signing import Party, jwks, written

from exporter.catalogue import Category, Reason, Stage
from exporter.grants.metadata import METADATA_LIFETIME
from exporter.model import (
    Answer,
    Credential,
    Expectation,
    Fault,
    InlineSecret,
    Issuer,
    Outcome,
    Place,
    ProbeResult,
    Secret,
    Target,
    TokenCheck,
    TokenRequest,
    TokenResponse,
    TransportFailure,
)
from exporter.probe import Prober
from exporter.providers import PROVIDERS

ISSUER = "https://sso.example"
ONE, TWO = Party(), Party(kid="two", number=1)
JSON = {"content-type": "application/json", "cache-control": "no-store"}
INTERVAL = 30.0
MISSING = Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.KEY_MISSING).failure


def answer(values: object) -> TokenResponse:
    return TokenResponse(status=200, headers=JSON, body=json.dumps(values).encode())


METADATA = answer({"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/keys"})


class Provider:
    """A provider whose signer, keys and claims a test may change; it counts what it is asked."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.signer = ONE
        self.keys: Answer = jwks(ONE.jwk())
        self.metadata: Answer = METADATA
        self.claims: dict[str, Any] = {}
        self.stated: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3600}
        self.token = ""
        self.asked: list[str] = []

    async def send(self, request: TokenRequest, _timeout: float) -> Answer:
        path = request.url.removeprefix(ISSUER)
        self.asked.append(path)
        self.clock.now += 0.25
        if path == "/token":
            return answer({**self.stated, "access_token": self.token or self.signed()})
        return self.keys if path == "/keys" else self.metadata

    def signed(self) -> str:
        now = int(self.clock.time())
        claims = {"iss": ISSUER, "aud": "api://orders", "iat": now, "nbf": now, "exp": now + 3600, **self.claims}
        return self.signer.sign(claims)


class Bench:
    """A prober of such a provider, in time that passes only here."""

    def __init__(self, check: TokenCheck, **changes: object) -> None:
        self.clock = FakeClock()
        self.provider = Provider(self.clock)
        self.prober: Prober = make_prober(self.provider.send, self.clock)
        self.target = target(check, **changes)

    async def probe(self, target: Target | None = None) -> ProbeResult:
        """One attempt, and the rest of its interval."""
        begun = self.clock.now
        result = await self.prober.probe(target or self.target)
        await self.clock.advance(begun + INTERVAL - self.clock.now)
        return result


def target(check: TokenCheck, **changes: object) -> Target:
    values: dict[str, object] = {
        "provider": "oidc",
        "endpoint": Issuer(ISSUER),
        "interval": INTERVAL,
        "expect": Expectation(token=check),
    }
    return make_target(**(values | changes))  # type: ignore[arg-type]


async def test_a_token_that_stands_its_checks_is_a_success() -> None:
    """The keys are asked after the token, each time anew, the metadata not; and neither one's time is the token's."""
    bench = Bench(TokenCheck(audience=frozenset({"api://orders"}), min_lifetime=600.0))

    first, second = await bench.probe(), await bench.probe()

    assert first.outcome == second.outcome == Outcome(token_lifetime=3600.0)
    assert bench.provider.asked == ["/.well-known/openid-configuration", "/token", "/keys", "/token", "/keys"]
    assert first.duration == second.duration == pytest.approx(0.25)
    assert first.request is not None
    assert first.request.url == f"{ISSUER}/token"


async def test_keys_that_vanish_are_noticed_by_the_next_attempt() -> None:
    """And their return likewise, though tokens are issued all the time."""
    bench = Bench(TokenCheck())
    verdicts = []
    for keys in (jwks(ONE.jwk()), jwks(), jwks(TWO.jwk()), jwks(ONE.jwk())):
        bench.provider.keys = keys
        verdicts.append((await bench.probe()).outcome.failure)

    assert verdicts == [None, MISSING, MISSING, None]


async def test_a_new_key_is_looked_for_before_the_old_ones_are_believed() -> None:
    """A target with a longer interval keeps older keys: a rollover between two attempts is no failure."""
    bench = Bench(TokenCheck())
    late = target(TokenCheck(), name="other", interval=3600.0)
    await bench.probe(late)
    bench.provider.signer, bench.provider.keys = TWO, jwks(TWO.jwk())
    bench.provider.asked.clear()

    result = await bench.probe(late)

    assert result.outcome.success
    assert bench.provider.asked == ["/token", "/keys"]


async def test_the_same_key_id_with_another_key_is_looked_for_too() -> None:
    """Some roll their keys over and keep the name."""
    bench = Bench(TokenCheck(), interval=3600.0)
    await bench.probe()
    renamed = Party(kid="one", number=1)
    bench.provider.signer, bench.provider.keys = renamed, jwks(renamed.jwk())

    assert (await bench.probe()).outcome.success


async def test_what_just_came_is_not_asked_for_again() -> None:
    """One fetch an attempt, however often the token is not known (CVE-2026-48524 of PyJWT)."""
    bench = Bench(TokenCheck())
    bench.provider.keys = jwks(TWO.jwk())

    first, second = await bench.probe(), await bench.probe()

    assert first.outcome.failure == second.outcome.failure == MISSING
    assert bench.provider.asked.count("/keys") == 2


async def test_targets_of_one_issuer_share_its_keys_but_each_for_its_own_time() -> None:
    """A target that is probed once an hour does not let the others wait for an hour."""
    bench = Bench(TokenCheck())
    await bench.prober.probe(target(TokenCheck(), name="slow", interval=3600.0))
    await bench.prober.probe(bench.target)
    shared = bench.provider.asked.count("/keys")
    await bench.clock.advance(INTERVAL)
    bench.provider.keys = jwks()

    assert shared == 1
    assert (await bench.probe()).outcome.failure == MISSING


async def test_metadata_are_read_anew_now_and_then() -> None:
    bench = Bench(TokenCheck())
    await bench.probe()
    await bench.clock.advance(METADATA_LIFETIME)
    await bench.probe()
    assert bench.provider.asked.count("/.well-known/openid-configuration") == 2


LOST = TransportFailure(fault=Fault(Stage.CONNECT, Reason.REFUSED))


@pytest.mark.parametrize(
    ("keys", "metadata", "outcome", "told"),
    [
        (LOST, METADATA, Outcome.failed(Category.NETWORK, Stage.CONNECT, Reason.REFUSED), "keys"),
        (
            TokenResponse(status=503, body=b"<html>"),
            METADATA,
            Outcome.failed(Category.SERVICE_TRANSIENT, Stage.HTTP, Reason.SERVER_ERROR),
            "keys",
        ),
        (
            TokenResponse(status=200, body=b"<html>"),
            METADATA,
            Outcome.failed(Category.PROTOCOL, Stage.PARSE, Reason.NOT_JSON),
            "keys",
        ),
        (answer({}), METADATA, Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.KEYS_INVALID), "keys"),
        (
            jwks(ONE.jwk()),
            answer({"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"}),
            Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE),
            ".well-known/openid-configuration",
        ),
        (
            jwks(ONE.jwk()),
            answer({"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token", "jwks_uri": "https://evil.example/keys"}),
            Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.FOREIGN_HOST),
            ".well-known/openid-configuration",
        ),
    ],
)
async def test_keys_that_cannot_be_had_fail_as_any_request_does(
    keys: Answer, metadata: Answer, outcome: Outcome, told: str
) -> None:
    """The evidence is of the request that failed; nobody says that the token is bad."""
    bench = Bench(TokenCheck())
    bench.provider.keys, bench.provider.metadata = keys, metadata

    result = await bench.probe()

    assert result.outcome == replace(outcome, issued="/token" in bench.provider.asked)
    assert result.evidence.endpoint == f"{ISSUER}/{told}"


REASONS = [
    ({"iss": "https://evil.example"}, TokenCheck(), Reason.WRONG_ISSUER),
    ({"iss": "https://evil.example"}, TokenCheck(issuer="https://evil.example"), None),
    ({}, TokenCheck(issuer="https://evil.example"), Reason.WRONG_ISSUER),
    ({}, TokenCheck(audience=frozenset({"api://other"})), Reason.WRONG_AUDIENCE),
    ({"exp": 1}, TokenCheck(), Reason.EXPIRED),
    ({"nbf": 2e9}, TokenCheck(), Reason.NOT_YET_VALID),
    ({}, TokenCheck(roles=frozenset({"Orders.Read"})), Reason.ROLE_MISSING),
    ({}, TokenCheck(claims=(("tid", frozenset()),)), Reason.CLAIM_MISSING),
    ({}, TokenCheck(min_lifetime=7200.0), Reason.LIFETIME_TOO_SHORT),
    ({}, TokenCheck(max_lifetime=600.0), Reason.LIFETIME_TOO_LONG),
    ({"exp": 2_000_000_000}, TokenCheck(max_lifetime=7200.0), Reason.LIFETIME_TOO_LONG),
]


@pytest.mark.parametrize(("claims", "check", "reason"), REASONS)
async def test_a_claim_that_is_not_as_asked_is_told(
    claims: dict[str, object], check: TokenCheck, reason: Reason | None
) -> None:
    """With the stage and side of the provider; the evidence is of the token request, and does not hold the token."""
    bench = Bench(check)
    bench.provider.claims = claims

    result = await bench.probe()

    expected = reason and Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, reason).failure
    assert result.outcome.failure == expected
    assert result.evidence.endpoint == f"{ISSUER}/token"
    assert "eyJ" not in repr(result) + result.evidence.body


OPAQUE = [
    (TokenCheck(signature=False), None),
    (TokenCheck(signature=False, min_lifetime=600.0, max_lifetime=3600.0), None),
    (TokenCheck(signature=False, min_lifetime=7200.0), Reason.LIFETIME_TOO_SHORT),
    (TokenCheck(), Reason.NOT_JWT),
    (TokenCheck(signature=False, audience=frozenset({"a"})), Reason.NOT_JWT),
    (TokenCheck(signature=False, roles=frozenset({"a"})), Reason.NOT_JWT),
]


@pytest.mark.parametrize(("check", "reason"), OPAQUE)
async def test_an_opaque_token_will_do_unless_something_is_to_be_read_in_it(
    check: TokenCheck, reason: Reason | None
) -> None:
    """What cannot be a JWT is not worth asking for keys."""
    bench = Bench(check)
    bench.provider.token = "0.AQABAAAAAAD--DLA3VO7QrddgJg7Wevr"

    result = await bench.probe()

    assert result.outcome.failure == (reason and Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, reason).failure)
    assert "/keys" not in bench.provider.asked


async def test_claims_can_be_asked_for_without_a_signature() -> None:
    """As of Microsoft Graph's tokens, which nobody else can check."""
    bench = Bench(TokenCheck(signature=False, audience=frozenset({"api://orders"})))
    bench.provider.token = written({"alg": "RS256", "nonce": "x"}, {"aud": "api://orders", "exp": 2e9})

    assert (await bench.probe()).outcome.success
    assert "/keys" not in bench.provider.asked


async def test_no_lifetime_is_no_lifetime() -> None:
    """Bounds of an opaque token cannot be kept where nothing states it."""
    bench = Bench(TokenCheck(signature=False, min_lifetime=600.0))
    bench.provider.token, bench.provider.stated = "opaque", {"token_type": "Bearer"}

    untold = Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.CLAIM_MISSING)
    assert (await bench.probe()).outcome == replace(untold, issued=True)


async def test_a_refusal_is_not_checked_any_further() -> None:
    refused = TokenResponse(status=401, headers=JSON, body=b'{"error": "invalid_client"}')
    send = ScriptedSend([METADATA, refused])

    result = await make_prober(send, FakeClock()).probe(target(TokenCheck()))

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is Category.CREDENTIAL_INVALID
    assert len(send.requests) == 2


async def test_entras_tokens_may_be_of_either_version() -> None:
    """Which of them is up to the resource, whatever endpoint issued it; the metadata know the tenant's id."""
    host, tenant_id = "https://login.microsoftonline.com", "0f5c9e8a-4d41-4a6b-9a5e-6d1c2b3a4f00"
    clock = FakeClock()
    told = answer({"issuer": f"{host}/{tenant_id}/v2.0", "token_endpoint": f"{host}/token", "jwks_uri": f"{host}/keys"})
    verdicts = []
    for issuer in (f"{host}/{tenant_id}/v2.0", f"https://sts.windows.net/{tenant_id}/", f"{host}/common/v2.0"):
        token = ONE.sign({"iss": issuer, "exp": clock.time() + 3600})
        issued = answer({"token_type": "Bearer", "expires_in": 3600, "access_token": token})
        prober = make_prober(ScriptedSend([issued, told, jwks(ONE.jwk())]), clock)
        asked = target(
            TokenCheck(),
            provider="entra",
            endpoint=PROVIDERS["entra"].endpoint(Place(tenant="contoso.onmicrosoft.com")),
            credential=Credential("client_secret_post", InlineSecret(Secret("s3cret"))),
        )
        failure = (await prober.probe(asked)).outcome.failure
        verdicts.append(failure and failure.fault.reason)

    assert verdicts == [None, None, Reason.WRONG_ISSUER]
