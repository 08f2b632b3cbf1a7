"""What is kept of an answer helps its readers and hides every secret from them."""

import base64
import html
import json
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Reason, Stage
from exporter.evidence import MAX_BODY, MAX_HEADER, collect, masked, printable, redact
from exporter.model import (
    MASK,
    Evidence,
    Exchange,
    Fault,
    Outcome,
    ProbeResult,
    Secret,
    Target,
    TokenEndpoint,
    TokenRequest,
    TokenResponse,
    TransportFailure,
)

NOW = 784111777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7."""

RAW = "_8Q~a/b+c=d&e \"f' g<h>\\é"
REQUEST = TokenRequest(url="https://login.example/token", form=(("client_secret", Secret(RAW)),))


def answer(body: bytes = b"", **headers: str) -> TokenResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return TokenResponse(status=401, headers=sent, body=body, exchange=Exchange(address="192.0.2.7"))


# What is kept.


def test_a_failure_keeps_what_a_support_ticket_asks_for() -> None:
    got = answer(
        b'{"error":"invalid_client"}',
        x_ms_request_id="0f5c9e8a-4d41",
        x_ms_ests_server="2.1.18298.5 - SEC ProdSlices",
        date="Sun, 06 Nov 1994 08:49:39 GMT",
    )
    assert collect(REQUEST, got, "id-1", NOW, failed=True) == Evidence(
        endpoint="https://login.example/token",
        request_id="id-1",
        status=401,
        address="192.0.2.7",
        server_request_id="0f5c9e8a-4d41",
        server="2.1.18298.5 - SEC ProdSlices",
        server_date="Sun, 06 Nov 1994 08:49:39 GMT",
        clock_difference=2.5,
        body='{"error":"invalid_client"}',
    )


def test_a_success_keeps_no_body() -> None:
    assert collect(REQUEST, answer(b'{"access_token":"eyJ"}'), "id-1", NOW, failed=False).body == ""


def test_no_answer_leaves_the_endpoint_and_the_address() -> None:
    lost = TransportFailure(fault=Fault(Stage.TLS, Reason.TIMEOUT), exchange=Exchange(address="192.0.2.7"))
    assert collect(REQUEST, lost, "id-1", NOW, failed=True) == Evidence(
        endpoint="https://login.example/token", request_id="id-1", address="192.0.2.7"
    )


def test_headers_and_body_are_bounded_and_printable() -> None:
    got = answer(
        b"\x1b[31m" + b"x" * 100_000, x_ms_request_id="\x1b" + "y" * 9000, date="z" * 9000, x_ms_ests_server="a\nb\x00"
    )
    kept = collect(REQUEST, got, "id-1", NOW, failed=True)
    assert kept.body == "\ufffd[31m" + "x" * (MAX_BODY - 5)
    assert kept.server_request_id == "\ufffd" + "y" * (MAX_HEADER - 1)
    assert kept.server_date == "z" * MAX_HEADER
    assert kept.server == "a\nb\ufffd"


def test_a_body_that_is_not_utf8_is_kept_as_far_as_it_is() -> None:
    assert collect(REQUEST, answer(b"gr\xfcn"), "id-1", NOW, failed=True).body == "gr\ufffdn"


def test_a_secret_at_the_cut_is_masked_whole() -> None:
    body = "x" * (MAX_BODY - 10) + RAW
    kept = collect(REQUEST, answer(body.encode()), "id-1", NOW, failed=True).body
    assert kept == "x" * (MAX_BODY - 10) + MASK


# The clock.


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XXX+5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("date", "difference"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.5),
        ("Sun, 06 Nov 1994 09:49:37 GMT", 3600.5),
        ("Sun, 06 Nov 1994 08:48:07 GMT", -89.5),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.5),
        ("Sun Nov  6 08:49:37 1994", 0.5),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 0.5),
        ("", None),
        (" ", None),
        ("yesterday", None),
        ("1994-11-06T08:49:37Z", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 +9999", None),
    ],
)
@pytest.mark.usefixtures("far_from_utc")
def test_the_clocks_differ_by_the_date_less_our_time_in_any_of_its_forms(date: str, difference: float | None) -> None:
    assert collect(REQUEST, answer(date=date), "id-1", NOW, failed=True).clock_difference == difference


def test_without_a_date_the_difference_is_unknown() -> None:
    assert collect(REQUEST, answer(), "id-1", NOW, failed=True).clock_difference is None


@given(
    st.text(max_size=40) | st.from_regex(r"Sun, [0-9]{1,3} Nov [0-9]{1,6} [0-9:]{1,12} [+-]?[0-9]{1,6}", fullmatch=True)
)
def test_no_date_raises(date: str) -> None:
    difference = collect(REQUEST, answer(date=date), "id-1", NOW, failed=True).clock_difference
    assert difference is None or isinstance(difference, float)


# Secrets.

BASE64 = base64.b64encode(RAW.encode()).decode()
SPELLINGS = {
    "raw": RAW,
    "URL": quote(RAW, safe=""),
    "URL, lower case": quote(RAW, safe="").lower().replace("8q", "8Q"),
    "URL, but not its slashes": quote(RAW),
    "URL, of .NET": quote_plus(RAW).replace("~", "%7e").lower().replace("8q", "8Q"),
    "form": quote_plus(RAW),
    "base64": BASE64,
    "base64 without padding": BASE64.rstrip("="),
    "base64, URL-encoded": quote(BASE64, safe=""),
    "JSON": json.dumps(RAW)[1:-1],
    "JSON beyond ASCII": json.dumps(RAW, ensure_ascii=False)[1:-1],
    "JSON, upper case": json.dumps(RAW)[1:-1].replace("\\u00e9", "\\u00E9"),
    "JSON of PHP": json.dumps(RAW)[1:-1].replace("/", "\\/"),
    "JSON of .NET": "_8Q~a/b\\u002Bc=d\\u0026e \\u0022f\\u0027 g\\u003Ch\\u003E\\\\\\u00E9",
    "HTML": html.escape(RAW),
    "HTML, but not its quotes": html.escape(RAW, quote=False),
    "HTML, in numbers": RAW.replace("'", "&#39;").replace('"', "&#34;").replace("é", "&#xE9;"),
}


@pytest.mark.fault(73)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_masked_in_every_spelling(spelling: str) -> None:
    assert redact(f"before {spelling}, after {spelling}.", [Secret(RAW)]) == f"before {MASK}, after {MASK}."


def test_a_secret_within_another_leaves_nothing_of_either() -> None:
    assert redact("abcdefgh, abcd", [Secret("abcd"), Secret("abcdefgh")]) == f"{MASK}, {MASK}"


def test_a_secret_is_matched_to_the_letter() -> None:
    assert redact("S3CRET s3cret", [Secret("s3cret")]) == f"S3CRET {MASK}"


def test_no_secret_masks_nothing() -> None:
    assert redact("as it was", [Secret("")]) == "as it was"


def test_what_basic_sent_is_masked_in_what_comes_back() -> None:
    request = TokenRequest(url=REQUEST.url, form=(), hidden=(Secret("s3cret"), Secret("cHJvYmVyOnMzY3JldA==")))
    body = b'{"error_description":"Authorization: Basic cHJvYmVyOnMzY3JldA== (prober:s3cret)"}'
    kept = collect(request, answer(body), "id-1", NOW, failed=True).body
    assert kept == f'{{"error_description":"Authorization: Basic {MASK} (prober:{MASK})"}}'


TOKEN = "eyJ0eXAi.e30._c-2~ln"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (f'{{"access_token":"{TOKEN}","error":"x"}}', f'{{"access_token":"{MASK}","error":"x"}}'),
        (f'{{"access_token" : "{TOKEN}"}}', f'{{"access_token" : "{MASK}"}}'),
        (f'{{"refresh_token":"{TOKEN}","id_token":"{TOKEN}"}}', f'{{"refresh_token":"{MASK}","id_token":"{MASK}"}}'),
        (f'{{"device_code":"{TOKEN}"}}', f'{{"device_code":"{MASK}"}}'),
        (f'{{"client_assertion":"{TOKEN}"}}', f'{{"client_assertion":"{MASK}"}}'),
        (f"{{'access_token': '{TOKEN}', 'a': 1}}", f"{{'access_token': '{MASK}', 'a': 1}}"),
        (f'{{"access_token":"a\'b\\"c\\n{TOKEN}","a":1}}', f'{{"access_token":"{MASK}","a":1}}'),
        (f'{{"access_token":"{TOKEN}', f'{{"access_token":"{MASK}'),
        (f'{{"m":"{{\\"access_token\\":\\"{TOKEN}\\"}}"}}', f'{{"m":"{{\\"access_token\\":\\"{MASK}"}}'),
        (f"access_token={TOKEN}&token_type=bearer", f"access_token={MASK}&token_type=bearer"),
        ('{"access_token":null,"a":"b"}', '{"access_token":null,"a":"b"}'),
        ("The client assertion is not within its time.", "The client assertion is not within its time."),
    ],
)
def test_a_token_in_a_failures_body_is_masked(body: str, kept: str) -> None:
    assert collect(REQUEST, answer(body.encode()), "id-1", NOW, failed=True).body == kept


VISIBLE = st.characters(
    min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="<>", exclude_categories=["Cc", "Cf"]
)
"""Without the mask's own brackets: beside a mask they could complete a secret by chance."""


@given(
    st.text(VISIBLE, min_size=4, max_size=24).filter(lambda raw: raw not in MASK),
    st.lists(st.text(max_size=20), min_size=2, max_size=4),
    st.sampled_from(
        [str, quote, quote_plus, html.escape, json.dumps, lambda raw: base64.b64encode(raw.encode()).decode()]
    ),
)
def test_no_spelling_of_a_secret_survives(raw: str, around: list[str], spell: object) -> None:
    assert callable(spell)
    spelling = spell(raw)
    kept = redact(spelling.join(around), [Secret(raw)])
    assert raw not in kept
    assert spelling not in kept


@given(st.text(st.characters(codec=None, categories=None)), st.lists(st.text(max_size=20).map(Secret), max_size=3))
def test_no_text_raises_and_what_is_left_can_be_shown(text: str, secrets: list[Secret]) -> None:
    kept = redact(text, secrets)
    assert all(character.isprintable() for character in kept.replace("\n", ""))
    assert kept.encode().decode() == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, grün, ☃, 日本", "plain, grün, ☃, 日本"),
        ("one\r\ntwo\nthree", "one\ntwo\nthree"),
        ("a\rb\tc\x00d\x7fe\x85f", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"),
        ("\x1b[31mred\x9b0m", "\ufffd[31mred\ufffd0m"),
        ("a\u202eb\u2066c\u200fd\u2028e", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("\ud800", "\ufffd"),
    ],
    ids=ascii,
)
def test_what_does_not_print_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_noun_shows_a_secret_a_body_or_a_token() -> None:
    target = Target(
        name="t",
        provider="oidc",
        endpoint=TokenEndpoint(REQUEST.url),
        grant="none",
        interval=30.0,
        timeout=10.0,
        parameters=(("refresh_token", Secret("canary")),),
    )
    request = TokenRequest(url=REQUEST.url, form=target.parameters, headers=(("Authorization", Secret("canary")),))
    got = TokenResponse(status=200, headers={"set-cookie": "canary"}, body=b"canary")
    evidence = Evidence(endpoint=REQUEST.url, request_id="id-1", body="canary")
    result = ProbeResult(
        target=target,
        started_at=NOW,
        duration=0.1,
        outcome=Outcome(),
        evidence=evidence,
        exchange=Exchange(),
        request=request,
    )
    for noun in (Secret("canary"), target, request, got, evidence, result):
        assert "canary" not in repr(noun) + str(noun) + f"{noun}" + f"{noun!a}"


@pytest.mark.fault(73)
def test_a_secret_in_a_header_is_masked_too() -> None:
    """A provider may echo it anywhere."""
    secret = Secret("PLANTED9x")
    request = TokenRequest(url="https://login.example/token", form=(("client_secret", secret),))
    got = answer(b"", x_ms_request_id="PLANTED9x", x_ms_ests_server="a PLANTED9x b", date="PLANTED9x")

    assert "PLANTED9x" not in str(collect(request, got, "id-1", NOW, failed=True))


def test_what_a_broken_answer_began_with_is_kept() -> None:
    """Status and ids came before the body broke off."""
    torn = TransportFailure(
        fault=Fault(Stage.BODY, Reason.TRUNCATED), status=503, headers={"x-ms-request-id": "0f5c9e8a-4d41"}
    )
    kept = collect(REQUEST, torn, "id-1", NOW, failed=True)

    assert (kept.status, kept.server_request_id) == (503, "0f5c9e8a-4d41")


def test_a_long_secret_that_is_almost_there_takes_no_time_to_look_for() -> None:
    """A spelling tried twice would double the work with every character: this would never end."""
    secret = "a-_" * 1000
    almost = secret[:-1]

    assert redact(almost, [Secret(secret)]) == almost


JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."


@pytest.mark.parametrize(
    "body",
    [
        f'{{"error": "x", "access_token": ["{JWT}"]}}',
        f'{{"error": "x", "accessToken": "{JWT}"}}',
        f'{{"error": "x", "data": {{"token": "{JWT}"}}}}',
        f"<p>error: {JWT}</p>",
    ],
)
def test_what_looks_like_a_token_is_masked_wherever_it_stands(body: str) -> None:
    """Whatever the field is called."""
    kept = collect(REQUEST, answer(body.encode()), "id-1", NOW, failed=True).body

    assert "eyJ" not in kept


def test_a_failed_200_keeps_no_json_that_may_hold_a_token() -> None:
    """An opaque token looks like nothing; the page of a captive portal is kept."""
    issued = TokenResponse(status=200, body=b'{"token": "opaque"}')
    opaque = collect(REQUEST, issued, "id-1", NOW, failed=True)
    portal = collect(REQUEST, TokenResponse(status=200, body=b"<html>log in</html>"), "id-1", NOW, failed=True)

    assert "opaque" not in opaque.body
    assert portal.body == "<html>log in</html>"


@pytest.mark.parametrize("unit", ["eyJ", "eyJaaaaa", "eyJaaaaaa.", "access_token", '"access_token":"', "\\", "<"])
def test_a_megabyte_of_bait_is_looked_through_at_once(unit: str) -> None:
    """No pattern looks back: one that did would be at this for minutes."""
    bait = unit * (1_000_000 // len(unit))

    assert redact(bait, [Secret("s3cret")])


def test_a_piece_of_a_secret_does_not_outlive_the_reading() -> None:
    """A reader cuts values at quotes and slashes; the secret is masked before it looks."""
    secret = Secret("topsecret_part~rest/of")
    got = masked(TokenResponse(status=400, body=b"error=topsecret_part~rest/of&suberror=x"), [secret])

    assert isinstance(got, TokenResponse)
    assert got.body == b"error=<secret>&suberror=x"
