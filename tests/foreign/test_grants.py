"""Grants with which users, devices and services ask, at servers that were not written against ours."""

import time
from pathlib import Path

import jwt
import pytest
from foreign_parties import DEVICE, POST, REFRESH, Keys
from foreign_probe import probe
from foreign_servers import Django, Issuer, OidcProvider

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.model import Failure, Fault, Outcome, ProbeResult


@pytest.fixture(params=["oidc-provider", "django"])
def issuer(request: pytest.FixtureRequest) -> Issuer:
    """Both families, one after the other."""
    family = request.getfixturevalue("oidc_provider" if request.param == "oidc-provider" else "django")
    assert isinstance(family, OidcProvider | Django)
    return family.http


async def refresh(issuer: Issuer, seed: Path, state: Path) -> ProbeResult:
    """One attempt by a prober of its own, as after a restart."""
    return await probe(
        issuer=issuer.url,
        grant="refresh_token",
        client_id=REFRESH.client_id,
        credential={"client_secret": REFRESH.secret, "method": "client_secret_post"},
        refresh_token_file=str(seed),
        state_file=str(state),
    )


async def test_each_refresh_token_brings_the_next(issuer: Issuer, tmp_path: Path) -> None:
    """Each works once, and what came in its place outlives every restart."""
    seed, state = tmp_path / "seed", tmp_path / "state"
    seed.write_text(issuer.mint_refresh_token(REFRESH))
    for _ in range(4):
        result = await refresh(issuer, seed, state)
        assert result.outcome.success, result.evidence.body
    assert state.stat().st_mode & 0o777 == 0o600

    seed.write_text(issuer.mint_refresh_token(REFRESH))
    assert (await refresh(issuer, seed, state)).outcome.success


async def test_a_refresh_token_that_has_ended_is_the_clients_matter(issuer: Issuer, tmp_path: Path) -> None:
    """Somebody must sign in again."""
    seed = tmp_path / "seed"
    seed.write_text(issuer.mint_refresh_token(REFRESH, expires_in=0))

    result = await refresh(issuer, seed, tmp_path / "state")

    assert result.outcome.refusal is not None
    assert result.outcome.refusal.error == "invalid_grant"
    assert result.outcome.failure is not None
    assert result.outcome.failure.side is Side.CLIENT


async def device(issuer: Issuer) -> ProbeResult:
    return await probe(
        issuer=issuer.url,
        grant="device_code",
        client_id=DEVICE.client_id,
        scope="openid",
        timeout="20s",
        interval="1m",
    )


async def test_a_device_code_that_waits_for_its_user_is_a_success(oidc_provider: OidcProvider) -> None:
    """`authorization_pending` is all that a device hears without one."""
    assert (await device(oidc_provider.http)).outcome.success


async def test_a_device_code_that_dies_within_seconds_is_the_providers_failure(oidc_provider: OidcProvider) -> None:
    """As in May 2022."""
    with oidc_provider.http.knobs(device_code_lifetime=1):
        outcome = (await device(oidc_provider.http)).outcome

    assert outcome.failure is not None
    assert (outcome.failure.fault.reason, outcome.failure.side) == (Reason.CODE_EXPIRED_EARLY, Side.PROVIDER)


@pytest.mark.parametrize(
    ("grant", "presented"),
    [
        ("jwt_bearer", ("assertion",)),
        ("token_exchange", ("subject_token", "subject_token_type")),
    ],
)
async def test_a_token_of_somebody_else_is_exchanged(
    oidc_provider: OidcProvider, keys: Keys, grant: str, presented: tuple[str, ...]
) -> None:
    """One that the server accepts, and none that somebody made up."""
    issuer, claims = oidc_provider.http, {"sub": "alice", "aud": oidc_provider.http.url, "exp": time.time() + 60}

    async def attempt(key: object) -> Outcome:
        token = jwt.encode(claims, key, "ES256")  # type: ignore[arg-type]
        values = dict(zip(presented, (token, "urn:ietf:params:oauth:token-type:jwt"), strict=False))
        credential = {"client_secret": POST.secret, "method": "client_secret_post"}
        target = {"grant": grant, "client_id": POST.client_id, "credential": credential}
        return (await probe(issuer=issuer.url, **target, **values)).outcome

    assert (await attempt(keys.subject.private)).success
    refused = await attempt(keys.clients["ES256"].private)
    assert refused.refusal is not None
    assert refused.refusal.error == "invalid_grant"
    assert refused.failure == Failure(Category.GRANT_INVALID, Fault(Stage.OAUTH, Reason.REFUSED))
