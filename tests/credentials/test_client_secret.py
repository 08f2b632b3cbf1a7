"""The two ways to send a client's secret, RFC 6749 section 2.3.1."""

import base64
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.credentials import METHODS, Client
from exporter.model import Secret, Signing, TokenRequest

BEFORE = TokenRequest(
    url="https://login.example/token",
    form=(("grant_type", "client_credentials"),),
    headers=(("x-request-id", "1"),),
)
ODD = " %&+£€"
ODD_ENCODED = "+%25%26%2B%C2%A3%E2%82%AC"
"""The very example of RFC 6749 appendix B."""


def basic_pair(request: TokenRequest) -> str:
    """What stands in the Authorization header, decoded once."""
    value = dict(request.headers)["Authorization"]
    assert isinstance(value, Secret)
    scheme, _, proof = value.reveal().partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(proof, validate=True).decode("ascii")


def authenticated(method: str, request: TokenRequest, client_id: str, secret: Secret) -> TokenRequest:
    """A request in which a client proves itself by its secret."""
    client = Client(
        client_id=client_id, proof=secret, audience=request.url, now=0.0, new_id=lambda: "id", signing=Signing()
    )
    return METHODS[method].authenticate(request, client)


def test_post_adds_id_and_secret_to_the_form_and_changes_nothing_else() -> None:
    after = authenticated("client_secret_post", BEFORE, "prober", Secret(ODD))
    assert after.form == (
        ("grant_type", "client_credentials"),
        ("client_id", "prober"),
        ("client_secret", Secret(ODD)),
    )
    assert (after.url, after.headers) == (BEFORE.url, BEFORE.headers)
    assert after.secrets == (Secret(ODD),)


def test_post_makes_a_form_where_there_is_none() -> None:
    after = authenticated("client_secret_post", TokenRequest(url=BEFORE.url), "prober", Secret("s3cret"))
    assert after.form == (("client_id", "prober"), ("client_secret", Secret("s3cret")))
    assert after.method == "POST"


def test_basic_adds_one_header_and_leaves_the_form_alone() -> None:
    after = authenticated("client_secret_basic", BEFORE, "prober", Secret("s3cret"))
    assert (after.url, after.form) == (BEFORE.url, BEFORE.form)
    assert after.headers == (*BEFORE.headers, ("Authorization", Secret("Basic cHJvYmVyOnMzY3JldA==")))


@pytest.mark.parametrize(
    ("client_id", "secret", "pair"),
    [
        ("prober", ODD, f"prober:{ODD_ENCODED}"),
        (ODD, "s3cret", f"{ODD_ENCODED}:s3cret"),
        ("urn:example:prober", "a:b", "urn%3Aexample%3Aprober:a%3Ab"),
        ("prober", "_8Q~a.b-c/d=", "prober:_8Q~a.b-c%2Fd%3D"),
    ],
)
def test_basic_form_encodes_id_and_secret_first(client_id: str, secret: str, pair: str) -> None:
    assert basic_pair(authenticated("client_secret_basic", BEFORE, client_id, Secret(secret))) == pair


@given(st.text(), st.text())
def test_a_server_decodes_what_basic_encodes(client_id: str, secret: str) -> None:
    sent = basic_pair(authenticated("client_secret_basic", BEFORE, client_id, Secret(secret)))
    assert tuple(map(unquote_plus, sent.split(":"))) == (client_id, secret)


def test_basic_hides_the_secret_the_header_and_what_stands_in_it() -> None:
    after = authenticated("client_secret_basic", BEFORE, "prober", Secret("s3cret"))
    proof = "cHJvYmVyOnMzY3JldA=="
    assert set(after.secrets) == {Secret("s3cret"), Secret(proof), Secret(f"Basic {proof}")}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_request_shows_no_secret(method: str) -> None:
    after = authenticated(method, BEFORE, "prober", Secret("s3cret"))
    for shown in (repr(after), str(after), f"{after}"):
        assert "<secret>" in shown
        assert "s3cret" not in shown
        assert "cHJvYmVyOnMzY3JldA" not in shown
