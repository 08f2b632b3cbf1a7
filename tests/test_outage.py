"""The sequential test for outages, and when an attempt is repeated to be sure."""

import random

import pytest
from fakes import make_target
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import FAILURE_CATEGORIES, OUTAGE_CATEGORIES, Category, Reason, Stage
from exporter.model import Evidence, Exchange, Failure, Fault, Outcome, ProbeResult
from exporter.outage import (
    HOLD_OFF,
    LEAST_SUCCESSES,
    MOST_SILENCE,
    MOST_SUCCESSES,
    Allowance,
    OutageTest,
    Watch,
    speaks_of_outage,
)

FAULT = Fault(Stage.OAUTH, Reason.REFUSED)


def seen(answers: str) -> OutageTest:
    """A test that was shown these answers: `x` failed, `.` did not."""
    test = OutageTest()
    for answer in answers:
        test.see(failed=answer == "x")
    return test


def result(category: Category | None = None, retry_after: str = "", started_at: float = 0.0) -> ProbeResult:
    """An attempt that failed in this way, or succeeded."""
    return ProbeResult(
        target=make_target(),
        started_at=started_at,
        duration=0.1,
        outcome=Outcome(failure=Failure(category, FAULT) if category else None),
        evidence=Evidence(endpoint="https://login.example/", request_id="r", retry_after=retry_after),
        exchange=Exchange(),
    )


@pytest.mark.parametrize(
    ("answers", "certain"),
    [
        ("", False),
        ("x", False),
        ("xxxx", False),
        ("xxxxx", True),
        ("." * 1000 + "xxxxx", True),
        # A blip of three, with a success between it and the next failure.
        ("xxx.x", False),
        ("xxx" + "." * 60 + "xxx", False),
        # One in five fails.
        ("x....x....", False),
        ("x....x....x....x", True),
        # One in twenty.
        (("x" + "." * 19) * 4, False),
        (("x" + "." * 19) * 6, True),
        # One in two hundred is noise, for ever.
        (("x" + "." * 199) * 50, False),
    ],
)
def test_a_verdict_needs_a_run_of_failures_or_enough_of_them_apart(answers: str, certain: bool) -> None:
    """Until then there is evidence, and no more."""
    test = seen(answers)

    assert test.certain is certain
    assert certain or test.evidence < 1


@given(st.text("x.", max_size=300))
def test_evidence_is_a_share_and_a_verdict_outlives_no_long_success(answers: str) -> None:
    """Whatever was seen: evidence lies within 0 and 1, and so many successes end every outage."""
    test = seen(answers)

    assert 0 <= test.evidence <= 1
    assert test.certain or test.evidence < 1
    assert not seen(answers + "." * MOST_SUCCESSES).certain


@pytest.mark.parametrize("every", range(2, 21))
def test_one_failure_in_so_many_is_an_outage(every: int) -> None:
    """Also where a success is what tips the balance: after a failure it is one for a partial outage."""
    test = OutageTest()
    verdicts = 0
    for n in range(20 * every):
        test.see(failed=n % every == 0)
        verdicts += test.certain

    assert verdicts > 0


def test_answers_that_say_nothing_end_an_outage_at_last() -> None:
    """Nobody knows any more what the throttled or unreadable would have found."""
    watch = Watch(Allowance(0))
    for _ in range(5):
        watch.attempted(result(Category.NETWORK))
    for n in range(MOST_SILENCE):
        assert watch.test.certain, n
        watch.attempted(result(Category.THROTTLED))

    assert (watch.test.certain, watch.test.evidence) == (False, 0.0)


@pytest.mark.parametrize(
    ("outage", "least", "most"),
    [
        ("x" * 200, LEAST_SUCCESSES, LEAST_SUCCESSES),
        ("x." * 100, 5, 10),
        ("x...." * 40, 15, 30),
        (("x" + "." * 19) * 20, 60, MOST_SUCCESSES),
    ],
)
def test_the_more_failed_the_fewer_successes_end_it(outage: str, least: int, most: int) -> None:
    """As many as would have at most a chance of 1 % if it went on."""
    test = seen(outage.rstrip("."))
    assert test.certain

    needed = next(n for n in range(1, 1000) if not seen(outage.rstrip(".") + "." * n).certain)

    assert least <= needed <= most


def test_an_outage_that_is_over_leaves_no_evidence() -> None:
    """The next failure is a first one again."""
    over = seen("x" * 50 + "." * LEAST_SUCCESSES)

    assert (over.certain, over.evidence) == (False, 0.0)


def test_noise_is_no_outage() -> None:
    """Of 30 days of an attempt every 15 seconds, 0.3 % of which fail at random, nothing is taken for an outage."""
    draw = random.Random(1)
    test = OutageTest()
    verdicts = 0
    for _ in range(30 * 5760):
        before = test.certain
        test.see(failed=draw.random() < 0.003)
        verdicts += test.certain and not before

    assert verdicts == 0


@pytest.mark.parametrize("category", FAILURE_CATEGORIES)
def test_what_a_failure_says_of_an_outage(category: Category) -> None:
    """Server, protocol and network failures do; being told off means that the service works; the rest says nothing."""
    spoken = speaks_of_outage(result(category).outcome)

    if category in OUTAGE_CATEGORIES:
        assert spoken is True
    elif category in {Category.THROTTLED, Category.LOCAL, Category.UNKNOWN}:
        assert spoken is None
    else:
        assert spoken is False


def test_a_success_speaks_against_an_outage() -> None:
    """It is what an outage lacks."""
    assert speaks_of_outage(Outcome()) is False


@pytest.mark.parametrize("category", FAILURE_CATEGORIES)
def test_only_failures_as_in_an_outage_are_confirmed(category: Category) -> None:
    """Never after throttling, nor after a refusal of the client or its user: repeating it feeds a lockout."""
    watch = Watch(Allowance(10))

    watch.attempted(result(category))

    assert watch.asks(0.0) is (category in OUTAGE_CATEGORIES)


def test_an_answer_that_says_when_to_come_back_is_not_repeated() -> None:
    """Retry-After is heeded, also when the next answer says nothing of it."""
    watch = Watch(Allowance(10))

    watch.attempted(result(Category.SERVICE_TRANSIENT, retry_after="120"))
    assert not watch.asks(0.0)
    watch.attempted(result(Category.SERVICE_TRANSIENT, started_at=HOLD_OFF - 1))
    assert not watch.asks(0.0)
    watch.attempted(result(Category.SERVICE_TRANSIENT, started_at=HOLD_OFF))

    assert watch.asks(0.0)


@pytest.mark.parametrize("category", sorted(set(FAILURE_CATEGORIES) - OUTAGE_CATEGORIES))
def test_confirming_ends_at_the_first_other_refusal(category: Category) -> None:
    """Whether a confirming attempt or one of the schedule meets it."""
    for see in (Watch.confirmed, Watch.attempted):
        watch = Watch(Allowance(10))
        watch.attempted(result(Category.NETWORK))
        see(watch, result(category))

        assert not watch.asks(0.0)


def test_confirming_ends_with_certainty_or_without_suspicion() -> None:
    """Five failures are certain; after enough successes nothing is left to confirm."""
    certain, refuted = Watch(Allowance(1000)), Watch(Allowance(1000))
    for watch, category in ((certain, Category.NETWORK), (refuted, None)):
        watch.attempted(result(Category.NETWORK))
        asked = 0
        while watch.asks(0.0):
            asked += 1
            watch.confirmed(result(category))
        assert 3 < asked < 80

    assert (certain.test.certain, refuted.test.evidence) == (True, 0.0)


def test_confirming_does_not_begin_by_a_confirmation() -> None:
    """What was started before suspicion ended may still come back as a failure; it starts nothing anew."""
    watch = Watch(Allowance(10))

    watch.confirmed(result(Category.NETWORK))

    assert not watch.asks(0.0)
    assert watch.test.evidence > 0


def test_a_late_answer_does_not_revive_what_was_refuted() -> None:
    """A confirmation that was under way when nothing was left of the suspicion."""
    watch = Watch(Allowance(1000))
    watch.attempted(result(Category.NETWORK))
    while watch.test.evidence > 0:
        watch.confirmed(result())

    watch.confirmed(result(Category.NETWORK))

    assert not watch.asks(0.0)


def test_the_allowance_holds_within_every_hour() -> None:
    """Of twelve an hour six may be made at once, and then one every ten minutes."""
    allowance = Allowance(12)

    assert [allowance.take(0.0) for _ in range(7)] == [True] * 6 + [False]
    assert not allowance.take(599.0)
    assert allowance.take(601.0)
    assert [allowance.take(1e6) for _ in range(7)] == [True] * 6 + [False]


@given(st.lists(st.floats(0, 100), max_size=400), st.integers(0, 50))
def test_no_hour_has_more_than_its_allowance(pauses: list[float], per_hour: int) -> None:
    """However they are asked for."""
    allowance, now = Allowance(per_hour), 5000.0
    taken = [now for pause in pauses if allowance.take(now := now + pause)]

    assert all(sum(begin <= moment < begin + 3600 for moment in taken) <= per_hour for begin in taken)


def test_no_allowance_is_no_confirmation() -> None:
    """One line of config turns it off."""
    watch = Watch(Allowance(0))

    watch.attempted(result(Category.NETWORK))

    assert not watch.asks(1e6)
