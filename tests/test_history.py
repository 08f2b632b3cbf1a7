"""What is kept of attempts."""

import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token

from exporter.history import (
    FAILURES_PER_TARGET,
    MAX_FAILURES,
    MOST_GONE,
    OF_A_SUCCESS,
    ROOM,
    SUCCESSES_PER_TARGET,
    History,
    Tally,
)
from exporter.minutes import COUNTED_MINUTES
from exporter.model import Answer, ProbeResult
from exporter.report import fields, fields_of_success

FAILURE = refusal(50000, "server_error", 500)


async def results(*answers: Answer, name: str = "contoso", every: float = 30.0) -> list[ProbeResult]:
    """One result an answer, so many seconds apart."""
    clock = FakeClock()
    prober = make_prober(ScriptedSend(answers), clock)
    made = []
    for _ in answers:
        made.append(await prober.probe(make_target(name)))
        clock.now += every
    return made


async def test_a_failure_is_kept_with_everything_a_ticket_asks_for() -> None:
    """Who, where, when, what came back, and under which ids."""
    history = History()

    entry = history.record((await results(FAILURE))[0])

    assert entry.values.keys() >= {
        "started_at",
        "tenant",
        "client_id",
        "endpoint",
        "address",
        "phases_seconds",
        "status",
        "code",
        "error",
        "suberror",
        "trace_id",
        "correlation_id",
        "request_id",
        "server",
        "server_date",
        "clock_difference_seconds",
        "body",
    }
    assert (entry.values["code"], entry.values["status"], entry.values["tenant"]) == ("AADSTS50000", 500, "contoso")
    assert entry.values["trace_id"] == "00000000-0000-4000-8000-00000000000a"
    assert "AADSTS50000" in entry.values["body"]


async def test_failures_outlive_successes() -> None:
    """Any number of successes pushes no failure out."""
    history = History()
    (failure,) = await results(FAILURE)
    successes = await results(*[token()] * 3)
    history.record(failure)

    for result in successes * 1000:
        history.record(result)

    assert [entry.id for entry in history.failures()] == [1]
    assert len(history.recent("contoso")) == SUCCESSES_PER_TARGET + 1


async def test_one_target_keeps_so_many_failures_and_all_together_so_many() -> None:
    """The target that has most makes room, and the newest stay."""
    history = History()
    (failure,) = await results(FAILURE, name="noisy")
    (other,) = await results(FAILURE, name="quiet")
    history.record(other)
    for _ in range(FAILURES_PER_TARGET + 4):
        history.record(failure)
    last = history.record(failure)

    kept = history.failures()
    assert Counter(entry.target for entry in kept) == {"noisy": FAILURES_PER_TARGET, "quiet": 1}
    assert kept[0].id == last.id

    for number in range(2 * MAX_FAILURES // FAILURES_PER_TARGET):
        (more,) = await results(FAILURE, name=f"t{number}")
        for _ in range(FAILURES_PER_TARGET):
            history.record(more)
    assert MAX_FAILURES - ROOM <= len(history.failures()) <= MAX_FAILURES
    assert history.failures(target="quiet")[0].id == 1


async def test_failures_are_found_by_time_target_code_and_id() -> None:
    """Newest first."""
    history = History()
    for result in await results(FAILURE, refusal(7000222, "invalid_client", 401), token(), FAILURE):
        history.record(result)

    start = history.failures()[-1].started_at
    assert [e.id for e in history.failures()] == [4, 2, 1]
    assert [e.id for e in history.failures(since=start + 30)] == [4, 2]
    assert [e.id for e in history.failures(code="AADSTS50000")] == [4, 1]
    assert history.failures(target="stranger") == []
    assert history.find(2) is history.failures(code="AADSTS7000222")[0]
    assert history.find(3) is None


async def test_attempts_are_counted_by_the_minute() -> None:
    """Also those whose entries are gone."""
    history = History()
    made = await results(*[token()] * 100, *[FAILURE] * 20, every=60.0)
    for result in made:
        history.record(result)

    assert history.tallies(made[0].started_at) == {"contoso": Tally(120, 20, {"AADSTS50000": 20})}
    assert history.tallies(made[-10].started_at) == {"contoso": Tally(10, 10, {"AADSTS50000": 10})}
    assert history.tallies(made[-1].started_at + 60) == {"contoso": Tally(0, 0)}


@pytest.mark.parametrize("gap", [60.0, 3 * 3600.0, 30 * 3600.0, 90 * 86400.0])
async def test_what_is_older_than_a_day_is_no_longer_counted(gap: float) -> None:
    """However long nothing happened."""
    history = History()
    made = await results(*[token()] * 3, every=gap)
    for result in made:
        history.record(result)

    within = sum(made[-1].started_at // 60 - result.started_at // 60 < COUNTED_MINUTES for result in made)
    assert history.tallies(0.0) == {"contoso": Tally(within, 0)}


async def test_of_targets_that_are_gone_a_few_are_kept() -> None:
    """Those that were attempted last; what the others had makes room for further failures."""
    history = History()
    (failure,) = await results(FAILURE)
    gone = [f"gone-{number}" for number in range(MOST_GONE + 2)]
    for name in ("contoso", *gone, gone[0]):
        history.record(replace(failure, target=make_target(name)))

    history.retain({"contoso", "new"})

    assert {name for name in ("contoso", *gone) if name not in history} == {gone[1], gone[2]}
    assert len(history.failures()) == MOST_GONE + 2
    for number in range(MAX_FAILURES - MOST_GONE - 2):
        history.record(replace(failure, target=make_target(f"new-{number // FAILURES_PER_TARGET}")))
    assert len(history.failures()) == MAX_FAILURES


async def test_the_memory_of_a_target_is_bounded() -> None:
    """What docs/configuration.md states: less than 2 MiB, whatever it answers."""
    history = History()
    (failure,) = await results(refusal(50000, "server_error", 500, body=FAILURE.body + b" " * 5000))
    tracemalloc.start()
    try:
        for number in range(2000):
            clock = FakeClock()
            answer = refusal(50000, "server_error", 500, body=b'{"error": "%d' % number + b"x" * 8000)
            history.record(await make_prober(ScriptedSend([answer]), clock).probe(failure.target))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 2 << 20


async def test_what_is_kept_of_a_success_is_what_everybody_is_told_of_it() -> None:
    """It is made on its own, because there are so many; the history's file relies on these fields."""
    result = (await results(token()))[0]

    assert fields_of_success(result).keys() == OF_A_SUCCESS
    assert fields_of_success(result).items() <= fields(result).items()
