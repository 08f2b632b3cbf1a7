"""docs/faults.md is the whole of the matrix, and each of its rows is shown by a test that says so."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from processes import ROOT

from exporter.catalogue import REASONS

DOCUMENT = (ROOT / "docs/faults.md").read_text()
ROWS = [int(number) for number in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)]


@cache
def marked() -> frozenset[int]:
    """The rows that tests are marked with."""
    return frozenset(row for path in (ROOT / "tests").rglob("test_*.py") for row in _marks(ast.parse(path.read_text())))


def _marks(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(number) for number in node.args)


def test_the_document_has_every_row_once_and_in_order() -> None:
    """A row that is left out is one that nobody has looked at."""
    assert list(range(55, 95)) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_shown_by_a_test(row: int) -> None:
    """At least one."""
    assert row in marked()


def test_no_test_shows_a_row_that_is_not_there() -> None:
    """Its reader would look for it in vain."""
    assert marked() <= set(ROWS)


def test_the_document_speaks_of_faults_that_there_are() -> None:
    """In the words of the closed sets."""
    faults = {f"{stage}/{reason}" for stage, reasons in REASONS.items() for reason in reasons}
    stages = "|".join(REASONS)

    assert set(re.findall(rf"`((?:{stages})/[a-z0-9_]+)`", DOCUMENT)) <= faults
