"""Where each provider is found, and how it is asked."""

import pytest

from exporter.catalogue import SERVICE_CATEGORIES, Category, codes
from exporter.credentials import METHODS
from exporter.explain import PREFIXES
from exporter.model import Issuer, Place, TokenEndpoint
from exporter.providers import PROVIDERS

NAMES = ("entra", "entra_external_id", "entra_b2c", "adfs", "oidc")
TENANT = "contoso.onmicrosoft.com"


def test_the_providers_are_known_by_their_names() -> None:
    assert {name: provider.name for name, provider in PROVIDERS.items()} == {name: name for name in NAMES}
    assert set(PREFIXES) == set(NAMES)


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
    found = PROVIDERS["entra"].endpoint(place)
    assert (found.url, found.metadata_url) == (url, metadata_url)


@pytest.mark.parametrize(
    ("place", "url", "metadata_url"),
    [
        (
            Place(tenant="t", version="v1"),
            "https://login.microsoftonline.com/t/oauth2/token",
            "https://login.microsoftonline.com/t/.well-known/openid-configuration",
        ),
        (
            Place(tenant="t", region="westeurope"),
            "https://westeurope.login.microsoft.com/t/oauth2/v2.0/token",
            "https://login.microsoftonline.com/t/v2.0/.well-known/openid-configuration",
        ),
        (
            Place(tenant="t", cloud="usgov", region="usgovvirginia"),
            "https://usgovvirginia.login.microsoftonline.us/t/oauth2/v2.0/token",
            "https://login.microsoftonline.us/t/v2.0/.well-known/openid-configuration",
        ),
    ],
)
def test_entra_has_an_older_version_and_regions(place: Place, url: str, metadata_url: str) -> None:
    """Regions issue tokens; their metadata are the cloud's."""
    found = PROVIDERS["entra"].endpoint(place)
    assert (found.url, found.metadata_url) == (url, metadata_url)


@pytest.mark.parametrize(
    ("provider", "place", "url", "metadata_url"),
    [
        (
            "entra_external_id",
            Place(authority_host="https://contoso.ciamlogin.com/", tenant=TENANT),
            f"https://contoso.ciamlogin.com/{TENANT}/oauth2/v2.0/token",
            f"https://contoso.ciamlogin.com/{TENANT}/v2.0/.well-known/openid-configuration",
        ),
        (
            "entra_b2c",
            Place(authority_host="https://login.contoso.example", tenant=TENANT, policy="B2C_1A_Probe"),
            f"https://login.contoso.example/{TENANT}/B2C_1A_Probe/oauth2/v2.0/token",
            f"https://login.contoso.example/{TENANT}/B2C_1A_Probe/v2.0/.well-known/openid-configuration",
        ),
        (
            "adfs",
            Place(authority_host="https://adfs.contoso.example"),
            "https://adfs.contoso.example/adfs/oauth2/token",
            "https://adfs.contoso.example/adfs/.well-known/openid-configuration",
        ),
    ],
)
def test_others_of_microsoft_are_found_at_hosts_of_their_own(
    provider: str, place: Place, url: str, metadata_url: str
) -> None:
    found = PROVIDERS[provider].endpoint(place)
    assert (found.url, found.metadata_url, found.allow_http) == (url, metadata_url, False)


def test_every_cloud_of_entra_has_a_host_of_its_own() -> None:
    entra = PROVIDERS["entra"]
    assert len({entra.endpoint(Place(tenant="t", cloud=cloud)).url for cloud in entra.clouds}) == len(entra.clouds) == 6


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


@pytest.mark.parametrize(
    ("provider", "some"),
    [
        ("entra", {"AADSTS50000", "AADSTS90033"}),
        ("entra_external_id", {"AADSTS50000", "AADSTS90033"}),
        ("entra_b2c", {"AADB2C90035", "AADB2C90037", "AADB2C90048", "AADB2C90085"}),
        ("adfs", {"MSIS9604"}),
    ],
)
def test_each_watches_its_service_codes_and_no_others(provider: str, some: set[str]) -> None:
    watched = PROVIDERS[provider].watched
    assert len(watched) == len(set(watched))
    assert set(watched) == {
        code
        for code, entry in codes().items()
        if code.startswith(PREFIXES[provider])
        and entry.category in {Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT}
    }
    assert some <= set(watched)
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
