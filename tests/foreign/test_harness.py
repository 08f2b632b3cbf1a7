"""What later tests need of the servers, asked of them directly, without the exporter."""

import base64
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from foreign_keys import Key
from foreign_parties import (
    BASIC,
    DEVICE,
    DEVICE_CODE,
    JWT_BEARER,
    MTLS,
    MTLS_SELF_SIGNED,
    POST,
    PRIVATE_KEY_JWT,
    REFRESH,
    TOKEN_EXCHANGE,
    Client,
    Keys,
)
from foreign_servers import Django, Issuer, OidcProvider, Reply

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(params=["oidc_provider", "django"])
def issuer(request: pytest.FixtureRequest) -> Issuer:
    """Each family in turn."""
    server: OidcProvider | Django = request.getfixturevalue(request.param)
    return server.http


def authorization(pair: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def test_basic_credentials_must_be_form_encoded(issuer: Issuer) -> None:
    """Else the exporter's own test of it would show nothing."""
    pair = f"{BASIC.client_id}:{BASIC.secret}"

    reply = issuer.ask(issuer.metadata()["token_endpoint"], {"grant_type": "client_credentials"}, authorization(pair))

    assert reply.status == 400 or reply.content["error"] == "invalid_client"


def signed_token(issuer: Issuer, resource: str) -> str:
    reply = issuer.token("client_credentials", POST, resource=resource, scope="read")
    assert reply.status == 200, reply
    return str(reply.content["access_token"])


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_access_tokens_are_signed_for_a_resource(oidc_provider: OidcProvider, keys: Keys, algorithm: str) -> None:
    """With the key that the issuer publishes, in the algorithm that the resource's name asks for."""
    issuer, resource = oidc_provider.http, f"urn:example:{algorithm.lower()}"
    token = signed_token(issuer, resource)

    header = jwt.get_unverified_header(token)
    published = {key["kid"]: key for key in issuer.jwks()}[header["kid"]]
    claims = jwt.decode(token, jwt.PyJWK(published), [algorithm], audience=resource, issuer=issuer.url)

    assert (header["alg"], header["kid"]) == (algorithm, keys.server[algorithm].kid)
    assert (claims["client_id"], claims["scope"]) == (POST.client_id, "read")
    assert claims["exp"] - claims["iat"] == 3600


def test_a_token_can_be_meant_for_somebody_else(oidc_provider: OidcProvider) -> None:
    """Or be no JWT, or be refused."""
    issuer = oidc_provider.http
    claims = jwt.decode(signed_token(issuer, "urn:example:misdirected"), options={"verify_signature": False})

    assert claims["aud"] == "urn:example:somebody-else"
    assert "." not in signed_token(issuer, "urn:example:opaque")
    assert issuer.token("client_credentials", POST, resource="urn:example:unknown").content["error"] == "invalid_target"


def test_the_key_set_can_lose_a_key(oidc_provider: OidcProvider, keys: Keys) -> None:
    """While tokens are still signed with it."""
    issuer, lost = oidc_provider.http, keys.server["RS256"].kid

    with issuer.knobs(hidden_keys=[lost]):
        token = signed_token(issuer, "urn:example:rs256")
        published = {key["kid"] for key in issuer.jwks()}

    assert jwt.get_unverified_header(token)["kid"] == lost
    assert published == {keys.server["PS256"].kid, keys.server["ES256"].kid}
    assert lost in {key["kid"] for key in issuer.jwks()}


def assertion(issuer: Issuer, client: Client, key: Key, **changes: object) -> str:
    now = int(time.time())
    claims = {"iss": client.client_id, "sub": client.client_id, "aud": issuer.url, "exp": now + 60}
    jti = base64.b32encode(hashlib.sha256(repr((changes, time.monotonic_ns())).encode()).digest()).decode()
    return jwt.encode(claims | {"jti": jti} | changes, key.private, key.algorithm, {"kid": key.kid})


def ask_with_assertion(issuer: Issuer, client: Client, proof: str) -> Reply:
    return issuer.token("client_credentials", client, client_assertion_type=ASSERTION_TYPE, client_assertion=proof)


@pytest.mark.parametrize("algorithm", list(PRIVATE_KEY_JWT))
def test_clients_sign(oidc_provider: OidcProvider, keys: Keys, algorithm: str) -> None:
    """private_key_jwt (RFC 7523 section 2.2), for the issuer or its token endpoint, and each assertion once."""
    issuer, client, key = oidc_provider.http, PRIVATE_KEY_JWT[algorithm], keys.clients[algorithm]
    first = assertion(issuer, client, key)
    second = assertion(issuer, client, key, aud=issuer.metadata()["token_endpoint"])

    replies = [ask_with_assertion(issuer, client, proof) for proof in (first, second, first)]

    assert [reply.status for reply in replies] == [200, 200, 401]
    assert replies[-1].content["error"] == "invalid_client"


def tampered(proof: str) -> str:
    """The same assertion with one bit of its signature turned."""
    head, claims, signature = proof.split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[7] ^= 1
    return f"{head}.{claims}.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


Spoil = Callable[[Issuer, Client, Keys], str]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda i, c, k: tampered(assertion(i, c, k.clients["RS256"])), id="tampered with"),
        pytest.param(lambda i, c, k: assertion(i, c, k.stranger), id="of a stranger"),
        pytest.param(lambda i, c, k: assertion(i, c, k.clients["PS256"]), id="in another algorithm"),
        pytest.param(lambda i, c, k: assertion(i, c, k.clients["RS256"], exp=int(time.time()) - 60), id="expired"),
        pytest.param(lambda i, c, k: assertion(i, c, k.clients["RS256"], aud="urn:example:else"), id="for another"),
    ],
)
def test_an_assertion_is_refused_that_is(oidc_provider: OidcProvider, keys: Keys, spoil: Spoil) -> None:
    """Always as invalid_client."""
    issuer, client = oidc_provider.http, PRIVATE_KEY_JWT["RS256"]

    reply = ask_with_assertion(issuer, client, spoil(issuer, client, keys))

    assert (reply.status, reply.content["error"]) == (401, "invalid_client")


def certificates(keys: Keys) -> dict[Client, tuple[Path, Path]]:
    own = keys.clients["RS256"]
    return {
        MTLS: (keys.client_certificate_file, keys.client_key_file),
        MTLS_SELF_SIGNED: (own.certificate_file, own.key_file),
    }


@pytest.mark.parametrize("client", [MTLS, MTLS_SELF_SIGNED], ids=lambda client: client.client_id)
def test_clients_show_certificates(oidc_provider: OidcProvider, keys: Keys, client: Client) -> None:
    """RFC 8705: at the endpoint that the metadata names for it, and the token is bound to the certificate."""
    issuer = oidc_provider.https
    endpoint = issuer.metadata()["mtls_endpoint_aliases"]["token_endpoint"]
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "resource": "urn:example:rs256"}
    own, other = certificates(keys)[client], (keys.stranger.certificate_file, keys.stranger.key_file)

    accepted = issuer.ask(endpoint, form, certificate=own)
    refused = [
        issuer.ask(endpoint, form),
        issuer.ask(endpoint, form, certificate=other),
        issuer.ask(issuer.metadata()["token_endpoint"], form, certificate=own),
    ]

    assert endpoint == f"{oidc_provider.mtls}/token"
    assert accepted.status == 200, accepted
    assert jwt.decode(accepted.content["access_token"], options={"verify_signature": False})["iss"] == issuer.url
    assert [(reply.status, reply.content["error"]) for reply in refused] == [(401, "invalid_client")] * 3


def test_refresh_tokens_rotate(issuer: Issuer) -> None:
    """The old one is used up, and with it everything that came of it (RFC 9700 section 4.14.2)."""
    first = issuer.mint_refresh_token(REFRESH)

    renewed = issuer.token("refresh_token", REFRESH, refresh_token=first)
    second = renewed.content["refresh_token"]
    again = issuer.token("refresh_token", REFRESH, refresh_token=second)
    replayed = issuer.token("refresh_token", REFRESH, refresh_token=first)

    assert (renewed.status, again.status) == (200, 200)
    assert len({first, second, again.content["refresh_token"]}) == 3
    assert (replayed.status, replayed.content["error"]) == (400, "invalid_grant")


def test_refresh_tokens_end(issuer: Issuer) -> None:
    """One that has ended can be had at once."""
    ended = issuer.mint_refresh_token(REFRESH, expires_in=0)

    reply = issuer.token("refresh_token", REFRESH, refresh_token=ended)

    assert (reply.status, reply.content["error"]) == (400, "invalid_grant")


def poll(issuer: Issuer, code: dict[str, Any]) -> Reply:
    return issuer.token(DEVICE_CODE, DEVICE, device_code=code["device_code"])


def test_a_device_waits_for_its_user(issuer: Issuer) -> None:
    """RFC 8628: pending, then a token."""
    code = issuer.device_code(DEVICE)

    pending = poll(issuer, code)
    issuer.decide(code["user_code"], "approved")
    approved = poll(issuer, code)

    assert (pending.status, pending.content["error"]) == (400, "authorization_pending")
    assert (approved.status, approved.content["token_type"]) == (200, "Bearer")


@pytest.mark.parametrize(("decision", "error"), [("denied", "access_denied"), ("expired", "expired_token")])
def test_a_device_code_ends_badly(issuer: Issuer, decision: str, error: str) -> None:
    """The user says no, or nothing for too long."""
    code = issuer.device_code(DEVICE)

    issuer.decide(code["user_code"], decision)

    assert poll(issuer, code).content["error"] == error


def test_the_life_of_device_codes_can_be_shortened(oidc_provider: OidcProvider) -> None:
    """So that a whole flow runs into its end within a test."""
    with oidc_provider.http.knobs(device_code_lifetime=1):
        assert oidc_provider.http.device_code(DEVICE)["expires_in"] <= 1
    assert oidc_provider.http.device_code(DEVICE)["expires_in"] >= 590


@pytest.mark.parametrize(
    ("grant", "parameter"),
    [pytest.param(TOKEN_EXCHANGE, "subject_token", id="token exchange"), pytest.param(JWT_BEARER, "assertion")],
)
def test_tokens_are_had_for_tokens(oidc_provider: OidcProvider, keys: Keys, grant: str, parameter: str) -> None:
    """RFC 8693 and RFC 7523 section 2.1: the presented token is one of a party that the server trusts."""
    issuer, resource = oidc_provider.http, "urn:example:es256"
    trusted, strange = (assertion(issuer, Client("alice"), key) for key in (keys.subject, keys.stranger))

    accepted = issuer.token(grant, POST, resource=resource, **{parameter: trusted})
    refused = issuer.token(grant, POST, resource=resource, **{parameter: strange})
    missing = issuer.token(grant, POST, resource=resource)

    assert accepted.status == 200, accepted
    assert jwt.decode(accepted.content["access_token"], options={"verify_signature": False})["aud"] == resource
    assert (refused.status, refused.content["error"]) == (400, "invalid_grant")
    assert (missing.status, missing.content["error"]) == (400, "invalid_request")


def test_keys_come_as_files(keys: Keys) -> None:
    """A client's certificate belongs to its key, and its thumbprint is the `kid` that the server knows it by."""
    for key in keys.clients.values():
        assert key.certificate_file.read_bytes() == key.certificate.public_bytes(Encoding.PEM)
        assert key.certificate.public_key() == key.private.public_key()
        assert jwt.PyJWK(key.jwk()).key == key.private.public_key()
