"""Tokens and keys of a server that the checks were not written against."""

import asyncio

import pytest
from foreign_parties import POST, REFRESH, Keys
from foreign_probe import probe
from foreign_servers import Django, Issuer, OidcProvider

from exporter.catalogue import Category, Reason, Stage
from exporter.model import Outcome, ProbeResult

LIFETIME = 3600.0
BY_ALGORITHM = pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])


async def check(issuer: Issuer, resource: str, token: object, **target: object) -> ProbeResult:
    """One attempt at a token for this resource, which is checked."""
    return await probe(
        issuer=issuer.url,
        grant="client_credentials",
        client_id=POST.client_id,
        credential={"method": "client_secret_post", "client_secret": POST.secret},
        parameters={"resource": resource},
        expect={"token": token},
        **target,
    )


def invalid(reason: Reason) -> object:
    return Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, reason).failure


@BY_ALGORITHM
async def test_a_token_is_known_by_the_servers_keys(oidc_provider: OidcProvider, algorithm: str) -> None:
    """With its audience, its issuer, its scope and its lifetime."""
    resource = f"urn:example:{algorithm.lower()}"
    asked = {
        "audience": [resource],
        "claims": {"client_id": [POST.client_id], "jti": []},
        "min_lifetime": "59m",
        "max_lifetime": "1h",
    }

    result = await check(oidc_provider.http, resource, asked)

    assert result.outcome == Outcome(token_lifetime=LIFETIME)
    assert result.evidence.endpoint == oidc_provider.http.metadata()["token_endpoint"]


@BY_ALGORITHM
async def test_a_key_that_is_lost_is_noticed(oidc_provider: OidcProvider, keys: Keys, algorithm: str) -> None:
    """Tokens are still signed with it; those of other keys stand."""
    issuer = oidc_provider.http
    with issuer.knobs(hidden_keys=[keys.server[algorithm].kid]):
        lost, others = await asyncio.gather(
            check(issuer, f"urn:example:{algorithm.lower()}", {}),
            check(issuer, "urn:example:es256" if algorithm != "ES256" else "urn:example:rs256", {}),
        )
    found = await check(issuer, f"urn:example:{algorithm.lower()}", {})

    assert lost.outcome.failure == invalid(Reason.KEY_MISSING)
    assert others.outcome.success
    assert found.outcome.success


@pytest.mark.parametrize(
    ("resource", "asked", "reason"),
    [
        ("rs256", {"audience": ["urn:example:other"]}, Reason.WRONG_AUDIENCE),
        ("misdirected", {"audience": ["urn:example:misdirected"]}, Reason.WRONG_AUDIENCE),
        ("misdirected", {"audience": ["urn:example:somebody-else"]}, None),
        ("rs256", {"issuer": "https://sso.example"}, Reason.WRONG_ISSUER),
        ("rs256", {"claims": {"client_id": ["somebody"]}}, Reason.CLAIM_MISSING),
        ("rs256", {"roles": ["Orders.Read"]}, Reason.ROLE_MISSING),
        ("rs256", {"min_lifetime": "2h"}, Reason.LIFETIME_TOO_SHORT),
        ("rs256", {"max_lifetime": "30m"}, Reason.LIFETIME_TOO_LONG),
        ("opaque", {}, Reason.NOT_JWT),
        ("opaque", {"signature": False, "min_lifetime": "59m"}, None),
    ],
)
async def test_a_token_that_is_not_as_asked_is_told(
    oidc_provider: OidcProvider, resource: str, asked: object, reason: Reason | None
) -> None:
    """Good as it may be for somebody else."""
    result = await check(oidc_provider.http, f"urn:example:{resource}", asked)

    assert result.outcome.failure == (reason and invalid(reason))
    assert "eyJ" not in repr(result) + result.evidence.body


async def test_tokens_are_checked_over_tls(oidc_provider: OidcProvider) -> None:
    """The keys come from where the same authority vouches for them."""
    issuer = oidc_provider.https
    result = await check(issuer, "urn:example:rs256", {}, ca_file=str(issuer.ca_file), allow_http=False)
    assert result.outcome == Outcome(token_lifetime=LIFETIME)


async def test_metadata_and_keys_are_probed(oidc_provider: OidcProvider, django: Django, keys: Keys) -> None:
    """Of both families."""
    known = frozenset(key.kid for key in keys.server.values())
    of_theirs = await probe(issuer=oidc_provider.http.url, grant="jwks")
    of_django = await probe(issuer=django.http.url, grant="jwks")

    assert of_theirs.outcome == Outcome(signing_keys=known)
    assert len(of_django.outcome.signing_keys or ()) == 1
    for issuer in (oidc_provider.http, django.http):
        result = await probe(issuer=issuer.url, grant="discovery")
        assert result.outcome == Outcome()
        assert result.evidence.endpoint == f"{issuer.url}/.well-known/openid-configuration"


async def test_keys_that_are_all_lost_fail(oidc_provider: OidcProvider, keys: Keys) -> None:
    with oidc_provider.http.knobs(hidden_keys=[key.kid for key in keys.server.values()]):
        result = await probe(issuer=oidc_provider.http.url, grant="jwks")

    assert result.outcome.failure == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.NO_KEYS).failure


async def test_a_refused_client_is_told_before_any_check(oidc_provider: OidcProvider) -> None:
    """There is no token to look at."""
    result = await probe(
        issuer=oidc_provider.http.url,
        grant="client_credentials",
        client_id=REFRESH.client_id,
        credential={"method": "client_secret_post", "client_secret": "wrong"},
        expect={"token": {}},
    )

    assert result.outcome.failure is not None
    assert result.outcome.failure.category is Category.CREDENTIAL_INVALID
