"""What the soak does is a function of its seed."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from soak.plan import DECK, GAP, LASTS, Act, chosen, plan

SEEDS = st.integers(min_value=0, max_value=2**64)
SECONDS = st.floats(min_value=0, max_value=300)


@given(SEEDS, SECONDS)
def test_a_seed_always_means_the_same(seed: int, seconds: float) -> None:
    """Whatever else draws meanwhile; and another seed means something else."""
    actions = plan(seed, seconds)

    assert plan(seed, seconds) == actions
    assert not actions or plan(seed + 1, seconds) != actions


@given(SEEDS, SECONDS, SECONDS)
def test_a_shorter_soak_is_the_beginning_of_a_longer_one(seed: int, one: float, other: float) -> None:
    """So that a problem of the long form may be looked for in a short one."""
    short, long = sorted((plan(seed, one), plan(seed, other)), key=len)

    assert long[: len(short)] == short


@given(SEEDS, SECONDS)
def test_acts_are_in_order_and_in_time(seed: int, seconds: float) -> None:
    """With gaps as stated, and each as long as it may be."""
    actions = plan(seed, seconds)

    moments = [0.0, *(action.at for action in actions)]
    assert all(GAP[0] <= later - earlier <= GAP[1] + 1e-9 for earlier, later in pairwise(moments))
    assert moments[-1] <= seconds <= moments[-1] + GAP[1]
    for action in actions:
        least, most = LASTS.get(action.act, (1.0, 6.0))
        assert least <= action.lasts <= most


@given(SEEDS)
def test_each_act_comes_as_often_as_it_shall(seed: int) -> None:
    """Deck after deck: a minute leaves none out."""
    actions = plan(seed, 60.0)

    for begin in range(0, len(actions) - len(DECK), len(DECK)):
        assert Counter(action.act for action in actions[begin : begin + len(DECK)]) == Counter(DECK)
    assert {action.act for action in actions} == set(Act)


@given(st.lists(st.integers(), min_size=1), st.integers(min_value=0, max_value=2**32))
def test_a_choice_falls_on_one_of_them(of: list[int], choice: int) -> None:
    """Whatever the number is."""
    assert chosen(of, choice) in of
