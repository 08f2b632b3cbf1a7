"""Who gets a token from the simulator, and how everybody else is refused."""

import base64
from collections.abc import Mapping
from uuid import UUID

import pytest

from exporter.simulator.directory import CONTOSO, EXPIRED_SECRET, SECRET
from exporter.simulator.refusals import Ids, Reply
from exporter.simulator.token_service import Asked, Issued, decide

IDS = Ids(UUID(int=10, version=4), "correlation", 1_700_000_000.0)
GRAPH, DISABLED, PUBLIC = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 4, 5))
GOOD = {
    "grant_type": "client_credentials",
    "client_id": GRAPH,
    "client_secret": SECRET,
    "scope": "https://graph.microsoft.com/.default",
}


def ask(form: Mapping[str, str], tenant: str = "contoso.onmicrosoft.com", authorization: str = "") -> Issued | Reply:
    return decide(Asked(tenant, tuple(form.items()), authorization), CONTOSO, IDS)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def test_a_good_request_is_granted() -> None:
    """With the secret in the form or in the header, by domain or by tenant id."""
    without = {"grant_type": GOOD["grant_type"], "scope": GOOD["scope"]}

    assert isinstance(ask(GOOD), Issued)
    assert isinstance(ask(GOOD, tenant=CONTOSO.tenant_id), Issued)
    assert isinstance(ask(without, authorization=basic(GRAPH, SECRET)), Issued)


@pytest.mark.parametrize(
    ("changes", "tenant", "code", "error", "status"),
    [
        ({"grant_type": ""}, "contoso.onmicrosoft.com", "AADSTS900144", "invalid_request", 400),
        ({"client_id": ""}, "contoso.onmicrosoft.com", "AADSTS900144", "invalid_request", 400),
        ({"grant_type": "client_credential"}, "contoso.onmicrosoft.com", "AADSTS70003", "unsupported_grant_type", 400),
        ({}, "common", "AADSTS9001023", "invalid_request", 400),
        ({}, "fabrikam.example", "AADSTS90002", "invalid_request", 400),
        ({}, "authorize", "AADSTS900023", "invalid_request", 400),
        (
            {"client_id": "99999999-9999-4999-8999-999999999999"},
            "contoso.example",
            "AADSTS700016",
            "unauthorized_client",
            400,
        ),
        ({"client_id": DISABLED}, "contoso.example", "AADSTS7000112", "unauthorized_client", 400),
        ({"client_id": PUBLIC}, "contoso.example", "AADSTS700025", "invalid_client", 401),
        ({"client_secret": "wrong"}, "contoso.example", "AADSTS7000215", "invalid_client", 401),
        ({"client_secret": EXPIRED_SECRET}, "contoso.example", "AADSTS7000222", "invalid_client", 401),
        ({"scope": "https://graph.microsoft.com/User.Read"}, "contoso.example", "AADSTS1002012", "invalid_scope", 400),
        ({"scope": "api://unknown/.default"}, "contoso.example", "AADSTS500011", "invalid_resource", 400),
        ({"scope": ""}, "contoso.example", "AADSTS900144", "invalid_request", 400),
        ({"grant_type": "refresh_token"}, "contoso.example", "AADSTS900144", "invalid_request", 400),
        (
            {"grant_type": "refresh_token", "refresh_token": "junk"},
            "contoso.example",
            "AADSTS9002313",
            "invalid_grant",
            400,
        ),
        (
            {"grant_type": "authorization_code", "code": "junk"},
            "contoso.example",
            "AADSTS9002313",
            "invalid_grant",
            400,
        ),
    ],
)
def test_a_bad_request_is_refused_as_entra_refuses_it(
    changes: Mapping[str, str], tenant: str, code: str, error: str, status: int
) -> None:
    """With the code, the error value and the HTTP status that go together."""
    reply = ask({**GOOD, **changes}, tenant)

    assert isinstance(reply, Reply)
    assert isinstance(reply.body, Mapping)
    assert (reply.status, reply.body["error"]) == (status, error)
    assert reply.body["error_codes"] == [int(code.removeprefix("AADSTS"))]
    assert reply.body["error_description"].startswith(f"{code}: ")
    assert (
        f"Trace ID: {IDS.trace_id} Correlation ID: correlation Timestamp: 2023-11-14" in reply.body["error_description"]
    )


def test_a_missing_credential_is_told_from_a_wrong_one() -> None:
    """AADSTS7000216 on client credentials."""
    reply = ask({name: value for name, value in GOOD.items() if name != "client_secret"})

    assert isinstance(reply, Reply)
    assert reply.status == 401
    assert isinstance(reply.body, Mapping)
    assert reply.body["error_codes"] == [7000216]


def test_who_tried_the_header_is_challenged() -> None:
    """RFC 6749 section 5.2: 401 and WWW-Authenticate."""
    reply = ask({"grant_type": "client_credentials"}, authorization=basic(GRAPH, "wrong"))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers) == (401, {"WWW-Authenticate": 'Basic realm="simulator"'})


def test_repeated_parameters_and_two_credentials_are_refused() -> None:
    """RFC 6749 section 3.2 and 2.3."""
    twice = decide(Asked("contoso.example", (*GOOD.items(), ("scope", "x"))), CONTOSO, IDS)
    both = ask(GOOD, authorization=basic(GRAPH, SECRET))

    for reply in (twice, both):
        assert isinstance(reply, Reply)
        assert isinstance(reply.body, Mapping)
        assert reply.body["error"] == "invalid_request"
