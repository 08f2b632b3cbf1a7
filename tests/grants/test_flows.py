"""Each grant's conversation, driven by hand: what is sent, and what the answer comes to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.catalogue import Category, Reason, Stage
from exporter.grants import GRANTS
from exporter.grants.metadata import METADATA_LIFETIME
from exporter.model import (
    Answer,
    Attempt,
    Credential,
    ErrorCode,
    Expectation,
    Fault,
    Flow,
    InlineSecret,
    Issuer,
    Outcome,
    Secret,
    Target,
    TokenEndpoint,
    TokenRequest,
    TokenResponse,
    TransportFailure,
)

SECRET = Secret("_8Q~s3cret/+=")
URL = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
ISSUER = "https://sso.example/realms/main"
METADATA_URL = f"{ISSUER}/.well-known/openid-configuration"
ENTRA_HEADERS = (
    ("client-request-id", "id-1"),
    ("return-client-request-id", "true"),
    ("x-ms-lib-capability", "retry-after, h429"),
)

ENTRA = Target(
    name="contoso",
    provider="entra",
    endpoint=TokenEndpoint(URL),
    grant="client_credentials",
    interval=30.0,
    timeout=10.0,
    client_id="prober",
    scope="https://graph.microsoft.com/.default",
    credential=Credential("client_secret_post", InlineSecret(SECRET)),
    ca_file=Path("ca.pem"),
)
OIDC = replace(
    ENTRA,
    provider="oidc",
    endpoint=Issuer(ISSUER),
    scope="",
    credential=Credential("client_secret_basic", InlineSecret(SECRET)),
)
BARE = Target(
    name="front-door",
    provider="entra",
    endpoint=TokenEndpoint(URL),
    grant="none",
    interval=30.0,
    timeout=10.0,
    expect=Expectation(codes=frozenset({ErrorCode("AADSTS900144")})),
)

ISSUED = TokenResponse(
    status=200,
    headers={"content-type": "application/json", "cache-control": "no-store"},
    body=b'{"access_token":"eyJ.e30.c2ln","token_type":"Bearer","expires_in":3599}',
)


def start(target: Target) -> tuple[Flow, TokenRequest]:
    """The flow of a target, and the first request that it yields."""
    secret = SECRET if target.credential else None
    flow = GRANTS[target.grant].steps(
        Attempt(target=target, proof=secret, request_id="id-1", now=0.0, new_id=lambda: "id-2")
    )
    return flow, next(flow)


def finish(flow: Flow, answer: Answer) -> Outcome:
    """The outcome of a flow that must end with this answer."""
    with pytest.raises(StopIteration) as ended:
        flow.send(answer)
    outcome = ended.value.value
    assert isinstance(outcome, Outcome)
    return outcome


def metadata(**changes: object) -> TokenResponse:
    body = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"} | changes
    return TokenResponse(status=200, headers={"content-type": "application/json"}, body=json.dumps(body).encode())


def test_the_grants_are_known_by_their_names() -> None:
    assert [grant.name for grant in GRANTS.values()] == list(GRANTS)


def test_client_credentials_posts_the_secret_in_the_form() -> None:
    flow, request = start(ENTRA)
    assert request == TokenRequest(
        url=URL,
        form=(
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_id", "prober"),
            ("client_secret", SECRET),
        ),
        headers=ENTRA_HEADERS,
        ca_file=Path("ca.pem"),
    )
    assert request.method == "POST"
    assert finish(flow, ISSUED) == Outcome(token_lifetime=3599.0)


def test_client_credentials_without_a_scope_sends_none() -> None:
    _, request = start(replace(ENTRA, scope=""))
    assert dict(request.form or ()).keys() == {"grant_type", "client_id", "client_secret"}


def test_client_credentials_with_basic_keeps_id_and_secret_out_of_the_form() -> None:
    target = replace(OIDC, endpoint=TokenEndpoint(URL), client_id="pröber +1")
    _, request = start(target)
    assert request.form == (("grant_type", "client_credentials"),)
    # base64 of pr%C3%B6ber+%2B1:_8Q~s3cret%2F%2B%3D
    proof = "cHIlQzMlQjZiZXIrJTJCMTpfOFF-czNjcmV0JTJGJTJCJTNE"
    assert request.headers == (
        ("x-request-id", "id-1"),
        ("Authorization", Secret(f"Basic {proof}".replace("-", "+"))),
    )


def test_a_refusal_of_the_request_is_its_outcome() -> None:
    flow, _ = start(ENTRA)
    refused = TokenResponse(
        status=401, headers=ISSUED.headers, body=b'{"error":"invalid_client","error_codes":[7000222]}'
    )
    outcome = finish(flow, refused)
    assert outcome.failure is not None
    assert outcome.failure.category is Category.CREDENTIAL_EXPIRED


def test_no_answer_is_an_outcome_too() -> None:
    flow, _ = start(ENTRA)
    outcome = finish(flow, TransportFailure(fault=Fault(Stage.DNS, Reason.NXDOMAIN)))
    assert outcome == Outcome.failed(Category.NETWORK, Stage.DNS, Reason.NXDOMAIN)


def test_no_grant_posts_an_empty_form_and_is_refused_as_expected() -> None:
    flow, request = start(BARE)
    assert request == TokenRequest(url=URL, form=(), headers=ENTRA_HEADERS)
    assert request.method == "POST"
    refused = TokenResponse(
        status=400, headers=ISSUED.headers, body=b'{"error":"invalid_request","error_codes":[900144]}'
    )
    assert finish(flow, refused).success


def test_no_grant_that_gets_a_token_finds_a_broken_contract() -> None:
    flow, _ = start(BARE)
    assert finish(flow, ISSUED) == Outcome.failed(Category.CONTRACT_BROKEN, Stage.OAUTH, Reason.TOKEN_ISSUED)


def test_no_grant_sends_the_stated_parameters_and_the_client() -> None:
    stated = (("grant_type", "refresh_token"), ("refresh_token", Secret("junk-token")))
    _, request = start(replace(BARE, client_id="prober", parameters=stated))
    assert request.form == (("client_id", "prober"), *stated)
    assert request.secrets == (Secret("junk-token"),)


def test_no_grant_with_a_credential_sends_it() -> None:
    _, request = start(replace(BARE, client_id="prober", credential=ENTRA.credential))
    assert request.form == (("client_id", "prober"), ("client_secret", SECRET))


@pytest.mark.parametrize("target", [ENTRA, replace(BARE, client_id="prober", credential=ENTRA.credential)])
def test_a_stated_parameter_replaces_the_generated_one_and_none_is_repeated(target: Target) -> None:
    stated = (("client_secret", "wrong"), ("client_id", "someone"), ("resource", Secret("r3source")))
    _, request = start(replace(target, parameters=stated))
    names = [name for name, _ in request.form or ()]
    assert len(names) == len(set(names))
    form = dict(request.form or ())
    assert (form["client_secret"], form["client_id"], form["resource"]) == ("wrong", "someone", Secret("r3source"))
    assert form.get("grant_type") == ("client_credentials" if target is ENTRA else None)


def test_an_issuer_is_asked_for_its_token_endpoint_first() -> None:
    flow, asked = start(OIDC)
    assert asked == TokenRequest(
        url=METADATA_URL, headers=(("x-request-id", "id-1"),), ca_file=Path("ca.pem"), reusable_for=METADATA_LIFETIME
    )
    assert (asked.method, asked.secrets) == ("GET", ())
    request = flow.send(metadata(token_endpoint="https://sso.example:8443/t"))
    assert (request.url, request.method, request.reusable_for) == ("https://sso.example:8443/t", "POST", 0.0)
    assert request.ca_file == Path("ca.pem")
    assert SECRET in request.secrets
    assert finish(flow, ISSUED).success


def test_a_slash_at_the_issuers_end_is_dropped_for_the_url_alone() -> None:
    flow, asked = start(replace(OIDC, endpoint=Issuer(f"{ISSUER}/")))
    assert asked.url == METADATA_URL
    assert flow.send(metadata(issuer=f"{ISSUER}/")).url == f"{ISSUER}/token"


def test_an_issuer_that_allows_http_may_name_an_http_endpoint() -> None:
    flow, _ = start(replace(OIDC, endpoint=Issuer(ISSUER, allow_http=True)))
    assert flow.send(metadata(token_endpoint="http://sso.example/t")).url == "http://sso.example/t"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (metadata(issuer="https://evil.example"), Reason.ISSUER_MISMATCH),
        (metadata(issuer=f"{ISSUER}/"), Reason.ISSUER_MISMATCH),
        (metadata(token_endpoint="http://sso.example/t"), Reason.METADATA_INCOMPLETE),
        (metadata(token_endpoint="https://user:pass@sso.example/t"), Reason.METADATA_INCOMPLETE),
        (metadata(token_endpoint=None), Reason.METADATA_INCOMPLETE),
        (metadata(token_endpoint="https://evil.example/t"), Reason.FOREIGN_HOST),
    ],
)
def test_bad_metadata_ends_the_flow_before_the_secret_is_sent(answer: TokenResponse, reason: Reason) -> None:
    flow, _ = start(OIDC)
    category = Category.CONFIG if reason is Reason.ISSUER_MISMATCH else Category.PROTOCOL
    assert finish(flow, answer) == Outcome.failed(category, Stage.OAUTH, reason)


def test_missing_metadata_fails_even_where_a_refusal_is_expected() -> None:
    flow, _ = start(replace(OIDC, grant="none", expect=Expectation(errors=frozenset({"invalid_request"}))))
    refused = TokenResponse(status=400, body=b'{"error":"invalid_request"}')
    outcome = finish(flow, refused)
    assert outcome.failure is not None
    assert outcome.failure.category is Category.REQUEST_MALFORMED


@pytest.mark.parametrize("target", [ENTRA, OIDC, replace(OIDC, endpoint=TokenEndpoint(URL))])
def test_neither_attempt_nor_request_shows_the_secret(target: Target) -> None:
    attempt = Attempt(target=target, proof=SECRET, request_id="id-1", now=0.0, new_id=lambda: "id-2")
    _, request = start(target)
    for shown in (repr(attempt), str(attempt), f"{attempt}", repr(request), str(request), f"{request}"):
        assert "s3cret" not in shown
