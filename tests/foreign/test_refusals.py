"""The six refusals of RFC 6749 section 5.2, as servers that nobody of us wrote give them."""

from dataclasses import dataclass

import pytest
from foreign_parties import POST, REFRESH, Client
from foreign_probe import probe
from foreign_servers import Django, Issuer, OidcProvider

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.model import Failure, Fault

MEANING = {
    "invalid_request": Category.REQUEST_MALFORMED,
    "invalid_client": Category.CREDENTIAL_INVALID,
    "invalid_grant": Category.GRANT_INVALID,
    "unauthorized_client": Category.CONFIG,
    "unsupported_grant_type": Category.REQUEST_MALFORMED,
    "invalid_scope": Category.CONFIG,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that deserves a refusal, and the one that each server gives."""

    client: Client
    form: dict[str, str]
    oidc_provider: str
    django: str
    secret: str = ""

    def target(self, issuer: Issuer) -> dict[str, object]:
        return {
            "issuer": issuer.url,
            "client_id": self.client.client_id,
            "credential": {"client_secret": self.secret or self.client.secret},
            "parameters": self.form,
            # Whatever is expected here does not come, so that it is a failure.
            "expect": {"error": ["never_said"]},
        }


refusals = pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(
            Refusal(REFRESH, {"grant_type": "refresh_token"}, "invalid_request", "invalid_request"),
            id="invalid_request, no refresh token",
        ),
        pytest.param(
            # django-oauth-toolkit takes a request without a grant for one of a grant that it does not know.
            Refusal(POST, {}, "invalid_request", "unsupported_grant_type"),
            id="invalid_request, no grant",
        ),
        pytest.param(
            Refusal(POST, {"grant_type": "client_credentials"}, "invalid_client", "invalid_client", secret="wrong"),
            id="invalid_client, wrong secret",
        ),
        pytest.param(
            Refusal(Client("nobody", "x"), {"grant_type": "client_credentials"}, "invalid_client", "invalid_client"),
            id="invalid_client, unknown",
        ),
        pytest.param(
            Refusal(
                REFRESH, {"grant_type": "refresh_token", "refresh_token": "made up"}, "invalid_grant", "invalid_grant"
            ),
            id="invalid_grant",
        ),
        pytest.param(
            # oidc-provider says invalid_request, and never says unauthorized_client at its token endpoint.
            Refusal(REFRESH, {"grant_type": "client_credentials"}, "invalid_request", "unauthorized_client"),
            id="unauthorized_client",
        ),
        pytest.param(
            Refusal(POST, {"grant_type": "urn:example:none"}, "unsupported_grant_type", "unsupported_grant_type"),
            id="unsupported_grant_type",
        ),
        pytest.param(
            # A scope that oidc-provider knows but this client may not have; it passes over those that it does not know.
            Refusal(
                POST, {"grant_type": "client_credentials", "scope": "offline_access"}, "invalid_scope", "invalid_scope"
            ),
            id="invalid_scope",
        ),
    ],
)


async def assert_refused(issuer: Issuer, refusal: Refusal, error: str) -> None:
    """A server says this, and the exporter reads it as what it is."""
    outcome = (await probe(**refusal.target(issuer))).outcome

    assert outcome.refusal is not None
    assert outcome.refusal.error == error
    assert outcome.failure == Failure(MEANING[error], Fault(Stage.OAUTH, Reason.REFUSED))
    assert outcome.failure.side is Side.CLIENT


@refusals
async def test_oidc_provider_refuses(oidc_provider: OidcProvider, refusal: Refusal) -> None:
    """In the words that are expected of it."""
    await assert_refused(oidc_provider.http, refusal, refusal.oidc_provider)


@refusals
async def test_django_refuses(django: Django, refusal: Refusal) -> None:
    """Likewise."""
    await assert_refused(django.http, refusal, refusal.django)


@refusals
async def test_a_refusal_that_is_expected_is_a_success(django: Django, refusal: Refusal) -> None:
    """For targets whose request is deliberately bad."""
    result = await probe(**refusal.target(django.http) | {"expect": {"error": [refusal.django]}})

    assert result.outcome.success
