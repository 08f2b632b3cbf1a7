"""When attempts are made."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from fakes import FakeClock, make_target, settle
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Skip
from exporter.model import Target
from exporter.schedule import CONFIRM_EVERY, LANES, SLOT, Scheduler, Timetable, Wish, offset, share


class Log:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.skips: Counter[tuple[str, Skip]] = Counter()
        self.crashes: list[tuple[str, float]] = []
        self.next_attempts: dict[str, float] = {}
        self.crashed_confirmations = 0

    def scheduled(self, target: Target, next_attempt: float) -> None:
        self.next_attempts[target.name] = next_attempt

    def started(self, delay: float) -> None:
        self.delays.append(delay)

    def skipped(self, target: Target, reason: Skip, count: int) -> None:
        self.skips[target.name, reason] += count

    def crashed(self, target: Target, at: float) -> None:
        self.crashes.append((target.name, at))

    def extra_crashed(self) -> None:
        self.crashed_confirmations += 1


Attempt = Callable[[Target], Awaitable[Wish | None]]
Confirm = Callable[[Target], Awaitable[bool]]


async def never(_target: Target) -> bool:
    """Confirms nothing."""
    return False


def make_scheduler(
    attempt: Attempt,
    targets: Iterable[Target],
    clock: FakeClock,
    log: Log,
    *,
    concurrency: int = 100,
    confirm: Confirm = never,
    confirming: int = 100,
) -> Scheduler:
    """A scheduler of targets; attempts that return nothing ask for no confirmation."""

    async def attempted(target: Target) -> Wish:
        return await attempt(target) or Wish()

    scheduler = Scheduler(attempted, confirm, log, clock)
    scheduler.give(asyncio.Semaphore(concurrency), asyncio.Semaphore(confirming))
    scheduler.retarget(targets)
    return scheduler


@asynccontextmanager
async def running(scheduler: Scheduler) -> AsyncIterator[None]:
    """Lets a scheduler run while the block does."""
    task = asyncio.create_task(scheduler.run())
    await settle()
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@asynccontextmanager
async def scheduling(
    attempt: Attempt,
    targets: list[Target],
    clock: FakeClock,
    concurrency: int = 100,
    confirm: Confirm = never,
    confirming: int = 100,
) -> AsyncIterator[Log]:
    """A scheduler that runs while the block does."""
    log = Log()
    scheduler = make_scheduler(
        attempt, targets, clock, log, concurrency=concurrency, confirm=confirm, confirming=confirming
    )
    async with running(scheduler):
        yield log


@pytest.mark.fault(85, 88)
@given(st.text(min_size=1))
def test_first_runs_are_spread_by_a_stable_share_of_the_interval(name: str) -> None:
    """The share depends on the name alone and lies in [0, 1)."""
    assert share(name) == share(name)
    assert 0 <= share(name) < 1


@pytest.mark.fault(88)
def test_the_spread_is_even() -> None:
    """Of 1,000 targets each tenth of the interval gets about a tenth."""
    tenths = Counter(int(share(f"target-{n}") * 10) for n in range(1000))

    assert all(70 <= tenths[tenth] <= 130 for tenth in range(10))


def test_the_offset_of_a_name_never_changes() -> None:
    """A restart, and a new release, keep every target's place in the interval."""
    assert share("contoso-graph") == pytest.approx(0.4775242071095646)


def test_targets_of_a_slot_are_due_at_the_same_moment() -> None:
    """A thousand targets are as many starts as there are slots, at most; none is moved by more than a slot."""
    targets = [make_target(f"target-{n}", interval=2.0) for n in range(1000)]
    dues = Timetable(targets, start=7.0).dues()

    assert len({due for _, due in dues}) <= 2.0 / SLOT
    assert all(0 <= 7.0 + share(target.name) * 2.0 - due < SLOT for target, due in dues)


def test_ticks_stand_on_a_grid_and_do_not_drift() -> None:
    """Looking late at the timetable moves no later tick."""
    target = make_target(interval=30.0)
    first = offset(target.name, 30.0)
    timetable = Timetable([target], start=0.0)

    ticks = [timetable.due(first + n * 30 + 0.9 * (n % 2)) for n in range(100)]

    assert [tick.due for (tick,) in ticks] == pytest.approx([first + n * 30 for n in range(100)])
    assert all(tick.missed == 0 for (tick,) in ticks)


@pytest.mark.fault(56)
def test_missed_ticks_are_counted_and_made_up_for_once() -> None:
    """After five intervals asleep a target is due once, and five ticks are missed."""
    target = make_target(interval=30.0)
    first = offset(target.name, 30.0)
    timetable = Timetable([target], start=0.0)

    (tick,) = timetable.due(first + 5 * 30 + 1)

    assert tick.missed == 5
    assert tick.due == pytest.approx(first + 150)
    assert timetable.due(first + 5 * 30 + 2) == []
    assert timetable.next_due() == pytest.approx(first + 180)


def test_an_empty_timetable_is_never_due() -> None:
    """There is nothing to wait for."""
    assert Timetable([], 0.0).next_due() == float("inf")


async def test_every_target_is_attempted_once_an_interval() -> None:
    """Ten intervals bring ten attempts of each target."""
    clock, attempts = FakeClock(), Counter[str]()

    async def attempt(target: Target) -> None:
        attempts[target.name] += 1

    async with scheduling(attempt, [make_target(f"t{n}", interval=30.0) for n in range(20)], clock) as log:
        await clock.advance(300)

    assert attempts == {f"t{n}": 10 for n in range(20)}
    assert max(log.delays) == 0
    assert not log.skips


@pytest.mark.fault(87)
async def test_a_target_never_overlaps_itself() -> None:
    """A tick that comes while the attempt before it still runs is skipped and counted; other targets go on."""
    clock, attempts = FakeClock(), Counter[str]()

    async def attempt(target: Target) -> None:
        attempts[target.name] += 1
        if target.name == "slow":
            await clock.sleep_until(clock.now + 65)

    targets = [make_target("slow", interval=30.0), make_target("fast", interval=30.0)]
    async with scheduling(attempt, targets, clock) as log:
        await clock.advance(270)

    assert attempts == {"slow": 3, "fast": 9}
    assert log.skips == {("slow", Skip.OVERLAP): 6}


@pytest.mark.fault(56)
async def test_a_suspended_machine_skips_what_it_slept_through() -> None:
    """After ten intervals in one leap each target is attempted once, not ten times."""
    clock, attempts = FakeClock(), Counter[str]()

    async def attempt(target: Target) -> None:
        attempts[target.name] += 1

    async with scheduling(attempt, [make_target(interval=30.0)], clock) as log:
        await clock.advance(30)
        await clock.jump(300)

    assert attempts == {"contoso": 2}
    assert log.skips == {("contoso", Skip.MISSED): 9}


async def test_what_a_start_takes_is_not_made_up_for() -> None:
    """The timetable begins with the run: else all that fell due while series were made would be attempted at once."""
    clock, log = FakeClock(), Log()
    targets = [make_target(str(number), interval=60.0) for number in range(100)]
    attempts: list[tuple[str, float]] = []

    async def attempt(target: Target) -> None:
        attempts.append((target.name, clock.now))

    scheduler = make_scheduler(attempt, targets, clock, log)
    await clock.advance(45)
    began = clock.now
    async with running(scheduler):
        await clock.advance(60)

    assert dict(attempts) == pytest.approx({target.name: began + offset(target.name, 60.0) for target in targets})
    assert not log.skips


@pytest.mark.fault(88)
async def test_the_concurrency_limit_delays_and_is_told() -> None:
    """With one place, the second of two attempts starts when the first ends, and its delay is that wait."""
    clock, running, most = FakeClock(), 0, 0

    async def attempt(_target: Target) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await clock.sleep_until(clock.now + 5)
        running -= 1

    targets = [make_target(f"t{n}", interval=10_000.0) for n in range(3)]
    start = clock.now
    async with scheduling(attempt, targets, clock, concurrency=1) as log:
        await clock.jump(10_000)
        await clock.advance(20)

    assert most == 1
    waits = sorted(log.delays)
    assert len(waits) == 3
    due = sorted(start + offset(f"t{n}", 10_000.0) for n in range(3))
    assert waits == pytest.approx(sorted(start + 10_000 + 5 * n - moment for n, moment in enumerate(due)))


@pytest.mark.fault(86)
async def test_an_error_of_ours_is_counted_and_stops_nobody() -> None:
    """A crash of one target's attempt leaves the others, and its own next attempt, alone."""
    clock, attempts = FakeClock(), Counter[str]()

    async def attempt(target: Target) -> None:
        attempts[target.name] += 1
        if target.name == "broken":
            raise RuntimeError("bug")

    targets = [make_target("broken", interval=30.0), make_target("sound", interval=30.0)]
    async with scheduling(attempt, targets, clock) as log:
        await clock.advance(90)

    assert attempts == {"broken": 3, "sound": 3}
    assert [name for name, _ in log.crashes] == ["broken"] * 3
    assert all(clock.time() - 90 < started_at <= clock.time() for _, started_at in log.crashes)


async def test_the_next_attempt_is_announced_on_the_wall_clock() -> None:
    """Before the first attempt and after each, the next one's Unix time is known."""
    clock = FakeClock()

    async def attempt(_target: Target) -> None:
        return

    start = clock.time()
    async with scheduling(attempt, [make_target(interval=30.0)], clock) as log:
        first = log.next_attempts["contoso"]
        await clock.advance(30)
        second = log.next_attempts["contoso"]

    assert first == pytest.approx(start + offset("contoso", 30.0))
    assert second == pytest.approx(first + 30)


async def test_an_attempt_that_asks_for_it_is_confirmed_every_so_often() -> None:
    """Beside the timetable, in as many lanes as there are, until a confirmation says that it is enough."""
    clock, confirmed = FakeClock(), []

    async def attempt(_target: Target) -> Wish:
        return Wish(confirm=True)

    async def confirm(_target: Target) -> bool:
        confirmed.append(clock.now - began)
        return len(confirmed) < 8

    async with scheduling(attempt, [make_target(interval=30.0)], clock, confirm=confirm) as log:
        first = log.next_attempts["contoso"] - clock.time()
        began = clock.now + first
        await clock.advance(first + 29)
        attempts = len(log.delays)

    # The lanes that are under way when it is enough end with one attempt more each.
    assert confirmed == pytest.approx([CONFIRM_EVERY * n for n in range(1, len(confirmed) + 1)])
    assert 8 <= len(confirmed) < 8 + LANES
    assert attempts == 1
    assert not log.skips


async def test_a_slow_confirmation_does_not_hold_up_the_others() -> None:
    """A timeout takes its time in one lane; no lane has two at once, and the timetable goes on."""
    clock, running, most, attempts = FakeClock(), 0, 0, 0

    async def attempt(_target: Target) -> Wish:
        nonlocal attempts
        attempts += 1
        return Wish(confirm=True)

    async def confirm(_target: Target) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await clock.sleep_until(clock.now + 10)
        running -= 1
        return True

    async with scheduling(attempt, [make_target(interval=30.0)], clock, confirm=confirm) as log:
        await clock.advance(120)

    assert most == LANES
    assert attempts == 4
    assert not log.skips


async def test_a_bug_in_a_confirmation_is_counted_and_ends_nothing_else() -> None:
    """It is no attempt, so it is not recorded as one."""
    clock, attempts = FakeClock(), 0

    async def attempt(_target: Target) -> Wish:
        nonlocal attempts
        attempts += 1
        return Wish(confirm=True)

    async def confirm(_target: Target) -> bool:
        raise RuntimeError("bug")

    async with scheduling(attempt, [make_target(interval=30.0)], clock, confirm=confirm) as log:
        await clock.advance(60)

    assert attempts == 2
    assert log.crashed_confirmations == 2 * LANES
    assert log.crashes == []


async def test_confirmations_leave_the_timetable_its_places() -> None:
    """Where everything hangs they wait for each other, and not the attempts for them."""
    clock, confirming, most = FakeClock(), 0, 0

    async def attempt(_target: Target) -> Wish:
        await clock.sleep_until(clock.now + 10)
        return Wish(confirm=True)

    async def confirm(_target: Target) -> bool:
        nonlocal confirming, most
        confirming += 1
        most = max(most, confirming)
        await clock.sleep_until(clock.now + 10)
        confirming -= 1
        return True

    targets = [make_target(f"t{n}", interval=30.0) for n in range(12)]
    async with scheduling(attempt, targets, clock, concurrency=10, confirm=confirm, confirming=2) as log:
        await clock.advance(120)

    assert most == 2
    assert max(log.delays) < 1
    assert not log.skips


@pytest.mark.parametrize(
    ("pause", "gap", "skipped"),
    [(0.0, 30, 0), (20.0, 30, 0), (30.0, 30, 0), (30.5, 60, 1), (100.0, 120, 3)],
)
async def test_a_pause_leaves_out_what_is_due_within_it(pause: float, gap: float, skipped: int) -> None:
    """Of that target only; the timetable keeps its grid, and says when the next attempt will be."""
    clock = FakeClock()
    begun: dict[str, list[float]] = {"polite": [], "other": []}

    async def attempt(target: Target) -> Wish:
        begun[target.name].append(clock.now)
        return Wish(pause=pause if target.name == "polite" and len(begun["polite"]) == 1 else 0.0)

    targets = [make_target("polite", interval=30.0), make_target("other", interval=30.0)]
    async with scheduling(attempt, targets, clock) as log:
        await clock.advance(log.next_attempts["polite"] - clock.time())
        (first,) = begun["polite"]
        announced = log.next_attempts["polite"] - clock.wall_offset
        await clock.advance(240)

    assert begun["polite"][1] - first == pytest.approx(gap)
    assert announced == pytest.approx(first + gap)
    assert [(at - first) % 30 for at in begun["polite"]] == pytest.approx([0.0] * len(begun["polite"]), abs=1e-6)
    assert log.skips == ({("polite", Skip.THROTTLED): skipped} if skipped else {})
    assert len(begun["other"]) >= 8


async def test_a_target_that_goes_on_asking_for_patience_gets_it() -> None:
    """Each time anew."""
    clock, begun = FakeClock(), []

    async def attempt(_target: Target) -> Wish:
        begun.append(clock.now)
        return Wish(pause=100.0)

    async with scheduling(attempt, [make_target(interval=30.0)], clock):
        await clock.advance(400)

    assert [later - earlier for earlier, later in pairwise(begun)] == pytest.approx([120.0] * (len(begun) - 1))
    assert len(begun) >= 3


async def test_a_target_that_stays_keeps_its_ticks_when_others_come_and_go() -> None:
    """Its grid is not moved, no tick is lost, none is made twice; a new one gets its own place in the interval."""
    clock, made = FakeClock(), list[tuple[str, float]]()
    log = Log()

    async def attempt(target: Target) -> None:
        made.append((target.name, clock.now))

    start = clock.now
    stays, goes, comes = (make_target(name, interval=10.0) for name in ("stays", "goes", "comes"))
    scheduler = make_scheduler(attempt, [stays, goes], clock, log, concurrency=9, confirming=9)
    async with running(scheduler):
        await clock.advance(25)
        scheduler.retarget([comes, stays])
        changed = clock.now
        await clock.advance(25)

    times = {name: [when for who, when in made if who == name] for name in ("stays", "goes", "comes")}
    assert times["stays"] == pytest.approx([start + offset("stays", 10.0) + 10 * n for n in range(5)])
    assert len(times["goes"]) == 2 + (offset("goes", 10.0) <= 5)
    assert max(times["goes"]) <= changed < min(times["comes"])
    assert [(when - start) % 10 for when in times["comes"]] == pytest.approx(
        [offset("comes", 10.0)] * len(times["comes"])
    )
    assert len(times["comes"]) in {2, 3}
    assert not log.skips
    assert log.next_attempts["comes"] - clock.wall_offset == pytest.approx(max(times["comes"]) + 10)


def test_a_target_whose_interval_changed_gets_a_grid_of_its_own() -> None:
    """The first tick is not before the change."""
    timetable = Timetable([make_target(interval=30.0)], start=0.0)
    timetable.due(100.0)

    timetable.retarget([make_target(interval=7.0)], now=100.0)

    assert 100.0 <= timetable.next_due() < 107.0
    assert timetable.next_due() % 7.0 == pytest.approx(offset("contoso", 7.0))


def test_a_tick_that_is_due_is_not_lost_in_a_change() -> None:
    """The moment came, and the config changed before the attempt was begun."""
    target = make_target(interval=30.0)
    first = offset(target.name, 30.0)
    timetable = Timetable([target], start=0.0)

    timetable.retarget([make_target("new", interval=30.0), target], now=first + 0.01)

    assert target in [tick.target for tick in timetable.due(first + 0.01)]
