"""Every answer ends in exactly one outcome out of the closed sets, whatever it says and however it says it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import REASONS, Category, Departure, Reason, Side, Stage
from exporter.grants import GRANTS
from exporter.interpret import judge_token
from exporter.interpret.judge import MAX_TOKEN_LIFETIME, judge_document
from exporter.model import (
    Answer,
    ErrorCode,
    Expectation,
    Failure,
    Fault,
    Outcome,
    Secret,
    TokenRequest,
    TokenResponse,
    TransportFailure,
)

TRACE_ID = "0f5c9e8a-4d41-4a6b-9a5e-6d1c2b3a4f00"
CORRELATION_ID = "c2a1b0d9-8e7f-4c6d-b5a4-938271605f4e"
TIMESTAMP = "2026-03-14 09:26:53Z"

POST = TokenRequest(url="https://login.example/token", form=(("grant_type", "client_credentials"),))
BASIC = TokenRequest(url=POST.url, form=POST.form, headers=(("Authorization", Secret("Basic eDp5")),))
TOKEN = Expectation()
JSON = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store, no-cache"}
TEXT = {"content-type": "text/plain"}
HTML = {"content-type": "text/html; charset=utf-8"}

PAGE = b"<!DOCTYPE html>\n<html><head><title>We are sorry</title></head><body>Try again later.</body></html>"
ISSUED: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3599, "access_token": "eyJ0eXAiOiJKV1Qi.e30.c2ln"}


def entra(error: str, *codes: int, **more: object) -> bytes:
    """An error body as Entra writes it."""
    said = " ".join(f"AADSTS{code}: What it means in words." for code in codes)
    body = {
        "error": error,
        "error_description": f"{said} Trace ID: {TRACE_ID} Correlation ID: {CORRELATION_ID} Timestamp: {TIMESTAMP}",
        "error_codes": codes,
        "timestamp": TIMESTAMP,
        "trace_id": TRACE_ID,
        "correlation_id": CORRELATION_ID,
        "error_uri": f"https://login.microsoftonline.com/error?code={codes[0]}",
    }
    return json.dumps(body | more).encode()


def token(**changes: object) -> bytes:
    """A token answer with these fields changed; None leaves one out."""
    return json.dumps({name: value for name, value in (ISSUED | changes).items() if value is not None}).encode()


def judge(status: int, body: bytes, expect: Expectation = TOKEN) -> Outcome:
    return judge_token(TokenResponse(status=status, headers=JSON, body=body), POST, expect)


def failure(category: Category, stage: Stage, reason: Reason) -> Failure:
    return Failure(category, Fault(stage, reason))


@dataclass(frozen=True)
class Said:
    """What must be read out of an answer; with `ids`, those of `entra`."""

    error: str = ""
    code: str | None = None
    suberror: str = ""
    ids: bool = True


SILENT = None
REFUSED = (Stage.OAUTH, Reason.REFUSED)
IN_200 = (Stage.OAUTH, Reason.ERROR_IN_200)
MALFORMED = (Stage.OAUTH, Reason.MALFORMED_ERROR)
SERVER_ERROR = (Stage.HTTP, Reason.SERVER_ERROR)
THROTTLED = (Stage.HTTP, Reason.THROTTLED)
REDIRECT = (Stage.HTTP, Reason.REDIRECT)
UNEXPECTED = (Stage.HTTP, Reason.UNEXPECTED_STATUS)
INCONSISTENT = (Stage.OAUTH, Reason.INCONSISTENT)
NOT_JSON = (Stage.PARSE, Reason.NOT_JSON)
EMPTY = (Stage.PARSE, Reason.EMPTY)

RECORDED: list[tuple[str, int, dict[str, str], bytes, Category, tuple[Stage, Reason], Said | None]] = [
    # Entra's own refusals.
    (
        "expired secret", 401, JSON, entra("invalid_client", 7000222),
        Category.CREDENTIAL_EXPIRED, REFUSED, Said("invalid_client", "AADSTS7000222"),
    ),
    (
        "wrong secret", 401, JSON, entra("invalid_client", 7000215),
        Category.CREDENTIAL_INVALID, REFUSED, Said("invalid_client", "AADSTS7000215"),
    ),
    (
        "unknown app", 400, JSON, entra("unauthorized_client", 700016),
        Category.CONFIG, REFUSED, Said("unauthorized_client", "AADSTS700016"),
    ),
    (
        "missing parameter", 400, JSON, entra("invalid_request", 900144),
        Category.REQUEST_MALFORMED, REFUSED, Said("invalid_request", "AADSTS900144"),
    ),
    (
        "old wrapper", 401, JSON, entra("invalid_client", 70002, 50012),
        Category.CREDENTIAL_INVALID, REFUSED, Said("invalid_client", "AADSTS70002"),
    ),
    (
        "old wrapper of a user's failure", 400, JSON, entra("invalid_grant", 70002, 50126),
        Category.USER_ACCOUNT, REFUSED, Said("invalid_grant", "AADSTS70002"),
    ),
    (
        "malformed refresh token", 400, JSON, entra("invalid_grant", 9002313, suberror="bad_token"),
        Category.GRANT_INVALID, REFUSED, Said("invalid_grant", "AADSTS9002313", "bad_token"),
    ),
    (
        "malformed request", 400, JSON, entra("invalid_request", 9002313),
        Category.REQUEST_MALFORMED, REFUSED, Said("invalid_request", "AADSTS9002313"),
    ),
    (
        "a new split of a listed code", 401, JSON, entra("invalid_client", 7000299),
        Category.CREDENTIAL_INVALID, REFUSED, Said("invalid_client", "AADSTS7000299"),
    ),
    (
        "an unknown code", 400, JSON, entra("made_up", 99999),
        Category.UNKNOWN, REFUSED, Said("made_up", "AADSTS99999"),
    ),
    (
        "codes as strings", 400, JSON, entra("invalid_grant", 70008, error_codes=["70008"]),
        Category.GRANT_INVALID, REFUSED, Said("invalid_grant", "AADSTS70008"),
    ),
    (
        "codes in the text alone", 400, JSON, entra("invalid_grant", 70008, error_codes=None),
        Category.GRANT_INVALID, REFUSED, Said("invalid_grant", "AADSTS70008"),
    ),
    (
        "a loop, throttled", 400, JSON, entra("invalid_grant", 50196),
        Category.THROTTLED, REFUSED, Said("invalid_grant", "AADSTS50196"),
    ),
    # The service fails, and says so in one way or another.
    (
        "token issuance fails", 500, JSON, entra("server_error", 50000),
        Category.SERVICE_FAULT, REFUSED, Said("server_error", "AADSTS50000"),
    ),
    (
        "token issuance fails, as a client's fault", 400, JSON, entra("invalid_grant", 50000),
        Category.SERVICE_FAULT, REFUSED, Said("invalid_grant", "AADSTS50000"),
    ),
    (
        "directory unavailable", 503, JSON, entra("temporarily_unavailable", 90033),
        Category.SERVICE_TRANSIENT, REFUSED, Said("temporarily_unavailable", "AADSTS90033"),
    ),
    (
        "a 500 with a client's code", 500, JSON, entra("invalid_client", 7000215),
        Category.SERVICE_FAULT, REFUSED, Said("invalid_client", "AADSTS7000215"),
    ),
    (
        "a 503 with a client's code", 503, JSON, entra("invalid_request", 900144),
        Category.SERVICE_TRANSIENT, REFUSED, Said("invalid_request", "AADSTS900144"),
    ),
    (
        "server_error with a client's code", 400, JSON, entra("server_error", 7000215),
        Category.SERVICE_FAULT, REFUSED, Said("server_error", "AADSTS7000215"),
    ),
    (
        "server_error alone", 500, JSON, b'{"error":"server_error"}',
        Category.SERVICE_FAULT, REFUSED, Said("server_error", ids=False),
    ),
    (
        "temporarily_unavailable alone", 400, JSON, b'{"error":"temporarily_unavailable"}',
        Category.SERVICE_TRANSIENT, REFUSED, Said("temporarily_unavailable", ids=False),
    ),
    (
        "a code within an error that is an object", 500, JSON,
        b'{"error":{"code":"serverError","message":"AADSTS50000: There was an error issuing a token."}}',
        Category.SERVICE_FAULT, REFUSED, Said("", "AADSTS50000", ids=False),
    ),
    ("a gateway's page", 502, HTML, PAGE, Category.SERVICE_FAULT, SERVER_ERROR, SILENT),
    ("a page of a 503", 503, HTML, PAGE, Category.SERVICE_TRANSIENT, SERVER_ERROR, SILENT),
    ("an empty 503", 503, {}, b"", Category.SERVICE_TRANSIENT, SERVER_ERROR, SILENT),
    ("a token in a 500", 500, JSON, token(), Category.PROTOCOL, INCONSISTENT, SILENT),
    ("a status beyond all", 999, TEXT, b"no", Category.SERVICE_FAULT, SERVER_ERROR, SILENT),
    # Throttled.
    ("a 429 in plain text", 429, TEXT, b"Too Many Requests", Category.THROTTLED, THROTTLED, SILENT),
    ("an empty 429", 429, {}, b"", Category.THROTTLED, THROTTLED, SILENT),
    (
        "a 429 in JSON", 429, JSON, entra("temporarily_throttled", 90055),
        Category.THROTTLED, REFUSED, Said("temporarily_throttled", "AADSTS90055"),
    ),
    (
        "a 429 of another provider", 429, JSON, b'{"error":"slow_down"}',
        Category.THROTTLED, REFUSED, Said("slow_down", ids=False),
    ),
    # Refusals in other words than JSON.
    (
        "a page that names its code", 400, HTML,
        f"<p>AADSTS900561: POST only.</p> Trace ID: {TRACE_ID} Correlation ID: {CORRELATION_ID} "
        f"Timestamp: {TIMESTAMP}".encode(),
        Category.REQUEST_MALFORMED, REFUSED, Said("", "AADSTS900561"),
    ),
    (
        "Latin-1 that names its code", 400, JSON, '{"error":"AADSTS50000: g\xfcltig"}'.encode("latin-1"),
        Category.SERVICE_FAULT, REFUSED, Said("", "AADSTS50000", ids=False),
    ),
    ("an empty 404", 404, {}, b"", Category.PROTOCOL, (Stage.HTTP, Reason.CLIENT_ERROR), SILENT),
    ("a page with a 403", 403, {}, PAGE, Category.PROTOCOL, (Stage.HTTP, Reason.CLIENT_ERROR), SILENT),
    ("JSON without an error", 405, JSON, b'{"code":"MethodNotAllowed"}', Category.PROTOCOL, MALFORMED, SILENT),
    ("an error that is a list", 400, JSON, b'{"error":["invalid_client"]}', Category.PROTOCOL, MALFORMED, SILENT),
    ("an error of half a pair", 400, JSON, rb'{"error":"\ud800"}', Category.PROTOCOL, MALFORMED, SILENT),
    ("a token in a 400", 400, JSON, token(), Category.PROTOCOL, INCONSISTENT, SILENT),
    ("null for a token in a 400", 400, JSON, b'{"access_token":null}', Category.PROTOCOL, MALFORMED, SILENT),
    # A 200 that is none.
    ("a portal's page", 200, HTML, PAGE, Category.PROTOCOL, NOT_JSON, SILENT),
    ("an empty 200", 200, JSON, b"", Category.PROTOCOL, EMPTY, SILENT),
    ("NaN", 200, JSON, b'{"access_token":"a","expires_in":NaN}', Category.PROTOCOL, NOT_JSON, SILENT),
    ("5000 digits", 200, JSON, b'{"expires_in":' + b"9" * 5000 + b"}", Category.PROTOCOL, NOT_JSON, SILENT),
    ("a list", 200, JSON, b"[]", Category.PROTOCOL, (Stage.PARSE, Reason.NOT_OBJECT), SILENT),
    ("a string", 200, JSON, b'"token"', Category.PROTOCOL, (Stage.PARSE, Reason.NOT_OBJECT), SILENT),
    ("nested without end", 200, JSON, b"[" * 60_000, Category.PROTOCOL, (Stage.PARSE, Reason.TOO_DEEP), SILENT),
    ("Latin-1", 200, JSON, b'{"a":"\xfc"}', Category.PROTOCOL, (Stage.PARSE, Reason.NOT_UTF8), SILENT),
    (
        "a token stated twice", 200, JSON, b'{"access_token":"a","token_type":"b","access_token":"c"}',
        Category.PROTOCOL, (Stage.PARSE, Reason.DUPLICATE_KEY), SILENT,
    ),
    (
        "an error in a 200", 200, JSON, b'{"error":"invalid_client"}',
        Category.PROTOCOL, IN_200, Said("invalid_client", ids=False),
    ),
    (
        "an error beside a token", 200, JSON, token(error="server_error"),
        Category.PROTOCOL, IN_200, Said("server_error", ids=False),
    ),
    (
        "a known code in a 200", 200, JSON, entra("temporarily_unavailable", 90033),
        Category.SERVICE_TRANSIENT, IN_200, Said("temporarily_unavailable", "AADSTS90033"),
    ),
    (
        "a page that names its code in a 200", 200, HTML, b"<p>AADSTS90033: A transient error has occurred.</p>",
        Category.SERVICE_TRANSIENT, IN_200, Said("", "AADSTS90033", ids=False),
    ),
    ("an error that is an object in a 200", 200, JSON, b'{"error":{}}', Category.PROTOCOL, MALFORMED, SILENT),
    # Statuses that no token endpoint has a use for.
    ("a 301", 301, HTML, PAGE, Category.PROTOCOL, REDIRECT, SILENT),
    ("a 302", 302, {"location": "https://elsewhere.example/"}, b"", Category.PROTOCOL, REDIRECT, SILENT),
    ("a 303", 303, {}, b"", Category.PROTOCOL, REDIRECT, SILENT),
    ("a 307", 307, {}, token(), Category.PROTOCOL, REDIRECT, SILENT),
    ("a 308", 308, {}, entra("invalid_client", 7000215), Category.PROTOCOL, REDIRECT, SILENT),
    ("a 101", 101, {}, b"", Category.PROTOCOL, UNEXPECTED, SILENT),
    ("a 201", 201, JSON, token(), Category.PROTOCOL, UNEXPECTED, SILENT),
    ("a 204", 204, {}, b"", Category.PROTOCOL, UNEXPECTED, SILENT),
    ("a 205", 205, {}, b"", Category.PROTOCOL, UNEXPECTED, SILENT),
    ("a 304", 304, {}, b"", Category.PROTOCOL, UNEXPECTED, SILENT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "headers", "body", "category", "where", "said"),
    [case[1:] for case in RECORDED],
    ids=[case[0] for case in RECORDED],
)
def test_an_answer_ends_where_it_must(
    status: int,
    headers: dict[str, str],
    body: bytes,
    category: Category,
    where: tuple[Stage, Reason],
    said: Said | None,
) -> None:
    outcome = judge_token(TokenResponse(status=status, headers=headers, body=body), POST, TOKEN)
    assert outcome.failure == failure(category, *where)
    assert outcome.token_lifetime is None
    refusal = outcome.refusal
    if said is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert (refusal.error, refusal.code, refusal.suberror) == (said.error, said.code, said.suberror)
        ids = (TRACE_ID, CORRELATION_ID, TIMESTAMP) if said.ids else ("", "", "")
        assert (refusal.trace_id, refusal.correlation_id, refusal.timestamp) == ids


def test_every_reason_of_an_answer_has_a_case() -> None:
    seen = {where for *_, where, _ in RECORDED}
    answered = {(stage, reason) for stage in (Stage.HTTP, Stage.PARSE, Stage.OAUTH) for reason in REASONS[stage]}
    of_metadata = {Reason.FOREIGN_HOST, Reason.ISSUER_MISMATCH, Reason.METADATA_INCOMPLETE}
    elsewhere = {Reason.TOKEN_ISSUED, Reason.KEYS_INVALID, Reason.NO_KEYS} | of_metadata
    of_grants = {where for grant in GRANTS.values() for where in grant.reasons}
    assert answered - seen - of_grants == {(Stage.OAUTH, reason) for reason in elsewhere} - of_grants


# A token.


@pytest.mark.parametrize(
    "body",
    [
        token(),
        b"\xef\xbb\xbf" + token(),
        token(token_type="bearer", scope="x", ext_expires_in=0, refresh_token=7),
        token(error_description="No error at all: AADSTS50000."),
        json.dumps(ISSUED | {"error": None}).encode(),
    ],
    ids=["plain", "byte order mark", "more fields", "a code in passing", "error null"],
)
def test_a_usable_token_is_a_success(body: bytes) -> None:
    assert judge(200, body) == Outcome(token_lifetime=3599.0)


LIFETIMES = [
    ("3599", 3599.0),
    ('"3599"', 3599.0),
    ("3599.75", 3599.75),
    ("3.6e3", 3600.0),
    ("1", 1.0),
    ("null", None),
    ("1000000000", MAX_TOKEN_LIFETIME),
    ("9" * 4000, MAX_TOKEN_LIFETIME),
    ('"999999999999"', MAX_TOKEN_LIFETIME),
]


@pytest.mark.parametrize(("stated", "lifetime"), LIFETIMES, ids=lambda value: str(value)[:16])
def test_expires_in_is_a_number_or_its_digits_or_unsaid(stated: str, lifetime: float | None) -> None:
    body = f'{{"access_token":"a","token_type":"Bearer","expires_in":{stated}}}'.encode()
    outcome = judge(200, body)
    assert outcome.success
    assert outcome.token_lifetime == lifetime


def test_expires_in_may_be_missing() -> None:
    assert judge(200, token(expires_in=None)) == Outcome()


NO_LIFETIMES = ["0", "-1", "-0.0", "true", "false", "1e400", "-1e400", "[]", "{}", '""', '"0"', '"-1"', '"1.5"']
NO_LIFETIMES += ['"1e3"', '" 3599"', '"3599\\n"', '"soon"', '"\\u0663"', '"1234567890123"', f'"{"9" * 5000}"']


@pytest.mark.parametrize("stated", NO_LIFETIMES, ids=lambda stated: stated[:16])
def test_any_other_expires_in_spoils_the_token(stated: str) -> None:
    body = f'{{"access_token":"a","token_type":"Bearer","expires_in":{stated}}}'.encode()
    assert judge(200, body).failure == failure(Category.TOKEN_INVALID, Stage.TOKEN, Reason.BAD_EXPIRES_IN)


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "pop", "mac", "N_A"])
def test_a_token_type_may_be_any_word_in_any_case(kind: str) -> None:
    assert judge(200, token(token_type=kind)).success


@pytest.mark.parametrize("kind", [None, "", 7, True, ["Bearer"], {}])
def test_a_token_type_must_be_a_word(kind: object) -> None:
    outcome = judge(200, token(token_type=kind))
    assert outcome.failure == failure(Category.PROTOCOL, Stage.TOKEN, Reason.BAD_TOKEN_TYPE)


@pytest.mark.parametrize(
    "issued", [None, "", 7, True, [], {}, "two\nlines", "tail\n", "\x00", "grün", "\ud800"], ids=ascii
)
def test_a_token_must_be_printable_ascii(issued: object) -> None:
    outcome = judge(200, token(access_token=issued))
    assert outcome.failure == failure(Category.PROTOCOL, Stage.TOKEN, Reason.MISSING)


# An expected refusal.


def expect(*codes: str, errors: tuple[str, ...] = ()) -> Expectation:
    return Expectation(codes=frozenset(map(ErrorCode, codes)), errors=frozenset(errors))


MET = [
    ("the code", expect("AADSTS900144"), entra("invalid_request", 900144)),
    ("one of the codes", expect("AADSTS900144", "AADSTS700016"), entra("unauthorized_client", 700016)),
    ("a code that is not the first", expect("AADSTS50012"), entra("invalid_client", 70002, 50012)),
    ("the error", expect(errors=("invalid_client",)), b'{"error":"invalid_client"}'),
    ("one of the errors", expect(errors=("x", "invalid_client")), entra("invalid_client", 7000215)),
    ("code and error", expect("AADSTS7000215", errors=("invalid_client",)), entra("invalid_client", 7000215)),
    ("a code of no category", expect("AADSTS99999"), entra("made_up", 99999)),
    ("a code on a page", expect("AADSTS900561"), b"<p>AADSTS900561: The endpoint only accepts POST.</p>"),
]


@pytest.mark.parametrize(("expected", "body"), [case[1:] for case in MET], ids=[case[0] for case in MET])
def test_the_expected_refusal_is_the_success(expected: Expectation, body: bytes) -> None:
    outcome = judge(400, body, expected)
    assert outcome.success
    assert outcome.refusal is not None
    assert outcome.token_lifetime is None


MISSED = [
    ("another code", expect("AADSTS900144"), 400, entra("unauthorized_client", 700016), Category.CONFIG),
    ("no code", expect("AADSTS900144"), 400, b'{"error":"invalid_request"}', Category.REQUEST_MALFORMED),
    ("another error", expect(errors=("invalid_client",)), 400, b'{"error":"invalid_scope"}', Category.CONFIG),
    (
        "the code with another error", expect("AADSTS700016", errors=("invalid_client",)), 400,
        entra("unauthorized_client", 700016), Category.CONFIG,
    ),
    (
        "the error with another code", expect("AADSTS7000215", errors=("invalid_client",)), 401,
        entra("invalid_client", 7000222), Category.CREDENTIAL_EXPIRED,
    ),
    ("a failing service", expect("AADSTS900144"), 400, entra("server_error", 50000), Category.SERVICE_FAULT),
    ("the split of an expected code", expect("AADSTS70002"), 401, entra("x", 7000215), Category.CREDENTIAL_INVALID),
    ("the code with a 500", expect("AADSTS900144"), 500, entra("invalid_request", 900144), Category.SERVICE_FAULT),
    ("the code with a 503", expect("AADSTS900144"), 503, entra("x", 900144), Category.SERVICE_TRANSIENT),
    ("an expected service code with a 503", expect("AADSTS90033"), 503, entra("x", 90033), Category.SERVICE_TRANSIENT),
    ("the code with a 200", expect("AADSTS900144"), 200, entra("x", 900144), Category.REQUEST_MALFORMED),
    ("the code with a redirect", expect("AADSTS900144"), 302, entra("x", 900144), Category.PROTOCOL),
    ("a page", expect("AADSTS900144"), 400, PAGE, Category.PROTOCOL),
    ("plain throttling", expect("AADSTS900144"), 429, b"Too Many Requests", Category.THROTTLED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "status", "body", "category"), [case[1:] for case in MISSED], ids=[case[0] for case in MISSED]
)
def test_any_other_refusal_keeps_its_own_category(
    expected: Expectation, status: int, body: bytes, category: Category
) -> None:
    outcome = judge(status, body, expected)
    assert outcome == judge(status, body)
    assert outcome.failure is not None
    assert outcome.failure.category is category


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, token()),
        (200, token(expires_in=0)),
        (200, token(token_type=None)),
        (200, token(error="invalid_request")),
        (400, token()),
        (400, entra("invalid_request", 900144, access_token="eyJ")),
        (500, token()),
    ],
)
def test_a_token_for_a_bad_request_breaks_the_contract(status: int, body: bytes) -> None:
    outcome = judge(status, body, expect("AADSTS900144"))
    assert outcome == Outcome.failed(Category.CONTRACT_BROKEN, Stage.OAUTH, Reason.TOKEN_ISSUED)


def test_null_for_a_token_breaks_no_contract() -> None:
    assert judge(400, entra("invalid_request", 900144, access_token=None), expect("AADSTS900144")).success


# Departures from RFC 6749.


def departures(status: int, body: bytes, request: TokenRequest = POST, **headers: str) -> tuple[Departure, ...]:
    sent = JSON | {name.replace("_", "-"): value for name, value in headers.items()}
    return judge_token(TokenResponse(status=status, headers=sent, body=body), request, TOKEN).departures


INVALID_CLIENT = entra("invalid_client", 7000215)


def test_basic_credentials_are_refused_with_401_and_a_challenge() -> None:
    assert departures(401, INVALID_CLIENT, BASIC, www_authenticate='Basic realm="x"') == ()
    assert departures(401, INVALID_CLIENT, BASIC, www_authenticate="basic") == ()
    assert departures(401, INVALID_CLIENT, BASIC) == (Departure.BASIC_WITHOUT_CHALLENGE,)
    assert departures(401, INVALID_CLIENT, BASIC, www_authenticate="Bearer") == (Departure.BASIC_WITHOUT_CHALLENGE,)
    assert departures(400, INVALID_CLIENT, BASIC, www_authenticate="Basic") == (Departure.BASIC_WITHOUT_401,)
    assert departures(400, INVALID_CLIENT, BASIC) == (Departure.BASIC_WITHOUT_401, Departure.BASIC_WITHOUT_CHALLENGE)


def test_other_refusals_and_credentials_in_the_form_need_no_401() -> None:
    assert departures(400, INVALID_CLIENT, POST) == ()
    assert departures(400, entra("invalid_scope", 70011), BASIC) == ()
    assert departures(200, token(), BASIC) == ()


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON;charset=UTF-8"])
def test_json_goes_by_its_name(kind: str) -> None:
    assert departures(200, token(), content_type=kind) == ()


@pytest.mark.parametrize("kind", ["", "text/html", "text/javascript"])
@pytest.mark.parametrize(("status", "body"), [(200, token()), (400, INVALID_CLIENT)])
def test_json_under_another_name_is_read_and_noted(status: int, body: bytes, kind: str) -> None:
    assert departures(status, body, content_type=kind) == (Departure.NOT_JSON_CONTENT_TYPE,)


def test_a_page_is_no_json_under_another_name() -> None:
    assert departures(502, PAGE, content_type="text/html") == ()


def test_a_token_must_not_be_stored() -> None:
    assert departures(200, token(), cache_control="No-Store") == ()
    assert departures(200, token(), cache_control="private, max-age=60") == (Departure.CACHEABLE_TOKEN,)
    assert departures(200, token(), cache_control="") == (Departure.CACHEABLE_TOKEN,)
    assert departures(400, INVALID_CLIENT, cache_control="") == ()
    assert departures(400, b'{"error":"x","access_token":null}', cache_control="") == ()


def test_expires_in_as_text_is_noted() -> None:
    assert departures(200, token(expires_in="3599")) == (Departure.EXPIRES_IN_NOT_A_NUMBER,)
    assert departures(200, token(expires_in=3599.5)) == ()


def test_an_expected_refusal_has_departures_too() -> None:
    answer = TokenResponse(status=400, headers=JSON, body=INVALID_CLIENT)
    outcome = judge_token(answer, BASIC, expect("AADSTS7000215"))
    assert outcome.success
    assert outcome.departures == (Departure.BASIC_WITHOUT_401, Departure.BASIC_WITHOUT_CHALLENGE)


# No whole answer.

ON_THE_WIRE = (Stage.LOCAL, Stage.DNS, Stage.CONNECT, Stage.TLS, Stage.SEND, Stage.HEADERS, Stage.BODY)
BROKEN_PROTOCOL = {
    (Stage.HEADERS, Reason.INVALID),
    (Stage.HEADERS, Reason.NOT_HTTP),
    (Stage.BODY, Reason.INVALID_FRAMING),
    (Stage.BODY, Reason.TOO_LARGE),
    (Stage.BODY, Reason.UNEXPECTED_ENCODING),
}
FAULTS = [Fault(stage, reason) for stage in ON_THE_WIRE for reason in REASONS[stage]]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.stage}-{fault.reason}")
@pytest.mark.parametrize("expected", [TOKEN, expect("AADSTS900144")], ids=["token", "refusal"])
def test_a_fault_on_the_wire_is_the_networks_unless_we_or_the_provider_are_to_blame(
    fault: Fault, expected: Expectation
) -> None:
    if fault.stage is Stage.LOCAL:
        category, side = Category.LOCAL, Side.PROBER
    elif (fault.stage, fault.reason) in BROKEN_PROTOCOL:
        category, side = Category.PROTOCOL, Side.PROVIDER
    elif fault.reason is Reason.CLIENT_CERTIFICATE_REFUSED:
        category, side = Category.CREDENTIAL_INVALID, Side.CLIENT
    else:
        category, side = Category.NETWORK, Side.NETWORK
    lost = TransportFailure(fault=fault)
    outcome = judge_token(lost, POST, expected)
    assert outcome == Outcome(failure=Failure(category, fault))
    assert outcome == judge_document(lost)
    assert outcome.failure is not None
    assert outcome.failure.side is side


# Whatever comes.

FIELDS = st.sampled_from(["access_token", "token_type", "expires_in", "error", "error_codes", "error_description"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, categories=None)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(FIELDS, inner, max_size=2),
    max_leaves=3,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "access_token": st.sampled_from(["eyJ", "", None, 7]) | VALUES,
        "token_type": st.sampled_from(["Bearer", "", None]) | VALUES,
        "expires_in": st.sampled_from([3599, "3599", 0, True]) | VALUES,
        "error": st.sampled_from(["invalid_request", "server_error", "authorization_pending", None]) | VALUES,
        "error_codes": st.sampled_from([[900144], [50000], [99999], ["900144"]]) | VALUES,
        "error_description": st.sampled_from(["AADSTS900144: x", "AADSTS50000: x"]) | VALUES,
    },
)
BODIES = st.binary(max_size=200) | LIKELY.map(lambda values: json.dumps(values).encode())
STATUSES = st.sampled_from([200, 204, 302, 400, 401, 429, 500, 503]) | st.integers(100, 999)
HEADER_NAMES = st.sampled_from(["content-type", "cache-control", "www-authenticate"])
RESPONSES = st.builds(
    TokenResponse, status=STATUSES, headers=st.dictionaries(HEADER_NAMES, st.text(max_size=20)), body=BODIES
)
ANSWERS = RESPONSES | st.sampled_from(FAULTS).map(lambda fault: TransportFailure(fault=fault))
EXPECTATIONS = st.sampled_from([TOKEN, expect("AADSTS900144"), expect("AADSTS900144", errors=("invalid_request",))])


@given(ANSWERS, st.sampled_from([POST, BASIC]), EXPECTATIONS)
def test_no_answer_raises_and_only_what_was_asked_for_succeeds(
    answer: Answer, request: TokenRequest, expected: Expectation
) -> None:
    outcome = judge_token(answer, request, expected)
    if outcome.failure is not None:
        assert outcome.failure.category in Category
        assert outcome.token_lifetime is None
        return
    assert isinstance(answer, TokenResponse)
    if not expected.refusal:
        assert answer.status == 200
        assert outcome.refusal is None
        assert 0 < (outcome.token_lifetime or 1) <= MAX_TOKEN_LIFETIME
        return
    assert 400 <= answer.status < 500
    assert outcome.refusal is not None
    assert expected.codes & set(outcome.refusal.codes)


def test_a_firewalls_page_that_mentions_an_error_value_is_no_refusal() -> None:
    """What people paste may mention one; an endpoint's own answer must state it."""
    page = TokenResponse(status=403, body=b"<html><p>Your request was blocked (access_denied).</p></html>")

    outcome = judge_token(page, TokenRequest(url="https://login.example/token"), Expectation())

    assert outcome == Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.CLIENT_ERROR)
