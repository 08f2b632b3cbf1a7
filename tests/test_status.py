"""How things stand: each target's state, and a sentence for each service."""

from collections.abc import Sequence

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token

from exporter.catalogue import Reason, Stage
from exporter.history import CALM, History, Tally
from exporter.model import Answer, ErrorCode, Expectation, Fault, Issuer, Target, TransportFailure
from exporter.status import (
    LATELY,
    Level,
    State,
    TargetDetail,
    TargetStatus,
    matching,
    service_statuses,
    target_status,
    worst_first,
)
from exporter.web import pages

EVERY = 30.0
OK = token()
FAULT = refusal(50000, "server_error", 500)
EXPIRED = refusal(7000222, "invalid_client", 401)
BLOCKED = refusal(53003, "access_denied", 400)
UNREACHED = TransportFailure(fault=Fault(Stage.CONNECT, Reason.REFUSED))


async def status_after(
    answers: Sequence[Answer], target: Target | None = None, *, wait: float = 1.0, outage: bool = False
) -> TargetStatus:
    """The status of a target so many seconds after the last of these answers, which came every 30 seconds."""
    target = target or make_target(interval=EVERY)
    clock, history = FakeClock(), History()
    begun = clock.time()
    send = ScriptedSend(answers)
    prober = make_prober(send, clock)
    for number in range(len(answers)):
        clock.now += EVERY if number else 0.0
        history.record(await prober.probe(target))
    clock.now += wait
    now = clock.time()
    return target_status(target, history.standing(target.name, now, 60), outage=outage, begun=begun, now=now)


@pytest.mark.parametrize(
    ("answers", "wait", "outage", "state"),
    [
        ([], 1, False, State.WAITING),
        ([], 101, False, State.STALLED),
        ([OK], 1, False, State.OK),
        ([OK], 101, False, State.STALLED),
        ([FAULT, OK], 1, False, State.UNSTEADY),
        ([FAULT, *[OK] * 20], 1, False, State.OK),
        ([OK, EXPIRED], 1, False, State.FAILING),
        ([OK, FAULT], 1, True, State.OUTAGE),
        ([FAULT, OK], 1, True, State.OUTAGE),
    ],
)
async def test_a_target_has_one_state(answers: list[Answer], wait: float, outage: bool, state: State) -> None:
    """The most worrying that holds."""
    assert (await status_after(answers, wait=wait, outage=outage)).state is state


@pytest.mark.parametrize(
    ("answers", "first", "or_earlier"),
    [
        ([OK, OK], 0, False),
        ([OK, FAULT, FAULT], 1, False),
        ([OK, FAULT, OK, FAULT], 1, False),
        ([FAULT, FAULT], 0, True),
        ([OK, FAULT, *[OK] * int(CALM / EVERY), FAULT, FAULT], int(CALM / EVERY) + 2, False),
        ([OK, *[FAULT] * 50], 1, False),
        ([FAULT, *[OK] * int(LATELY / EVERY), OK], 1, False),
    ],
)
async def test_since_when(answers: list[Answer], first: int, or_earlier: bool) -> None:
    """From the first failure of a spell, which ten calm minutes end; of what succeeds, from its first success."""
    status = await status_after(answers)

    assert status.since == FakeClock().time() + first * EVERY
    assert status.or_earlier is or_earlier


async def test_a_restored_history_tells_what_it_was_told() -> None:
    """Since when is known across restarts."""
    history, again = History(), History()
    prober = make_prober(ScriptedSend([OK, FAULT]), FakeClock())
    for _ in range(3):
        again.restore(history.record(await prober.probe(make_target())))

    assert again.standing("contoso", 0.0, 60) == history.standing("contoso", 0.0, 60)


async def test_latency_is_that_of_successes() -> None:
    """Half of them, and 95 of 100, were as fast or faster."""
    clock, history = FakeClock(), History()
    for tenths in range(1, 101):
        prober = make_prober(ScriptedSend([OK], seconds=tenths / 10, clock=clock), clock)
        history.record(await prober.probe(make_target()))
    slow = make_prober(ScriptedSend([FAULT], seconds=60, clock=clock), clock)
    history.record(await slow.probe(make_target()))
    now = clock.time()
    status = target_status(make_target(), history.standing("contoso", now, 60), outage=False, begun=0, now=now)

    assert status.latency(0.5) == pytest.approx(5.0)
    assert status.latency(0.95) == pytest.approx(9.5)
    assert (await status_after([FAULT])).latency(0.5) is None


async def test_minutes_are_drawn_from_the_oldest() -> None:
    """Attempts and failures of each, up to the one that is under way."""
    status = await status_after([OK, FAULT, FAULT, OK], wait=120)

    assert status.standing is not None
    assert sum(attempts for attempts, _ in status.standing.minutes) == 4
    assert sum(failures for _, failures in status.standing.minutes) == 2
    assert status.standing.minutes[-1] == (0, 0)
    assert len(status.standing.minutes) == 60


async def test_the_worst_comes_first() -> None:
    """By state, then the provider's side, then by name."""
    listed = [
        await status_after([OK], make_target("a")),
        await status_after([OK, EXPIRED], make_target("b")),
        await status_after([OK, FAULT], make_target("d")),
        await status_after([OK, FAULT], make_target("c")),
        await status_after([OK, FAULT], make_target("e"), outage=True),
        await status_after([OK, FAULT, OK], make_target("f")),
    ]

    assert [status.target.name for status in worst_first(listed)] == ["e", "c", "d", "b", "f", "a"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", ["orders", "payroll"]),
        ("PAY", ["payroll"]),
        ("7000222", ["payroll"]),
        ("client", ["payroll"]),
        ("ok", ["orders"]),
        ("  fabrikam ", ["orders"]),
        ("nothing", []),
    ],
)
async def test_targets_are_found_by_what_is_shown(wanted: str, found: list[str]) -> None:
    """Whatever the case."""
    listed = [
        await status_after([OK], make_target("orders", tenant="fabrikam", grant="none")),
        await status_after([OK, EXPIRED], make_target("payroll", grant="none")),
    ]

    assert [status.target.name for status in matching(listed, wanted)] == found


REFUSED = Expectation(codes=frozenset({ErrorCode("AADSTS7000222")}))
ONSET = "2023-11-14 22:13:50 UTC"


@pytest.mark.parametrize(
    ("targets", "level", "sentence"),
    [
        ([[OK], [OK]], Level.GOOD, "issuing tokens; none of 2 targets failing"),
        ([[OK]], Level.GOOD, "issuing tokens; none of 1 target failing"),
        ([[]], Level.UNKNOWN, "not asked yet"),
        (
            [[OK], [OK, EXPIRED], [OK, EXPIRED]],
            Level.WARNING,
            "issuing tokens; 2 of 3 targets failing, all on the client's side",
        ),
        (
            [[OK], [OK, EXPIRED], [OK, EXPIRED], [OK, BLOCKED]],
            Level.WARNING,
            "issuing tokens; 3 of 4 targets failing: 2 on the client's side, 1 on the tenant's side",
        ),
        ([[OK, EXPIRED]], Level.WARNING, "no token issued; 1 of 1 target failing, on the client's side"),
        (
            [[OK], [OK, FAULT], [OK, EXPIRED]],
            Level.DANGER,
            f"failing for 1 of 3 targets since {ONSET} (AADSTS50000); 1 more failing, on the client's side",
        ),
        ([[OK, FAULT], [OK, FAULT]], Level.DANGER, f"issuing no tokens since {ONSET} (AADSTS50000)"),
        ([[OK, UNREACHED], [OK, UNREACHED]], Level.DANGER, f"not reached since {ONSET}"),
        ([[OK, UNREACHED], [OK]], Level.DANGER, f"not reached for 1 of 2 targets since {ONSET}"),
        (
            [[OK], [FAULT, OK]],
            Level.GOOD,
            "issuing tokens; none of 2 targets failing; 1 failed within the last 10 minutes",
        ),
    ],
)
async def test_a_service_is_said_to_issue_tokens_or_not(
    targets: list[list[Answer]], level: Level, sentence: str
) -> None:
    """In words: how many fail, on whose side, since when, with which code."""
    listed = [await status_after(answers, make_target(f"t{n}")) for n, answers in enumerate(targets)]

    (service,) = service_statuses(listed)

    assert (service.name, service.level, service.sentence) == ("Entra public cloud", level, sentence)


async def test_what_is_not_probed_is_said() -> None:
    """Silence is no good news."""
    listed = [await status_after([OK], make_target("a")), await status_after([OK], make_target("b"), wait=1000)]

    (service,) = service_statuses(listed)

    assert service.level is Level.WARNING
    assert service.sentence == "issuing tokens; none of 2 targets failing; 1 not probed"


async def test_an_expected_refusal_is_no_token() -> None:
    """The service answers, which is all that is known."""
    (service,) = service_statuses([await status_after([EXPIRED], make_target(expect=REFUSED))])

    assert service.sentence == "answering; none of 1 target failing"


async def test_services_are_told_apart() -> None:
    """Clouds of Entra by their names, issuers by their hosts; the one that fails first."""
    listed = [
        await status_after([OK], make_target("a", cloud="usgov")),
        await status_after([OK, FAULT], make_target("b", cloud="china")),
        await status_after(
            [UNREACHED],
            make_target("c", provider="oidc", cloud="", endpoint=Issuer("https://sso.example.org/realms/x")),
        ),
    ]

    assert [service.name for service in service_statuses(listed)] == [
        "Entra China cloud",
        "sso.example.org",
        "Entra US Government cloud",
    ]


@pytest.mark.parametrize(("answers", "said"), [([FAULT], False), ([FAULT, OK], True)], ids=["failing", "unsteady"])
async def test_the_page_of_a_target_says_that_it_succeeds_again(answers: list[Answer], said: bool) -> None:
    """Beside the failure that it remembers for a while, which reads as if it went on."""
    status = await status_after(answers)
    page = pages.target(TargetDetail(status=status, credentials=(), recent=(), day=Tally()), 0.0)

    assert ("the last attempt was a success" in page) is said
