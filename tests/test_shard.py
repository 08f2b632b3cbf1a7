"""Which exporter of several probes which target."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.shard import ALONE, Shard, ordinal

NAMES = [f"target-{number}" for number in range(3000)]


@given(st.text(), st.integers(1, 20))
def test_each_target_is_owned_exactly_once(name: str, count: int) -> None:
    """However many exporters there are."""
    assert sum(Shard(index, count).owns(name) for index in range(count)) == 1


def test_one_exporter_alone_owns_everything() -> None:
    """Nothing has to be said for that."""
    assert all(ALONE.owns(name) for name in NAMES)


def test_the_shares_are_even() -> None:
    """Of 3,000 targets each of three has about a thousand."""
    owned = Counter(index for index in range(3) for name in NAMES if Shard(index, 3).owns(name))

    assert all(920 <= owned[index] <= 1080 for index in range(3))


def test_one_more_exporter_moves_its_own_share_and_nothing_else() -> None:
    """About a quarter goes to the fourth; no target moves between the others."""
    moved = Counter(
        next(index for index in range(4) if Shard(index, 4).owns(name))
        for name in NAMES
        if not any(Shard(index, 3).owns(name) and Shard(index, 4).owns(name) for index in range(3))
    )

    assert moved.keys() == {3}
    assert 680 <= moved[3] <= 820


def test_the_owner_of_a_name_never_changes() -> None:
    """Exporters of different releases, on different machines, agree."""
    assert [next(i for i in range(5) if Shard(i, 5).owns(name)) for name in NAMES[:8]] == OWNERS


OWNERS = [3, 4, 0, 3, 3, 3, 1, 4]


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ("aadsts-exporter-0", 0),
        ("aadsts-exporter-17", 17),
        ("aadsts-exporter-2.aadsts-exporter.monitoring.svc", 2),
        ("aadsts-exporter", None),
        ("aadsts-exporter-5d9c7b6f4-x2x9z", None),
        ("3", None),
        ("-3", None),
        ("a-1234567", None),
        ("", None),
    ],
)
def test_a_pod_of_a_statefulset_ends_in_its_number(host: str, number: int | None) -> None:
    """Other hosts have none."""
    assert ordinal(host) == number
