"""The strict YAML reader: plain values, their lines, and every problem without its value."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from exporter.document import MAX_ALIASES, MAX_DEPTH, MAX_SIZE, Document, Problem, dotted, likely_key, load

CANARY = "c4n4ry"


def complaints(text: str) -> list[str]:
    return [str(problem) for problem in load(text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: word", "word"),
        ("a: two words", "two words"),
        ("a: 'NO'", "NO"),
        ('a: "0123"', "0123"),
        ("a: !!str 0123", "0123"),
        ("a: true", True),
        ("a: False", False),
        ("a: 12", 12),
        ("a: -12", -12),
        ("a: 0", 0),
        ("a: 0.25", 0.25),
        ("a: null", None),
        ("a: ~", None),
        ("a:", None),
        ("a: 2024-02-30", "2024-02-30"),
        ("a: 30s", "30s"),
        ("a: [1, two, {b: c}]", [1, "two", {"b": "c"}]),
        ("a: |\n  one\n  two\n", "one\ntwo\n"),
        ("a: {NO: 1, 0123: 2}", {"NO": 1, "0123": 2}),
    ],
)
def test_a_plain_value_is_read_as_it_looks(text: str, value: object) -> None:
    document = load(text)
    assert (document.root, document.problems) == ({"a": value}, ())


BOOLEAN = "line 1: a: YAML reads this as a boolean; put it in quotes if it is text"
NUMBER = "line 1: a: YAML reads this as another number; put it in quotes if it is text"
DIRECTIVE = "line 1: a: YAML reads this as a directive; put it in quotes if it is text"


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    ("scalar", "complaint"),
    [
        *[(scalar, BOOLEAN) for scalar in ("NO", "no", "yes", "on", "Off")],
        *[(scalar, NUMBER) for scalar in ("0123", "0x1F", "0b11", "1_000", "+0123", "9" * 19)],
        *[(scalar, NUMBER) for scalar in ("22:22", "1:30.5", "1.", ".5", "1.5e+3", ".inf", ".NaN", "1_0.5")],
        ("=", DIRECTIVE),
        ("<<", DIRECTIVE),
    ],
)
def test_a_scalar_that_yaml_1_1_takes_for_something_else_is_a_problem(scalar: str, complaint: str) -> None:
    assert complaints(f"a: {scalar}") == [complaint]
    assert complaints(f"a: '{scalar}'") == []


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "line 1: the file is empty", id="an empty text"),
        pytest.param("# only this\n", "line 1: the file is empty", id="only a comment"),
        pytest.param("a: 1\nb: 2\na: 3", "line 3: a: this key stands twice; the first is on line 1", id="twice"),
        pytest.param(
            "a:\n  - {b: 1, b: 2}",
            "line 2: a[0].b: this key stands twice; the first is on line 2",
            id="twice in a nested mapping",
        ),
        pytest.param("a: 1\n---\nb: 2", "line 2: a second document begins; keep one document in a file", id="second"),
        pytest.param(
            "a: 1\nb: {<<: {c: 1}}", "line 2: b: merge keys (<<) are not supported; write the keys out", id="merge key"
        ),
        pytest.param("a: !!int '3'", "line 1: a: tags have no meaning here", id="a tag of YAML's own"),
        pytest.param("a: !!python/name:os.system x", "line 1: a: tags have no meaning here", id="a tag of Python's"),
        pytest.param("a: !map {}", "line 1: a: tags have no meaning here", id="a tag on a mapping"),
        pytest.param("a: *b", "line 1: a: this alias names no anchor above it", id="an alias without an anchor"),
        pytest.param(
            "a: &x 1\nb: &y [*x]\nc: *y\n",
            "line 2: b: an anchored value must not contain an alias",
            id="an alias of an alias, which could grow without bound",
        ),
        pytest.param("? [a]\n: b\nc: d", "line 1: a key must be a plain word", id="a list for a key"),
        pytest.param("a: {? {b: c} : d, e: f}", "line 1: a: a key must be a plain word", id="a mapping for a key"),
        pytest.param("a: {'': b}", "line 1: a: a key must be a plain word", id="an empty key"),
        pytest.param("x: &x 1\n*x : 2", "line 2: a key must be a plain word", id="an alias for a key"),
        pytest.param("a: 1\nb: \x07", "line 2: not valid YAML: a character that YAML does not allow", id="a bell"),
        pytest.param(
            "a: \ud800", "line 1: not valid YAML: a character that YAML does not allow", id="half a character"
        ),
    ],
)
def test_a_mistake_is_one_problem_on_its_line(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a: 1\nb: 'c", 2, id="an open quote"),
        pytest.param("a: 1\nb: ]", 2, id="a bracket that nothing opened"),
        pytest.param("a: 1\n\tb: 2", 2, id="a tab as indent"),
        pytest.param("a: 1\nb: c: d", 2, id="two colons"),
        pytest.param("a: @b", 1, id="a reserved character"),
        pytest.param('a: "\\q"', 1, id="an escape that YAML does not have"),
        pytest.param("a: !x!y z", 1, id="a tag handle that was never declared"),
    ],
)
def test_broken_yaml_is_one_problem_on_its_line(text: str, line: int) -> None:
    (problem,) = load(text).problems
    assert (problem.line, problem.path) == (line, "")
    assert problem.message.startswith("not valid YAML: ")


def test_all_problems_of_a_document_are_listed() -> None:
    assert complaints("a: NO\nb: !x 1\nb: 2\nc: *d\n") == [
        "line 1: a: YAML reads this as a boolean; put it in quotes if it is text",
        "line 2: b: tags have no meaning here",
        "line 3: b: this key stands twice; the first is on line 2",
        "line 4: c: this alias names no anchor above it",
    ]


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: 1\n<<: {a: 2, b: 3}", "a: 1\n? [b]\n: 2"])
def test_what_was_reported_leaves_the_rest_as_it_was(text: str) -> None:
    document = load(text + "\nz: 9\n")
    assert (document.root, len(document.problems)) == ({"a": 1, "z": 9}, 1)


def test_an_alias_repeats_the_value_of_its_anchor() -> None:
    document = load("a: &x {b: [1]}\nc: *x\nd: &y word\ne: *y\n")
    assert document.root == {"a": {"b": [1]}, "c": {"b": [1]}, "d": "word", "e": "word"}
    assert document.problems == ()


def test_an_anchored_value_cannot_hold_itself() -> None:
    assert complaints("a: &b [*b]") == [
        "line 1: a[0]: this alias names no anchor above it",
        "line 1: a: an anchored value must not contain an alias",
    ]


@pytest.mark.fault(65)
def test_aliases_are_bounded() -> None:
    most = "a: &x 1\nb: [" + "*x, " * MAX_ALIASES
    assert complaints(most + "]") == []
    assert complaints(most + "*x]") == [f"line 2: b[{MAX_ALIASES}]: more than {MAX_ALIASES} aliases"]


def test_nesting_is_bounded() -> None:
    assert complaints("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    (complaint,) = complaints("\n" + "[" * (MAX_DEPTH + 1))
    assert complaint == f"line 2: {'[0]' * MAX_DEPTH}: nested deeper than {MAX_DEPTH} levels"


@pytest.mark.fault(65)
def test_a_nesting_bomb_is_one_problem() -> None:
    """Newer releases of libyaml look ahead and refuse it before we do."""
    (complaint,) = complaints("\n" + "[" * 100_000)

    assert complaint in {
        f"line 2: {'[0]' * MAX_DEPTH}: nested deeper than {MAX_DEPTH} levels",
        "line 2: not valid YAML: exceeded maximum nesting depth",
    }


@pytest.mark.fault(65)
def test_size_is_bounded() -> None:
    assert complaints("#" * (MAX_SIZE + 1)) == ["line 1: the file is larger than 16 MiB"]


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert load("\ufeffa: 1").root == {"a": 1}


@pytest.mark.fault(65)
@pytest.mark.parametrize(
    "text",
    [
        f"a: '{CANARY}",
        f'a: "\\{CANARY}"',
        f"a: {CANARY}: {CANARY}",
        f"a: @{CANARY}",
        f"a: `{CANARY}`",
        f"a: !{CANARY} x",
        f"a: !{CANARY}!x y",
        f"a: *{CANARY}",
        f"a: &{CANARY} [*{CANARY}]",
        f"%{CANARY}\n---\n@{CANARY}",
        f"a: {{{CANARY}",
        f"a: [{CANARY}: 1, 2",
        f"a: b\n{CANARY}\n",
        f"a: |\n  {CANARY}\n {CANARY}: x",
        f"a: {CANARY}\x07",
        f"? [{CANARY}]\n: {CANARY}\n",
        f"? [x]\n: {CANARY}\n{CANARY}: 1\nb: NO",
        f"a: {{{{{CANARY}}}}}",
        f"a: {CANARY}\na: {CANARY}",
        f"<<: {CANARY}",
        f"a: !!bool {CANARY}",
        f"'{CANARY} with a space': NO",
    ],
)
@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_no_problem_repeats_a_value(monkeypatch: pytest.MonkeyPatch, loader: object, text: str) -> None:
    monkeypatch.setattr("exporter.document._Loader", loader)
    document = load(text)
    assert document.problems
    assert CANARY not in repr(document.problems)


def test_private_keys_are_repeated_only_where_they_are_known() -> None:
    text = f"a:\n  - credential: {{known: NO, {CANARY}: NO, known: {{{CANARY}: 0123}}}}\n    {CANARY}: NO"
    document = load(text, private={"credential": {"known"}})
    assert [problem.path for problem in document.problems] == [
        "a[0].credential.known",
        "a[0].credential.?",
        "a[0].credential.known",
        "a[0].credential.known.?",
        f"a[0].{CANARY}",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("targets", 2, "credential"), "targets[2].credential"),
        ((0, "a"), "[0].a"),
        (("labels", "two words"), "labels.?"),
        (("labels", "x" * 65, "y"), "labels.?.y"),
        (("a\nb",), "?"),
    ],
)
def test_a_path_is_written_with_dots_and_brackets(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path, {}) == text


def test_a_problem_stands_on_the_line_of_the_nearest_part_that_is_in_the_text() -> None:
    document = load("a:\n  - b: 1\n  -\n    c: 2\n")
    assert document.problem(("a", 1, "c"), "wrong") == Problem(4, "a[1].c", "wrong")
    assert document.problem(("a", 1, "missing", "x"), "wrong") == Problem(4, "a[1].missing.x", "wrong")
    assert document.problem(("missing",), "wrong") == Problem(1, "missing", "wrong")


def test_problems_sort_by_line() -> None:
    problems = [Problem(10, "a", "x"), Problem(9, "b", "x"), Problem(9, "a", "x")]
    assert [str(problem) for problem in sorted(problems)] == ["line 9: a: x", "line 9: b: x", "line 10: a: x"]


def test_a_misspelt_key_resembles_a_known_one() -> None:
    assert likely_key("tennant", ["timeout", "tenant"]) == "tenant"
    assert likely_key("zzz", ["timeout", "tenant"]) == ""


class Entry(BaseModel):
    """A shape to validate against."""

    model_config = ConfigDict(extra="forbid", strict=True)

    interval: int
    names: list[str] = []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names: []", ["line 1: interval: is required"]),
        ("interval: x", ["line 1: interval: must be a whole number"]),
        ("interval: 1\nintrval: 2", ["line 2: intrval: unknown key; did you mean interval?"]),
        ("intrval: 2", ["line 1: intrval: unknown key; did you mean interval?"]),
        ("interval: 1\nqqq: 2", ["line 2: qqq: unknown key"]),
        ("interval: 1\nelsewhere: 2", ["line 2: elsewhere: unknown key; it belongs elsewhere"]),
        ("interval: 1\nnames: x", ["line 2: names: must be a list"]),
        (
            "interval: 1\nnames:\n - 5\n",
            ["line 3: names[0]: must be text; put it in quotes if it looks like a number"],
        ),
        ("[]", ["line 1: must be a mapping"]),
    ],
)
def test_what_pydantic_finds_is_said_in_our_words(text: str, expected: list[str]) -> None:
    document = load(text)
    with pytest.raises(ValidationError) as caught:
        Entry.model_validate(document.root)
    known = {*Entry.model_fields, "elsewhere"}
    assert [str(problem) for problem in document.invalid(caught.value, known)] == expected


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value inside a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


SCALARS = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text()
KEYS = st.text(min_size=1).filter(lambda key: key != "<<")
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=5)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_what_a_yaml_writer_writes_is_read_back(value: dict[str, object]) -> None:
    document = load(yaml.safe_dump(value))
    assert (document.root, document.problems) == (value, ())
    assert set(document.lines) == set(places(value))


def check(document: Document, text: str) -> None:
    """Something was read or something is wrong, and what is wrong stands in the text."""
    assert document.problems or document.root is not None
    assert all(1 <= problem.line <= len(text.splitlines()) + 1 for problem in document.problems)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()))
def test_no_text_makes_it_raise(text: str) -> None:
    check(load(text), text)


TOKENS = ["a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&a ", "*a ", "<<: ", "!!int ", "---\n"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, "'", '"', "|\n", ">", "%", "#", "NO", "0123", "\t", "...\n", "\x07"])))
def test_no_yaml_makes_it_raise(tokens: list[str]) -> None:
    text = "".join(tokens)
    check(load(text), text)
