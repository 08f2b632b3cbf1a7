"""What a provider's metadata say, and which are not believed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret import Metadata, judge_metadata
from exporter.model import Fault, Issuer, Outcome, Place, TokenEndpoint, TokenResponse, TransportFailure
from exporter.providers import PROVIDERS

URL = "https://sso.example/realms/main"
ISSUER = Issuer(URL)
TENANT_ID = "0f5c9e8a-4d41-4a6b-9a5e-6d1c2b3a4f00"
OTHER_ID = "c2a1b0d9-8e7f-4c6d-b5a4-938271605f4e"
PERSONAL_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"
PAGE = b"<!DOCTYPE html><title>We are sorry</title>"
MISMATCH = Reason.ISSUER_MISMATCH


def document(**changes: object) -> bytes:
    return json.dumps({"issuer": URL, "token_endpoint": f"{URL}/token", **changes}).encode()


def judge(body: bytes, endpoint: TokenEndpoint | Issuer = ISSUER, status: int = 200) -> Metadata | Outcome:
    return judge_metadata(TokenResponse(status=status, body=body), endpoint)


def test_metadata_say_where_everything_is() -> None:
    """As far as they say it."""
    assert judge(document()) == Metadata(URL, f"{URL}/token", token_issuers=(URL,))
    assert judge(document(jwks_uri=f"{URL}/keys", device_authorization_endpoint=f"{URL}/device")) == Metadata(
        URL, f"{URL}/token", f"{URL}/keys", f"{URL}/device", token_issuers=(URL,)
    )


@pytest.mark.parametrize(
    "endpoint", ["https://sso.example:8443/t?p=1", "https://SSO.example/token", "https://keys.example/t"]
)
def test_endpoints_are_at_the_issuers_host_or_at_one_that_is_allowed(endpoint: str) -> None:
    found = judge(document(token_endpoint=endpoint), replace(ISSUER, hosts=frozenset({"keys.example"})))
    assert found == Metadata(URL, endpoint, token_issuers=(URL,))


def test_an_address_is_a_host_too() -> None:
    issuer = Issuer("https://[2001:db8::1]:8443")
    body = document(issuer=issuer.url, token_endpoint="https://[2001:db8::1]/t")
    assert isinstance(judge(body, issuer), Metadata)


@pytest.mark.parametrize(
    "name", ["token_endpoint", "jwks_uri", "authorization_endpoint", "device_authorization_endpoint"]
)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "sso.example.evil.example", "evilsso.example", "example", "sub.sso.example", "sso.example."],
)
def test_a_strangers_host_is_not_believed(name: str, host: str) -> None:
    """Whatever it is to be asked for: a secret, keys to trust, or a user's password."""
    outcome = judge(document(**{name: f"https://{host}/x"}))
    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.FOREIGN_HOST)


@pytest.mark.parametrize(
    ("aliases", "found"),
    [
        ({"token_endpoint": "https://sso.example:8443/token"}, "https://sso.example:8443/token"),
        ({"token_endpoint": "https://evil.example/token"}, ""),
        ({"token_endpoint": "http://sso.example/token"}, ""),
        ({"token_endpoint": 7}, ""),
        ({}, ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_who_shows_a_certificate_may_be_sent_elsewhere_but_to_no_stranger(aliases: object, found: str) -> None:
    """RFC 8705 section 5; all others have no reason to mind."""
    metadata = judge(document(mtls_endpoint_aliases=aliases))
    assert isinstance(metadata, Metadata)
    assert metadata.mtls_token_endpoint == found


def test_other_urls_may_lead_anywhere() -> None:
    """Entra's userinfo_endpoint is Microsoft Graph's."""
    assert isinstance(judge(document(userinfo_endpoint="https://graph.example/userinfo")), Metadata)


def test_a_plain_http_endpoint_must_be_allowed() -> None:
    body = document(token_endpoint="http://sso.example/token")
    assert isinstance(judge(body, replace(ISSUER, allow_http=True)), Metadata)
    assert judge(body) == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)


UNUSABLE = [None, "", 7, "/token", "sso.example/token", "https:///token", "ftp://sso.example/t", "file:///etc/passwd"]
UNUSABLE += ["https://user@sso.example/t", "https://user:pass@sso.example/t", "https://sso.example@evil.example/t"]
UNUSABLE += ["https://[::1/t", "https://sso.example:99999/t", "https://sso.example:0/t", "https://sso.example:x/t"]
UNUSABLE += ["https://sso.example/\r\nHost: evil", "https://sso\t.example/t", "https://sso.example/\u202e"]


@pytest.mark.parametrize("endpoint", UNUSABLE, ids=ascii)
@pytest.mark.parametrize("allow_http", [False, True])
def test_an_unusable_token_endpoint_is_the_providers_fault(endpoint: object, allow_http: bool) -> None:
    outcome = judge(document(token_endpoint=endpoint), replace(ISSUER, allow_http=allow_http))
    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)


@pytest.mark.parametrize("issuer", [None, "", URL + "/", URL.upper(), "https://evil.example", [URL]])
def test_metadata_of_another_issuer_are_refused(issuer: object) -> None:
    outcome = judge(document(issuer=issuer))
    assert outcome == Outcome.failed(Category.CONFIG, Stage.OAUTH, MISMATCH)


NO_METADATA = [
    (200, PAGE, Category.PROTOCOL, (Stage.PARSE, Reason.NOT_JSON)),
    (200, b"[]", Category.PROTOCOL, (Stage.PARSE, Reason.NOT_OBJECT)),
    (200, b"", Category.PROTOCOL, (Stage.PARSE, Reason.EMPTY)),
    (302, b"", Category.PROTOCOL, (Stage.HTTP, Reason.REDIRECT)),
    (204, b"", Category.PROTOCOL, (Stage.HTTP, Reason.UNEXPECTED_STATUS)),
    (400, b'{"error": "invalid_tenant", "error_codes": [90002]}', Category.CONFIG, (Stage.OAUTH, Reason.REFUSED)),
    (404, b"", Category.CONFIG, (Stage.HTTP, Reason.CLIENT_ERROR)),
    (404, PAGE, Category.CONFIG, (Stage.HTTP, Reason.CLIENT_ERROR)),
    (403, PAGE, Category.PROTOCOL, (Stage.HTTP, Reason.CLIENT_ERROR)),
    (429, b"", Category.THROTTLED, (Stage.HTTP, Reason.THROTTLED)),
    (500, document(), Category.SERVICE_FAULT, (Stage.HTTP, Reason.SERVER_ERROR)),
    (503, PAGE, Category.SERVICE_TRANSIENT, (Stage.HTTP, Reason.SERVER_ERROR)),
]


@pytest.mark.parametrize(("status", "body", "category", "where"), NO_METADATA)
def test_an_answer_without_metadata_is_judged_like_any_other(
    status: int, body: bytes, category: Category, where: tuple[Stage, Reason]
) -> None:
    outcome = judge(body, status=status)
    assert isinstance(outcome, Outcome)
    assert outcome.failure is not None
    assert (outcome.failure.category, outcome.failure.fault) == (category, Fault(*where))


def test_a_document_that_is_not_where_we_know_it_to_be_is_not_the_configs_fault() -> None:
    """A mistyped issuer leads nowhere; Entra's own path cannot be mistyped."""
    entra = PROVIDERS["entra"].endpoint(Place(tenant="contoso.example"))
    outcome = judge(b"", entra, 404)
    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.CLIENT_ERROR)


def test_no_answer_is_no_metadata() -> None:
    lost = TransportFailure(fault=Fault(Stage.DNS, Reason.NXDOMAIN))
    assert judge_metadata(lost, ISSUER) == Outcome.failed(Category.NETWORK, Stage.DNS, Reason.NXDOMAIN)


# Providers whose issuer is called by an id that the config need not know.

ENTRA, EXTERNAL = "https://login.microsoftonline.com", "https://contoso.ciamlogin.com"
B2C, ADFS = "https://contoso.b2clogin.com", "https://adfs.contoso.example"
DOMAIN = "contoso.onmicrosoft.com"
V2 = f"{ENTRA}/{TENANT_ID}/v2.0"
V1 = f"https://sts.windows.net/{TENANT_ID}/"
BY_DOMAIN, BY_ID = Place(tenant=DOMAIN), Place(tenant=TENANT_ID)


def at(host: str, tenant: str = "", policy: str = "") -> Place:
    return Place(authority_host=host, tenant=tenant, policy=policy)


RIGHT = [
    pytest.param("entra", BY_DOMAIN, ENTRA, V2, {V2, V1}, id="entra by domain"),
    pytest.param("entra", BY_ID, ENTRA, V2, {V2, V1}, id="entra by id"),
    pytest.param("entra", Place(tenant=TENANT_ID.upper()), ENTRA, V2, {V2, V1}, id="entra by id in capitals"),
    pytest.param("entra", Place(tenant=DOMAIN, version="v1"), ENTRA, V1, {V2, V1}, id="entra v1"),
    pytest.param("entra", Place(tenant=DOMAIN, region="westeurope"), ENTRA, V2, {V2, V1}, id="entra regional"),
    *[
        pytest.param(
            "entra",
            Place(tenant=tenant),
            ENTRA,
            f"{ENTRA}/{{tenantid}}/v2.0",
            {f"{ENTRA}/{{tenantid}}/v2.0", "https://sts.windows.net/{tenantid}/"},
            id=f"entra {tenant}",
        )
        for tenant in ("common", "organizations")
    ],
    pytest.param(
        "entra",
        Place(tenant="consumers"),
        ENTRA,
        f"{ENTRA}/{PERSONAL_ID}/v2.0",
        {f"{ENTRA}/{PERSONAL_ID}/v2.0", f"https://sts.windows.net/{PERSONAL_ID}/"},
        id="entra consumers",
    ),
    pytest.param("entra", at("https://login.windows.net", tenant=DOMAIN), ENTRA, V2, {V2, V1}, id="entra by an alias"),
    pytest.param(
        "entra",
        Place(tenant=DOMAIN, cloud="china", version="v1"),
        "https://login.chinacloudapi.cn",
        f"https://sts.chinacloudapi.cn/{TENANT_ID}/",
        {
            f"https://login.partner.microsoftonline.cn/{TENANT_ID}/v2.0",
            f"https://sts.chinacloudapi.cn/{TENANT_ID}/",
        },
        id="entra china v1",
    ),
    pytest.param(
        "entra",
        Place(tenant=DOMAIN, cloud="france"),
        "https://login.sovcloud-identity.fr",
        f"https://login.sovcloud-identity.fr/{TENANT_ID}/v2.0",
        {f"https://login.sovcloud-identity.fr/{TENANT_ID}/v2.0"},
        id="entra france",
    ),
    pytest.param(
        "entra",
        at("https://simulator.example:8443/", tenant=DOMAIN),
        "https://simulator.example:8443",
        f"https://simulator.example:8443/{TENANT_ID}/v2.0",
        {f"https://simulator.example:8443/{TENANT_ID}/v2.0", f"https://simulator.example:8443/{TENANT_ID}/"},
        id="a stranger's host",
    ),
    *[
        pytest.param(
            "entra_external_id",
            at(EXTERNAL, tenant=DOMAIN),
            host,
            f"https://{TENANT_ID}.ciamlogin.com/{TENANT_ID}/v2.0",
            {f"https://{TENANT_ID}.ciamlogin.com/{TENANT_ID}/v2.0", f"{EXTERNAL}/{TENANT_ID}/v2.0", V1},
            id=f"external id at {host}",
        )
        for host in (EXTERNAL, f"https://{TENANT_ID}.ciamlogin.com")
    ],
    *[
        pytest.param("entra_b2c", at(B2C, tenant=DOMAIN, policy="B2C_1A_Probe"), B2C, issuer, {issuer}, id=issuer)
        for issuer in (f"{B2C}/{TENANT_ID}/v2.0/", f"{B2C}/tfp/{TENANT_ID}/b2c_1a_probe/v2.0/")
    ],
    pytest.param("adfs", at(ADFS), ADFS, f"{ADFS}/adfs", {f"{ADFS}/adfs"}, id="adfs"),
]


@pytest.mark.parametrize(("provider", "place", "host", "issuer", "token_issuers"), RIGHT)
def test_a_provider_may_call_its_issuer_by_its_tenants_id(
    provider: str, place: Place, host: str, issuer: str, token_issuers: set[str]
) -> None:
    """Whatever name was asked for; tokens are to name it likewise."""
    body = document(issuer=issuer, token_endpoint=f"{host}/token", jwks_uri=f"{host}/keys")

    found = judge(body, PROVIDERS[provider].endpoint(place))

    assert isinstance(found, Metadata), found
    assert (found.issuer, found.jwks_uri, set(found.token_issuers)) == (issuer, f"{host}/keys", token_issuers)


WRONG = [
    pytest.param("entra", BY_ID, ENTRA, f"{ENTRA}/{OTHER_ID}/v2.0", id="another tenant"),
    pytest.param("entra", BY_DOMAIN, ENTRA, V1, id="v1 where v2 was asked"),
    pytest.param("entra", Place(tenant=DOMAIN, version="v1"), ENTRA, V2, id="v2 where v1 was asked"),
    pytest.param("entra", BY_DOMAIN, ENTRA, f"{ENTRA}/{DOMAIN}/v2.0", id="a name where an id belongs"),
    pytest.param("entra", BY_DOMAIN, ENTRA, f"{ENTRA}/{{tenantid}}/v2.0", id="all tenants where one was asked"),
    pytest.param("entra", Place(tenant="common"), ENTRA, V2, id="one tenant where all were asked"),
    pytest.param("entra", Place(tenant="consumers"), ENTRA, V2, id="a tenant where persons were asked"),
    pytest.param("entra", BY_DOMAIN, ENTRA, f"https://login.evil.example/{TENANT_ID}/v2.0", id="a stranger"),
    pytest.param("entra", BY_DOMAIN, ENTRA, f"{V2}/more", id="more behind"),
    pytest.param("entra", BY_DOMAIN, ENTRA, f"https://evil.example/{V2}", id="more before"),
    pytest.param("entra", Place(tenant=DOMAIN, cloud="usgov"), ENTRA, V2, id="another cloud"),
    pytest.param(
        "entra_external_id",
        at(EXTERNAL, tenant=DOMAIN),
        EXTERNAL,
        f"https://{OTHER_ID}.ciamlogin.com/{TENANT_ID}/v2.0",
        id="the host of another tenant",
    ),
    pytest.param(
        "entra_b2c", at(B2C, tenant=DOMAIN, policy="a"), B2C, f"{B2C}/tfp/{TENANT_ID}/b/v2.0/", id="another policy"
    ),
    pytest.param("adfs", at(ADFS), ADFS, f"{ADFS}/adfs/", id="a slash too many"),
]


@pytest.mark.parametrize(("provider", "place", "host", "issuer"), WRONG)
def test_any_other_issuer_is_the_providers_fault(provider: str, place: Place, host: str, issuer: str) -> None:
    """The config does not name it, so it cannot be mistyped there."""
    body = document(issuer=issuer, token_endpoint=f"{host}/token")
    outcome = judge(body, PROVIDERS[provider].endpoint(place))
    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, MISMATCH)


@pytest.mark.parametrize("provider", ["entra", "entra_external_id", "entra_b2c", "adfs"])
def test_a_right_issuer_with_a_strangers_keys_is_refused(provider: str) -> None:
    place = at(B2C, tenant=DOMAIN, policy="b")
    issuer = f"{B2C}/adfs" if provider == "adfs" else f"{B2C}/{TENANT_ID}/v2.0{'/' * (provider == 'entra_b2c')}"
    body = document(issuer=issuer, token_endpoint=f"{B2C}/token", jwks_uri="https://evil.example/keys")
    outcome = judge(body, PROVIDERS[provider].endpoint(place))
    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.FOREIGN_HOST)


def test_ad_fs_signs_access_tokens_as_its_federation_service() -> None:
    """Which its metadata name."""
    service = "http://adfs.contoso.example/adfs/services/trust"
    body = document(issuer=f"{ADFS}/adfs", token_endpoint=f"{ADFS}/t", access_token_issuer=service)
    found = judge(body, PROVIDERS["adfs"].endpoint(at(ADFS)))
    assert isinstance(found, Metadata)
    assert found.token_issuers == (f"{ADFS}/adfs", service)


# Whatever comes.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, categories=None)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
LIKELY_URLS = st.sampled_from([f"{ENTRA}/token", V2, V1, URL, "https://evil.example/x", "https://[", "http://a:b@c/"])
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("issuer", "token_endpoint", "jwks_uri", "authorization_endpoint", "access_token_issuer"), LIKELY_URLS | VALUES
    ),
).map(lambda values: json.dumps(values).encode())
ENDPOINTS = st.sampled_from(
    [
        ISSUER,
        replace(ISSUER, allow_http=True),
        *(PROVIDERS["entra"].endpoint(Place(tenant=tenant)) for tenant in (DOMAIN, TENANT_ID, "common")),
    ]
)


@given(st.binary(max_size=200) | DOCUMENTS, ENDPOINTS, st.sampled_from([200, 302, 404, 500]) | st.integers(100, 999))
def test_no_metadata_raise_or_lead_astray(body: bytes, endpoint: TokenEndpoint | Issuer, status: int) -> None:
    found = judge(body, endpoint, status)
    if isinstance(found, Metadata):
        assert found.token_endpoint == f"{ENTRA}/token" or found.token_endpoint.startswith(URL)
        assert "evil" not in found.token_endpoint + found.jwks_uri
    else:
        assert not found.success
