"""The kinds of values that a config holds: what each takes, and what it says of the rest."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from exporter.config.values import (
    Code,
    Duration,
    Error,
    Instant,
    LabelName,
    Name,
    PlainUrl,
    Tenant,
    Text,
    Url,
    Variable,
    one_of,
)
from exporter.durations import parse_duration, show_duration

YEAR = 365 * 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("2h", 7200),
        ("1d", 86400),
        ("1s1ms", 1.001),
        ("1d1h1m1s1ms", 90061.001),
        ("0h5s", 5),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "30", "s", "30 s", " 30s", "30s\n", "1.5s", "-1s", "30S", "1s1m", "1s1s", "1w", "٣s", 30, None, ["30s"]],
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a duration such as 30s, 1m30s or 500ms$"):
        parse_duration(value)


@pytest.mark.parametrize("text", ["0s", "0ms", "0d0h"])
def test_no_time_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be longer than nothing$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30s"), (90, "1m30s"), (3600, "1h"), (0.5, "500ms"), (1.001, "1s1ms"), (90061.001, "1d1h1m1s1ms")],
)
def test_a_duration_is_shown_in_its_largest_units(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@given(st.integers(1, 10 * YEAR))
def test_a_shown_duration_is_read_as_the_same_time(milliseconds: int) -> None:
    shown = show_duration(milliseconds / 1000)
    assert round(parse_duration(shown) * 1000) == milliseconds
    assert show_duration(parse_duration(shown)) == shown


@given(st.text("0123456789dhms ") | st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) > 0


@pytest.mark.parametrize(
    "url",
    [
        "https://sso.example.org",
        "https://sso.example.org:8443/realms/main",
        "HTTPS://SSO.example.org/",
        "http://127.0.0.1:8080",
        "https://[2001:db8::1]/token",
        "https://sso.example.org/a@b",
    ],
)
def test_a_url_names_a_host(url: str) -> None:
    assert TypeAdapter(PlainUrl).validate_python(url) == url


CHARACTERS = "must be a URL without spaces, backslashes, control or non-ASCII characters"
SHAPE = "must be a URL such as https://sso.example.org/realms/main"
USER = "must not hold a user name or password"


@pytest.mark.fault(74)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:word@sso.example.org", USER),
        ("https://user@sso.example.org", USER),
        ("https://@sso.example.org", USER),
        ("https://sso.example.org\\@evil.example", CHARACTERS),
        ("https://sso.example.org/\\evil.example", CHARACTERS),
        ("https://sso.example.org/\r\nHost: evil", CHARACTERS),
        ("https://sso\t.example.org", CHARACTERS),
        ("https://sso.example.org\x00", CHARACTERS),
        ("https://sso.example.org/\x7f", CHARACTERS),
        (" https://sso.example.org", CHARACTERS),
        ("https://sso.example.org/a b", CHARACTERS),
        ("https://ßso.example.org", CHARACTERS),
        ("sso.example.org", SHAPE),
        ("//sso.example.org", SHAPE),
        ("ftp://sso.example.org", SHAPE),
        ("file:///etc/passwd", SHAPE),
        ("https:///token", SHAPE),
        ("https:sso.example.org", SHAPE),
        ("https://:443", SHAPE),
        ("https://sso.example.org:0", SHAPE),
        ("https://sso.example.org:65536", SHAPE),
        ("https://sso.example.org:https", SHAPE),
        ("https://[::1", SHAPE),
        ("", SHAPE),
        ("https://sso.example.org/#", "must not hold a fragment"),
        ("https://sso.example.org/?a=b", "must not hold a query"),
    ],
)
def test_a_url_that_may_lead_elsewhere_is_refused(url: str, message: str) -> None:
    assert refusal(PlainUrl, url) == message


def test_a_token_endpoint_may_hold_a_query() -> None:
    url = "https://sso.example.org/token?api-version=2"
    assert TypeAdapter(Url).validate_python(url) == url


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Name, "contoso-graph_2.eu"),
        (Name, "x" * 100),
        (Tenant, "contoso.onmicrosoft.com"),
        (Tenant, "11111111-2222-3333-4444-555555555555"),
        (LabelName, "team_2"),
        (Text, "api://contoso/.default offline_access"),
        (Text, "x" * 1000),
        (Text, "Größe 😀"),
        (Code, "AADSTS50000"),
        (Code, "AADSTS7000222"),
        (Code, "AADB2C90037"),
        (Code, "MSIS9605"),
        (Error, "invalid_client"),
        (Variable, "KEYCLOAK_SECRET"),
        (one_of(["a", "b"]), "b"),
    ],
)
def test_what_fits_is_kept_as_it_stands(kind: Any, text: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == text


NAME = "must begin with a letter or digit and hold only letters, digits, '.', '_' and '-', at most 100"
TENANT = "must be a tenant id, a domain, or one of common, organizations, consumers"
LABEL = "must be a Prometheus label name such as team"
TEXT = "must be 1 to 1000 printable characters"
CODE = "must be an error code with its prefix, as AADSTS50000"
ERROR = "must be an OAuth error value, as invalid_client"
INSTANT = 'must be a date such as "2027-01-31" or a moment such as "2027-01-31T12:00:00Z", in quotes'
VARIABLE = "must be the name of an environment variable"


@pytest.mark.fault(74)
@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        *[(Name, text, NAME) for text in ("", "-a", ".a", "a b", "a/b", "a\n", "ä", "x" * 101)],
        *[(Tenant, text, TENANT) for text in ("", "../common", "a/b", "a?b", "a#b", "common\n", "-a")],
        *[(LabelName, text, LABEL) for text in ("", "__name__", "_a", "2a", "a-b", "team\n")],
        *[(Text, text, TEXT) for text in ("", "a\nb", "a\x00", "a\x85", "\u2028", "\ud800", "x" * 1001)],
        *[
            (Code, text, CODE)
            for text in ("50000", "aadsts50000", "AADSTS", "AADSTS123", "AADSTS123456789", "AADSTS50000\n")
        ],
        *[(Error, text, ERROR) for text in ("", "a b", 'a"', "x" * 65)],
        *[(Variable, text, VARIABLE) for text in ("", "2A", "A-B", "$A", "A=B")],
        (one_of(["a", "b"]), "c", "must be one of a, b"),
        (Duration, "soon", "must be a duration such as 30s, 1m30s or 500ms"),
        *[(Instant, text, INSTANT) for text in ("soon", "2027", "2027-13-01", "2027-01-31T12:00:00", "31.01.2027")],
    ],
)
def test_what_does_not_fit_is_told_what_would(kind: Any, text: str, message: str) -> None:
    assert refusal(kind, text) == message


def refusal(kind: Any, value: str) -> str:
    """What a kind says of a value that it does not take; a message has no room for the value itself."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (detail,) = caught.value.errors()
    return detail["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T00:00:00Z", 1_801_353_600),
        ("2027-01-31T02:00:00+02:00", 1_801_353_600),
        ("2027-01-31T12:34:56Z", 1_801_398_896),
    ],
)
def test_an_instant_is_unix_time(text: str, moment: float) -> None:
    """A date alone begins at midnight, UTC."""
    assert TypeAdapter(Instant).validate_python(text) == moment
