"""The machine's own identity: where it is asked, in which words, and what the answer comes to."""

import json
import os
from pathlib import Path

import pytest
from fakes import FakeClock, ScriptedSend, make_prober

from exporter.catalogue import Category, Reason, Stage
from exporter.config import parse_config
from exporter.model import Answer, Config, Outcome, ProbeResult, Secret, Target, TokenRequest, TokenResponse
from exporter.secrets import Keyring

CONFIG = """
targets:
  - name: machine
    provider: entra
    grant: managed_identity
    resource: https://management.azure.com/
"""
IMDS = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
RESOURCE = "resource=https%3A%2F%2Fmanagement.azure.com%2F"
NOW = 1_700_000_000
HEADER = "identity-header-zQ5"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose environment says nothing."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)


def target(more: str = "") -> Target:
    config = parse_config(CONFIG + "".join(f"    {line}\n" for line in more.splitlines()), Path(), os.environ)
    assert isinstance(config, Config), config
    return config.targets[0]


async def probed(answer: Answer, more: str = "") -> tuple[ProbeResult, TokenRequest]:
    send = ScriptedSend([answer])
    result = await make_prober(send, FakeClock(NOW), read=Keyring().read).probe(target(more))
    return result, send.requests[0]


def says(status: int = 200, /, **content: object) -> TokenResponse:
    return TokenResponse(status=status, headers={"content-type": "application/json"}, body=json.dumps(content).encode())


def issued(**changes: object) -> TokenResponse:
    stated = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": "3599", "expires_on": str(NOW + 3599)}
    return says(200, **{name: value for name, value in (stated | changes).items() if value is not None})


@pytest.mark.parametrize(
    ("more", "query"),
    [
        ("", RESOURCE),
        ("client_id: me", f"client_id=me&{RESOURCE}"),
        ("object_id: me", f"object_id=me&{RESOURCE}"),
        ("msi_res_id: /a/b", f"msi_res_id=%2Fa%2Fb&{RESOURCE}"),
    ],
)
async def test_a_virtual_machine_is_asked_for_a_resource_and_an_identity(more: str, query: str) -> None:
    """With the header that no forwarded request has; neither tenant nor leave for http is needed."""
    result, request = await probed(issued(), more)

    assert (request.method, request.url) == ("GET", f"{IMDS}&{query}")
    assert ("Metadata", "true") in request.headers
    assert result.outcome == Outcome(token_lifetime=3599.0)


async def test_app_service_is_asked_with_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """It states only when the token ends."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:41741/msi/token/")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)

    result, request = await probed(issued(expires_in=None), "msi_res_id: /a")

    expected = f"http://127.0.0.1:41741/msi/token/?api-version=2019-08-01&mi_res_id=%2Fa&{RESOURCE}"
    assert request.url == expected
    assert ("X-IDENTITY-HEADER", Secret(HEADER)) in request.headers
    assert "Metadata" not in dict(request.headers)
    assert result.outcome == Outcome(token_lifetime=3599.0)
    assert HEADER not in repr(result)


@pytest.mark.parametrize(
    ("environment", "more", "host"),
    [
        ({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://10.0.0.1/"}, "", "http://10.0.0.1"),
        ({"IDENTITY_ENDPOINT": "http://a/"}, "", "http://169.254.169.254"),
        ({"IDENTITY_ENDPOINT": "http://a/", "IDENTITY_HEADER": "x"}, "authority_host: http://b", "http://b"),
    ],
    ids=["pod identity", "no header: Arc", "the config decides"],
)
def test_the_endpoint_is_found(
    environment: dict[str, str], more: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the config, then in the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert target(more).endpoint.url == f"{host}/metadata/identity/oauth2/token"


async def test_a_header_that_is_gone_is_our_own_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read at each attempt."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:41741/")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    machine = target()
    monkeypatch.delenv("IDENTITY_HEADER")
    send = ScriptedSend([issued()])

    result = await make_prober(send, FakeClock(NOW), read=Keyring().read).probe(machine)

    assert result.outcome == Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.SECRET_UNREADABLE)
    assert send.requests == []


@pytest.mark.parametrize(
    ("answer", "category", "stage", "reason"),
    [
        (says(400, error="invalid_request", error_description="no identity"), "request_malformed", "oauth", "refused"),
        (says(400, error="invalid_resource", error_description="AADSTS500011: x"), "config", "oauth", "refused"),
        (says(400, statusCode=400, message="Bad Request", correlationId="x"), "config", "http", "client_error"),
        (TokenResponse(status=403, body=b"Forbidden"), "config", "http", "client_error"),
        (TokenResponse(status=404, body=b"gone"), "service_transient", "http", "updating"),
        (says(410, error="gone"), "service_transient", "http", "updating"),
        (says(429, error="too_many"), "throttled", "oauth", "refused"),
        (TokenResponse(status=429), "throttled", "http", "throttled"),
        (says(500, statusCode=500, message="x"), "service_fault", "http", "server_error"),
        (says(500, error="unknown", error_description="x"), "service_fault", "oauth", "refused"),
        (TokenResponse(status=503), "service_transient", "http", "server_error"),
        (issued(expires_in=None, expires_on=str(NOW - 1)), "token_invalid", "token", "bad_expires_in"),
        (issued(expires_in="0"), "token_invalid", "token", "bad_expires_in"),
        (issued(access_token=None), "protocol", "token", "missing"),
    ],
)
async def test_its_failures(answer: TokenResponse, category: str, stage: str, reason: str) -> None:
    """In whichever words."""
    result, _ = await probed(answer)

    failure = result.outcome.failure
    assert failure is not None
    assert (failure.category, failure.fault.stage, failure.fault.reason) == (category, stage, reason)
    assert result.outcome.departures == ()


async def test_a_token_without_an_end_is_a_token() -> None:
    """Its lifetime is unknown."""
    result, _ = await probed(issued(expires_in=None, expires_on=None))

    assert result.outcome == Outcome()


async def test_its_token_may_be_checked_but_for_its_signature() -> None:
    """Nobody says where its keys are."""
    result, _ = await probed(issued(), "expect: {token: {signature: false, min_lifetime: 2h}}")

    short = Outcome.failed(Category.TOKEN_INVALID, Stage.TOKEN, Reason.LIFETIME_TOO_SHORT)
    assert result.outcome.failure == short.failure


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("provider: entra", "provider: oidc\n    issuer: https://a", "is for provider entra only"),
        ("resource: https://management.azure.com/", "ca_file: x", "is required for grant managed_identity"),
        (
            "grant: managed_identity",
            "grant: managed_identity\n    expect: {token: {}}",
            "needs signature: false, since grant managed_identity leads to no keys",
        ),
        (
            "grant: managed_identity",
            "grant: managed_identity\n    scope: x",
            "has no meaning for grant managed_identity",
        ),
    ],
)
def test_a_config_is_told_what_does_not_fit(old: str, new: str, problem: str) -> None:
    """One complaint."""
    found = parse_config(CONFIG.replace(old, new), Path(), os.environ)

    assert isinstance(found, list)
    assert [told.message for told in found] == [problem]
