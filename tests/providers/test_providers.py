"""Where each provider is found, and how it is asked."""

import pytest

from exporter.catalogue import SERVICE_CATEGORIES, Category, codes
from exporter.credentials import METHODS
from exporter.model import Issuer, Place, TokenEndpoint
from exporter.providers import PROVIDERS

TENANT = "contoso.onmicrosoft.com"


def test_the_providers_are_known_by_their_names() -> None:
    assert {name: provider.name for name, provider in PROVIDERS.items()} == {"entra": "entra", "oidc": "oidc"}


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (Place(tenant=TENANT), f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        (Place(tenant="common", cloud="public"), "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        (Place(tenant=TENANT, cloud="usgov"), f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"),
        (Place(tenant=TENANT, cloud="china"), f"https://login.partner.microsoftonline.cn/{TENANT}/oauth2/v2.0/token"),
        (Place(tenant="t", authority_host="http://127.0.0.1:8080/"), "http://127.0.0.1:8080/t/oauth2/v2.0/token"),
        (Place(tenant="t", cloud="usgov", authority_host="https://h"), "https://h/t/oauth2/v2.0/token"),
    ],
)
def test_entra_is_found_by_cloud_and_tenant_or_at_another_host(place: Place, url: str) -> None:
    metadata_url = url.replace("/oauth2/v2.0/token", "/v2.0/.well-known/openid-configuration")
    assert PROVIDERS["entra"].endpoint(place) == TokenEndpoint(url, metadata_url)


def test_every_cloud_of_entra_has_a_host_of_its_own() -> None:
    entra = PROVIDERS["entra"]
    assert len({entra.endpoint(Place(tenant="t", cloud=cloud)) for cloud in entra.clouds}) == len(entra.clouds) == 3


@pytest.mark.parametrize(
    ("place", "endpoint"),
    [
        (Place(issuer="https://sso.example/"), Issuer("https://sso.example/")),
        (Place(issuer="http://sso.example", allow_http=True), Issuer("http://sso.example", allow_http=True)),
        (Place(token_endpoint="https://sso.example/token"), TokenEndpoint("https://sso.example/token")),
    ],
)
def test_oidc_is_found_by_issuer_or_token_endpoint(place: Place, endpoint: Issuer | TokenEndpoint) -> None:
    assert PROVIDERS["oidc"].endpoint(place) == endpoint


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        (
            "entra",
            {
                "client-request-id": "id-1",
                "return-client-request-id": "true",
                "x-ms-lib-capability": "retry-after, h429",
            },
        ),
        ("oidc", {"x-request-id": "id-1"}),
    ],
)
def test_each_is_told_the_request_id_in_its_own_words(provider: str, headers: dict[str, str]) -> None:
    sent = PROVIDERS[provider].request_headers("id-1")
    assert dict(sent) == headers
    assert len(sent) == len(headers)


def test_entra_watches_its_service_codes_and_no_others() -> None:
    watched = PROVIDERS["entra"].watched
    assert len(watched) == len(set(watched))
    assert set(watched) == {
        code
        for code, entry in codes().items()
        if code.startswith("AADSTS") and entry.category in {Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT}
    }
    assert {"AADSTS50000", "AADSTS90033"} <= set(watched)
    assert set(SERVICE_CATEGORIES) == {Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT}


def test_oidc_has_no_codes_to_watch() -> None:
    assert PROVIDERS["oidc"].watched == ()


@pytest.mark.parametrize(("provider", "method"), [("entra", "client_secret_post"), ("oidc", "client_secret_basic")])
def test_each_has_the_method_that_its_clients_use_unasked(provider: str, method: str) -> None:
    assert PROVIDERS[provider].auth_method == method
    assert method in METHODS


def test_a_key_is_required_or_one_of_several_or_merely_allowed() -> None:
    for provider in PROVIDERS.values():
        assert not provider.requires & provider.one_of
        assert not provider.allows & (provider.requires | provider.one_of)
        assert len(provider.one_of) != 1
