"""How many of the last attempts failed, and how."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from exporter.windows import SIZES, Windows


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=200))
def test_counts_are_those_of_the_last_attempts(kinds: list[str | None]) -> None:
    """What is told of changes adds up, after each attempt, to what a recount finds."""
    windows = Windows[str]()
    told: dict[tuple[str, int], int] = {}
    for n, kind in enumerate(kinds, 1):
        for changed, size, count in windows.add(kind):
            told[changed, size] = count
        for size in SIZES:
            recount = Counter(kind for kind in kinds[max(0, n - size) : n] if kind)
            assert {kind: told.get((kind, size), 0) for kind in "abc"} == {kind: recount[kind] for kind in "abc"}


def test_only_changes_are_told() -> None:
    """A success that pushes out a success changes nothing."""
    windows = Windows[str]()

    assert list(windows.add(None)) == []
    assert sorted(windows.add("a")) == [("a", size, 1) for size in SIZES]
