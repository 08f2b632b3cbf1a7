"""What an error answer says of itself is found wherever it says so, and is fit to be shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.interpret.read import MAX_DESCRIPTION, described_codes, read_object, read_text
from exporter.model import ErrorCode, ErrorResponse

TRACE_ID = "0f5c9e8a-4d41-4a6b-9a5e-6d1c2b3a4f00"
CORRELATION_ID = "c2a1b0d9-8e7f-4c6d-b5a4-938271605f4e"
TIMESTAMP = "2026-03-14 09:26:53Z"
WITH_LINES = f"Trace ID: {TRACE_ID}\r\nCorrelation ID: {CORRELATION_ID}\r\nTimestamp: {TIMESTAMP}"
WITH_SPACES = f"Trace ID: {TRACE_ID} Correlation ID: {CORRELATION_ID} Timestamp: {TIMESTAMP}"


def codes(*spelt: str) -> tuple[ErrorCode, ...]:
    return tuple(map(ErrorCode, spelt))


@pytest.mark.parametrize("ids", [WITH_LINES, WITH_SPACES, WITH_SPACES.replace(": ", ":")])
def test_entra_states_everything_twice_and_either_place_will_do(ids: str) -> None:
    description = f"AADSTS7000222: The provided client secret keys are expired. {ids}"
    fields = {"error_codes": [7000222], "trace_id": TRACE_ID, "correlation_id": CORRELATION_ID, "timestamp": TIMESTAMP}
    said = {"error": "invalid_client", "error_description": description}
    expected = ErrorResponse(
        error="invalid_client",
        codes=codes("AADSTS7000222"),
        description=description,
        trace_id=TRACE_ID,
        correlation_id=CORRELATION_ID,
        timestamp=TIMESTAMP,
    )
    assert read_object(said | fields) == expected
    assert read_object(said) == expected


def test_a_field_goes_before_the_description() -> None:
    said = read_object(
        {
            "error": "invalid_grant",
            "error_description": f"AADSTS65001: Text. {WITH_SPACES}",
            "error_codes": [50076],
            "trace_id": "of-the-field",
            "suberror": "client_mismatch",
            "claims": '{"access_token":{}}',
        }
    )
    assert said is not None
    assert (said.code, said.trace_id, said.correlation_id) == ("AADSTS50076", "of-the-field", CORRELATION_ID)
    assert (said.suberror, said.claims) == ("client_mismatch", True)


STATED: list[tuple[Any, tuple[str, ...]]] = [
    ([7000215], ("AADSTS7000215",)),
    ([70002, 50012], ("AADSTS70002", "AADSTS50012")),
    ([50012, 50012, 70002], ("AADSTS50012", "AADSTS70002")),
    (["50034"], ("AADSTS50034",)),
    (50034, ("AADSTS50034",)),
    ("50034", ("AADSTS50034",)),
    ([True, None, 1.5, {}, [50034], "5003\uff14", -50034, "50034 ", 50034], ("AADSTS50034",)),
    ([123, 123456789], ()),
    ([], ()),
    (None, ()),
    ({"50034": 1}, ()),
]


@pytest.mark.parametrize(("stated", "expected"), STATED)
def test_error_codes_count_in_their_order_whatever_their_type(stated: object, expected: tuple[str, ...]) -> None:
    said = read_object({"error": "invalid_grant", "error_codes": stated})
    assert said is not None
    assert said.codes == expected


DESCRIBED = [
    ("AADSTS50000: There was an error issuing a token.", ("AADSTS50000",)),
    ("AADSTS70002: Error. AADSTS50012: Late. See AADSTS70002.", ("AADSTS70002", "AADSTS50012")),
    ("**AADSTS7000215**: Invalid client secret.", ("AADSTS7000215",)),
    ("AADB2C90080: The provided grant has expired.", ("AADB2C90080",)),
    ("MSIS9605: The client is not allowed.", ("MSIS9605",)),
    ("AADSTS123: short; AADSTS123456789: long; aadsts50000; STS50000; AADSTS\u0665\u0660\u0660\u0660\u0660", ()),
    ("", ()),
]


@pytest.mark.parametrize(("text", "expected"), DESCRIBED)
def test_codes_are_found_in_prose_each_once(text: str, expected: tuple[str, ...]) -> None:
    assert described_codes(text) == expected


STATES_NO_ERROR: list[dict[str, Any]] = [
    {},
    {"error": None},
    {"error": ""},
    {"error": {"code": "serverError", "message": "AADSTS50000: There was an error."}},
    {"error": ["invalid_client"]},
    {"error": 401},
    {"error": "not one word"},
    {"error": "line\nbreak"},
    {"error": "\ud800"},
    {"error": "x" * 65},
    {"errors": "invalid_client"},
]


@pytest.mark.parametrize("values", STATES_NO_ERROR, ids=repr)
def test_an_error_is_one_word(values: dict[str, Any]) -> None:
    assert read_object(values) is None


@pytest.mark.parametrize("suberror", [None, 7, ["bad_token"], "two words", "\ud800", "x" * 65])
def test_a_suberror_is_one_word_or_absent(suberror: object) -> None:
    said = read_object({"error": "invalid_grant", "suberror": suberror})
    assert said == ErrorResponse(error="invalid_grant")


UNFIT_IDS = [7, None, ["a"], "two\nlines", "\x1b[31mred", "turned \u202eround", "\ud800", "x" * 129]


@pytest.mark.parametrize("field", ["trace_id", "correlation_id", "timestamp"])
@pytest.mark.parametrize("unfit", UNFIT_IDS, ids=ascii)
def test_an_id_is_one_short_printable_line_or_absent(field: str, unfit: object) -> None:
    assert read_object({"error": "invalid_grant", field: unfit}) == ErrorResponse(error="invalid_grant")


def test_a_description_is_cut_and_can_be_encoded() -> None:
    said = read_object({"error": "x", "error_description": "\ud800" + "y" * 100_000})
    assert said is not None
    assert said.description == "?" + "y" * (MAX_DESCRIPTION - 1)


def test_a_page_that_names_a_code_is_read_too() -> None:
    page = f"<p>AADSTS900561: The endpoint only accepts POST.</p><pre>{WITH_LINES}</pre>" + " " * MAX_DESCRIPTION
    assert read_text(page) == ErrorResponse(
        codes=codes("AADSTS900561"),
        description=page[:MAX_DESCRIPTION],
        trace_id=TRACE_ID,
        correlation_id=CORRELATION_ID,
        timestamp=TIMESTAMP,
    )


def test_json_within_json_is_read_as_text() -> None:
    inner = json.dumps({"error_description": f"AADSTS50173: Revoked. {WITH_LINES}"})
    said = read_text(json.dumps({"message": inner}))
    assert said is not None
    assert (said.codes, said.trace_id) == (("AADSTS50173",), TRACE_ID)


@pytest.mark.parametrize("text", ["", "Too Many Requests", f"The app is unknown. {WITH_LINES}", "<html></html>"])
def test_a_text_without_a_code_says_nothing(text: str) -> None:
    assert read_text(text) is None


FIELDS = ("error", "error_description", "error_codes", "suberror", "trace_id", "correlation_id", "timestamp", "claims")
ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=40) | st.sampled_from(
    ["invalid_client", "AADSTS50000: x", WITH_LINES]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_values_raise_and_all_that_is_read_can_be_written(values: dict[str, Any]) -> None:
    said = read_object(values)
    if said is not None:
        texts = (said.error, *said.codes, said.suberror, said.trace_id, said.correlation_id, said.timestamp)
        assert all(text.isprintable() for text in texts)
        assert said.description.encode().decode() == said.description
