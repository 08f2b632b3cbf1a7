"""A body is one JSON object, or there is a reason why it is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import REASONS, Reason, Stage
from exporter.interpret.parse import parse_object

READ: list[tuple[str, bytes, dict[str, Any]]] = [
    ("an object", b'{"a": 1}', {"a": 1}),
    ("an empty object", b"{}", {}),
    ("white space around it", b' \r\n{"a": 1}\n\n', {"a": 1}),
    ("a byte order mark", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    ("UTF-8 beyond ASCII", '{"a": "grüß ☃"}'.encode(), {"a": "grüß ☃"}),
    ("the same key in two objects", b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
    ("half a surrogate pair, escaped", rb'{"a": "\ud800"}', {"a": "\ud800"}),
    ("a number too large for a float", b'{"a": 1e400}', {"a": float("inf")}),
    ("an integer of 4000 digits", b'{"a": ' + b"9" * 4000 + b"}", {"a": int("9" * 4000)}),
    ("nesting that is bearable", b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", {"a": json.loads("[" * 50 + "]" * 50)}),
]

REFUSED: list[tuple[str, bytes, Reason]] = [
    ("nothing", b"", Reason.EMPTY),
    ("white space", b" \r\n\t", Reason.EMPTY),
    ("a byte order mark alone", b"\xef\xbb\xbf", Reason.EMPTY),
    ("a page", b"<!DOCTYPE html><title>Sign in</title>", Reason.NOT_JSON),
    ("plain text", b"Too Many Requests", Reason.NOT_JSON),
    ("a form", b"access_token=abc&token_type=bearer", Reason.NOT_JSON),
    ("half an object", b'{"error": "invalid_cl', Reason.NOT_JSON),
    ("an object and more", b'{"a": 1} {"b": 2}', Reason.NOT_JSON),
    ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf{}", Reason.NOT_JSON),
    ("a raw line break within a string", b'{"a": "x\ny"}', Reason.NOT_JSON),
    ("NaN", b'{"a": NaN}', Reason.NOT_JSON),
    ("Infinity", b'{"a": Infinity}', Reason.NOT_JSON),
    ("-Infinity", b'{"a": [-Infinity]}', Reason.NOT_JSON),
    ("an integer of 5000 digits", b'{"a": ' + b"9" * 5000 + b"}", Reason.NOT_JSON),
    ("UTF-16 without a mark", '{"a": 1}'.encode("utf-16-le"), Reason.NOT_JSON),
    ("UTF-16 with a mark", '{"a": 1}'.encode("utf-16"), Reason.NOT_UTF8),
    ("Latin-1", '{"a": "grün"}'.encode("latin-1"), Reason.NOT_UTF8),
    ("half a surrogate pair, encoded", b'{"a": "\xed\xa0\x80"}', Reason.NOT_UTF8),
    ("a list", b'[{"error": "invalid_client"}]', Reason.NOT_OBJECT),
    ("a string", b'"invalid_client"', Reason.NOT_OBJECT),
    ("a number", b"42", Reason.NOT_OBJECT),
    ("null", b"null", Reason.NOT_OBJECT),
    ("a key twice", b'{"error": "invalid_client", "error": "server_error"}', Reason.DUPLICATE_KEY),
    ("a key twice, spelt otherwise", rb'{"a": 1, "\u0061": 1}', Reason.DUPLICATE_KEY),
    ("a key twice, further in", b'{"a": [{"b": 1, "b": 1}]}', Reason.DUPLICATE_KEY),
    ("lists without end", b'{"a":' + b"[" * 60_000, Reason.TOO_DEEP),
    ("objects without end", b'{"a":' * 12_000, Reason.TOO_DEEP),
]


@pytest.mark.parametrize(("body", "values"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_an_object_is_read(body: bytes, values: dict[str, Any]) -> None:
    assert parse_object(body) == values


@pytest.mark.parametrize(("body", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_object_has_a_reason(body: bytes, reason: Reason) -> None:
    assert parse_object(body) is reason


def test_every_reason_of_the_stage_has_a_case() -> None:
    assert {reason for _, _, reason in REFUSED} == set(REASONS[Stage.PARSE])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_what_an_encoder_writes_is_read_back(values: dict[str, Any]) -> None:
    assert parse_object(json.dumps(values).encode()) == values


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(body: bytes) -> None:
    content = parse_object(body)
    assert isinstance(content, dict) or content in REASONS[Stage.PARSE]
