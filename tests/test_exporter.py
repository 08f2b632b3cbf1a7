"""The exporter as a whole, in fake time: what it counts, what it confirms, and drills."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import pytest
from documented import series_documented, series_of_feature
from fakes import FakeClock, ScriptedSend, make_prober, make_rotating_target, make_target, refusal, token

from exporter.answers import Answers
from exporter.archive import Archive
from exporter.catalogue import Reason, Stage
from exporter.exporter import Exporter
from exporter.history import OF_A_FAILURE, Entry
from exporter.loopwatch import LoopWatch
from exporter.metrics import exposition
from exporter.metrics.codes import CODE_BUDGET
from exporter.model import Answer, Config, Expectation, Fault, Issuer, TokenCheck, TokenRequest, TransportFailure
from exporter.probe import Prober
from replay.virtual import VirtualClock, VirtualLoop, run

RESET = TransportFailure(fault=Fault(Stage.HEADERS, Reason.RESET))
UNAVAILABLE = refusal(90033, "temporarily_unavailable", 503)


EPOCH = 1_700_000_000.0

P = ParamSpec("P")


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test in time that passes as fast as it can."""

    @wraps(test)
    def in_virtual_time(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs), VirtualLoop())

    return in_virtual_time


@dataclass
class Bench:
    """A running exporter, its clock, and whom it asks."""

    exporter: Exporter
    clock: VirtualClock
    send: ScriptedSend
    prober: Prober

    def value(self, name: str, **labels: str) -> float | None:
        return self.exporter.registry.get_sample_value(name, {"target": "contoso"} | labels)

    def text(self) -> str:
        # Not by the web side's way: that takes turns of the event loop.
        return exposition(self.exporter.registry, openmetrics=False).decode()


@asynccontextmanager
async def running(*answers: Answer, confirmations: int = 240, provider: str = "entra") -> AsyncIterator[Bench]:
    """An exporter with one target that is given these answers, the last of them for ever."""
    clock, send = VirtualClock(asyncio.get_running_loop(), EPOCH), ScriptedSend(answers)
    config = Config(targets=(make_target(confirmations=confirmations, provider=provider),), concurrency=10)
    prober = make_prober(send, clock)
    exporter = Exporter(config, prober, clock)
    task = asyncio.create_task(exporter.run())
    try:
        yield Bench(exporter, clock, send, prober)
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@virtual
async def test_a_total_outage_is_certain_seconds_after_its_first_failure() -> None:
    """By confirmations, which enter no attempts, no failures and no history."""
    async with running(UNAVAILABLE) as bench:
        await asyncio.sleep(30)
        await asyncio.sleep(7)

        made = bench.value("token_probe_attempts_total")
        assert bench.value("token_probe_outage") == 1
        assert bench.value("token_probe_outage_evidence") == 1
        assert bench.value("token_probe_confirmations_total", outcome="failure") == len(bench.send.requests) - (
            made or 0
        )
        failures = bench.value("token_probe_failures_total", side="provider", category="service_transient")
        assert made == failures
        assert len(Answers(bench.exporter, bench.clock).ports(drills=False).records.failures()) == made


@virtual
async def test_a_stray_failure_is_refuted() -> None:
    """The extra attempts end by themselves, and leave no verdict."""
    async with running(RESET, token()) as bench:
        await asyncio.sleep(30)
        assert (bench.value("token_probe_outage_evidence") or 0) > 0
        await asyncio.sleep(600)

        assert bench.value("token_probe_outage") == 0
        assert bench.value("token_probe_outage_evidence") == 0
        assert 10 < (bench.value("token_probe_confirmations_total", outcome="success") or 0) <= 120
        assert bench.value("token_probe_confirmations_total", outcome="failure") == 0


@pytest.mark.parametrize(
    "answer",
    [
        refusal(7000215, "invalid_client", 401),
        refusal(50126, "invalid_grant"),
        refusal(50053, "invalid_grant"),
        refusal(50196, "invalid_request"),
        refusal(0, "slow_down", 429),
        refusal(90033, "temporarily_unavailable", 503, headers={"retry-after": "60"}),
    ],
)
@virtual
async def test_what_must_not_be_repeated_is_not(answer: Answer) -> None:
    """An hour of such answers brings the schedule's attempts and no other; fewer where patience is asked for."""
    async with running(answer) as bench:
        await asyncio.sleep(3600)

        assert len(bench.send.requests) == bench.value("token_probe_attempts_total")
        assert bench.value("token_probe_skipped_total", reason="throttled") == 120 - len(bench.send.requests)
        assert len(bench.send.requests) == (60 if "retry-after" in answer.headers else 120)


@virtual
async def test_confirmations_are_bounded_by_the_hour() -> None:
    """A service that fails one time in forty keeps raising suspicion; the allowance holds."""
    answers: list[Answer] = [RESET, *[token()] * 39]
    async with running(*answers * 40, confirmations=20) as bench:
        await asyncio.sleep(3600)

        made = sum(bench.value("token_probe_confirmations_total", outcome=o) or 0 for o in ("success", "failure"))
        assert 10 < made <= 20


@virtual
async def test_no_confirmations_leave_the_schedule_alone() -> None:
    """And the verdict to it."""
    async with running(UNAVAILABLE, confirmations=0) as bench:
        await asyncio.sleep(120)
        assert bench.value("token_probe_outage") == 0
        await asyncio.sleep(60)

        assert len(bench.send.requests) == bench.value("token_probe_attempts_total")
        assert bench.value("token_probe_outage") == 1


@virtual
async def test_windows_count_exactly() -> None:
    """By code and by category, over the last 8 and 40 attempts; confirmations do not count."""
    async with running(*[refusal(50000, "server_error", 500)] * 3, token(), confirmations=0) as bench:
        await asyncio.sleep(30 * 10)

        for name, labels in (
            ("token_probe_window_errors", {"code": "AADSTS50000", "category": "service_fault"}),
            ("token_probe_window_failures", {"side": "provider", "category": "service_fault"}),
        ):
            assert bench.value(name, window="8", **labels) == 1
            assert bench.value(name, window="40", **labels) == 3
        last_seen = bench.value("token_probe_code_last_seen_timestamp_seconds", code="AADSTS50000")
        assert last_seen == pytest.approx(bench.clock.time() - 8 * 30, abs=30)


@virtual
async def test_a_drill_fails_on_a_target_of_its_own() -> None:
    """Nothing is sent, nothing enters the history, and all of it is gone when the drill ends."""
    async with running(token()) as bench:
        before = len(bench.send.requests)
        ports = Answers(bench.exporter, bench.clock).ports(drills=True)
        assert ports.drill is not None
        ports.drill("AADSTS50000", 60.0)
        await asyncio.sleep(20)

        labels = {"target": "drill", "code": "AADSTS50000", "category": "service_fault"}
        assert bench.value("token_probe_outage", target="drill") == 1
        assert bench.value("token_probe_window_errors", window="8", **labels) == 8
        assert bench.value("token_probe_errors_total", **labels) == 11
        assert ports.records.failures() == []
        assert bench.value("token_probe_failures_total", side="provider", category="service_fault") == 0

        await asyncio.sleep(60)
        assert "drill" not in bench.text()
        assert len(bench.send.requests) - before == bench.value("token_probe_attempts_total")


@virtual
async def test_a_second_drill_takes_the_place_of_the_first() -> None:
    """There is one pager."""
    async with running(token()) as bench:
        begin = Answers(bench.exporter, bench.clock).ports(drills=True).drill
        assert begin is not None
        begin("AADSTS50000", 60.0)
        await asyncio.sleep(10)
        begin("AADSTS90033", 60.0)
        begin("AADSTS90033", 60.0)
        await asyncio.sleep(30)

        text = bench.text()
        labels = {"target": "drill", "code": "AADSTS90033", "category": "service_transient", "window": "8"}
        assert bench.value("token_probe_window_errors", **labels) == 8
        assert 'token_probe_window_errors{category="service_fault",code="AADSTS50000",target="drill"' not in text
        assert bench.value("token_probe_outage", target="drill") == 1


def test_drills_are_off_unless_asked_for() -> None:
    """Nobody pages anybody by accident."""
    clock = FakeClock()
    exporter = Exporter(Config(targets=(), concurrency=1), make_prober(ScriptedSend([token()]), clock), clock)

    assert Answers(exporter, clock).ports(drills=False).drill is None


def test_a_credentials_end_is_told_if_the_config_states_it() -> None:
    """For the alerts that remind of it."""
    clock = FakeClock()
    target = make_target()
    assert target.credential is not None
    for expires in (None, 1_800_000_000.0):
        credential = type(target.credential)(target.credential.method, target.credential.source, expires)
        config = Config(targets=(make_target(credential=credential),), concurrency=1)
        exporter = Exporter(config, make_prober(ScriptedSend([token()]), clock), clock)
        labels = {"target": "contoso", "credential": "current"}
        name = "token_probe_credential_expiry_timestamp_seconds"
        assert exporter.registry.get_sample_value(name, labels) == expires


def test_codes_of_earlier_runs_keep_to_the_budget(tmp_path: Path) -> None:
    """A file full of codes that nobody knows makes no more series than an endpoint that makes them up."""
    clock = FakeClock()
    config = Config(targets=(make_target(),), concurrency=1)
    archive = Archive(tmp_path / "history.sqlite", 1e9, clock.time, lambda _: None)
    with archive:
        for n in range(200):
            values = dict.fromkeys(OF_A_FAILURE) | {"code": f"AADSTS{9_990_000 + n}"}
            archive.append(Entry(n + 1, "contoso", clock.time(), success=False, values=values))
    exporter = Exporter(config, make_prober(ScriptedSend([token()]), clock), clock)
    with Archive(tmp_path / "history.sqlite", 1e9, clock.time, lambda _: None) as again:
        exporter.keep(again)

    text = exposition(exporter.registry, openmetrics=False).decode()
    assert 0 < text.count("\ntoken_probe_code_last_seen_timestamp_seconds{") <= CODE_BUDGET + 1


def test_evidence_knows_the_targets_of_the_config_and_of_earlier_ones(tmp_path: Path) -> None:
    """A target that was taken out of the config still has its failures in the file."""
    clock = FakeClock()
    with Archive(tmp_path / "history.sqlite", 1e9, clock.time, lambda _: None) as archive:
        archive.append(Entry(1, "fabrikam", clock.time(), success=False, values=dict.fromkeys(OF_A_FAILURE)))
    config = Config(targets=(make_target(),), concurrency=1)
    exporter = Exporter(config, make_prober(ScriptedSend([token()]), clock), clock)
    with Archive(tmp_path / "history.sqlite", 1e9, clock.time, lambda _: None) as again:
        exporter.keep(again)

    knows = Answers(exporter, clock).ports(drills=False).records.knows
    assert [name for name in ("contoso", "fabrikam", "stranger") if knows(name)] == ["contoso", "fabrikam"]


@pytest.mark.parametrize(
    ("status", "value", "gap"),
    [
        (429, "100", 120),
        (503, "100", 120),
        (429, "10", 30),
        (429, "soon", 30),
        (429, "1" + "0" * 30, 240),
        (400, "100", 30),
        (200, "100", 30),
    ],
)
@virtual
async def test_who_asks_for_patience_gets_it(status: int, value: str, gap: float) -> None:
    """Whoever throttles or is unavailable, for a while; what is left out is counted, and the next attempt announced."""
    answer = refusal(90055 if status == 429 else 90033, "temporarily_unavailable", status)
    polite = replace(answer, headers={**answer.headers, "retry-after": value}) if status != 200 else token()
    async with running(polite, token()) as bench:
        await asyncio.sleep(31)
        begun = bench.value("token_probe_last_attempt_timestamp_seconds")
        due = bench.value("token_probe_next_attempt_timestamp_seconds")
        skipped_from = len(bench.send.requests)
        await asyncio.sleep(250)
        skipped = bench.value("token_probe_skipped_total", reason="throttled")

    assert begun is not None
    assert due is not None
    assert skipped_from >= 1
    assert due - begun == pytest.approx(gap, abs=1e-3)
    assert skipped == gap / 30 - 1


NO_ANSWER = TransportFailure(fault=Fault(Stage.HEADERS, Reason.TIMEOUT))


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    ("answer", "stall", "success", "side", "timed"),
    [
        (token(), 0.2, 1, None, 1),
        (token(), 0.4, 1, None, 0),
        (NO_ANSWER, 0.2, 0, "network", 1),
        (NO_ANSWER, 0.4, 0, "prober", 0),
        (UNAVAILABLE, 0.4, 0, "provider", 0),
    ],
)
async def test_what_the_exporter_slept_through_is_its_own_fault(
    answer: Answer, stall: float, success: float, side: str | None, timed: float
) -> None:
    """A timeout is nobody else's, an answer stands, and neither one's time is the provider's."""
    clock = FakeClock()

    async def send(_request: TokenRequest, _timeout: float) -> Answer:
        # As where something holds the loop: time passes, and nothing runs.
        clock.now += stall
        return answer

    exporter = Exporter(Config(targets=(make_target(),), concurrency=1), make_prober(send, clock), clock)
    task = asyncio.create_task(exporter.run())
    await clock.advance(30)
    task.cancel()
    await asyncio.wait([task])

    def value(name: str, **labels: str) -> float | None:
        return exporter.registry.get_sample_value(name, {"target": "contoso"} | labels)

    assert value("token_probe_success") == success
    told = [
        (sample.labels["side"], sample.labels["category"])
        for family in exporter.registry.collect()
        for sample in family.samples
        if sample.name == "token_probe_failures_total" and sample.value
    ]
    assert [owner for owner, _ in told] == ([side] if side else [])
    assert value("token_probe_duration_seconds_count", outcome="success" if success else "failure") == timed
    assert value("token_probe_phase_seconds_count", phase="connect") in {0.0, None}


@pytest.mark.fault(57)
async def test_a_stall_between_attempts_disturbs_none() -> None:
    """Nor does one before an attempt began."""
    clock = FakeClock()
    watch = LoopWatch(clock)
    task = asyncio.create_task(watch.run())
    await clock.jump(5)
    begun = watch.begin()
    await clock.advance(10)
    undisturbed = watch.end(begun)
    await clock.jump(5)
    first = watch.begin()
    await clock.jump(5)
    second = watch.begin()
    assert not undisturbed
    assert watch.end(first)
    assert not watch.end(second)
    task.cancel()


@pytest.mark.parametrize(
    ("feature", "changes"),
    [
        ("`expect: {token: ...}`", {"expect": Expectation(token=TokenCheck())}),
        ("its issuer", {"provider": "oidc", "endpoint": Issuer("https://sso.example")}),
        ("grant `discovery`", {"grant": "discovery"}),
        ("grant `jwks`", {"grant": "jwks"}),
        ("a `next` credential", {"next_credential": make_rotating_target().next_credential}),
    ],
)
def test_a_feature_has_as_many_series_as_documented(feature: str, changes: dict[str, Any]) -> None:
    """Before anything was probed; some series begin later: those of keys, and whether a credential works."""
    plain = {"provider": changes.get("provider", "entra")}
    counted = []
    for target in (make_target(**plain), make_target(**changes)):
        exporter = Exporter(Config(targets=(target,), concurrency=1), make_prober(reset, FakeClock()), FakeClock())
        counted.append(exposition(exporter.registry, openmetrics=False).count(b'target="contoso"'))

    later = {"grant `jwks`": 2, "a `next` credential": 3}
    assert counted[1] - counted[0] + later.get(feature, 0) == series_of_feature(feature)


async def reset(_request: TokenRequest, _timeout: float) -> Answer:
    return RESET


@pytest.mark.parametrize("provider", ["entra", "oidc"])
@virtual
async def test_a_target_has_as_many_series_as_documented(provider: str) -> None:
    """And so many more once it has failed with a code."""
    headers = {"content-type": "application/json", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    succeeding, failing = token(headers=headers), refusal(7000215, "invalid_client", 401)
    counted = []
    for answers in ([succeeding], [failing, succeeding], [failing, refusal(7000216, "x", 401), succeeding]):
        async with running(*answers, provider=provider) as bench:
            await asyncio.sleep(300)
            counted.append(bench.text().count('target="contoso"'))

    # These answers come from no TLS connection, so there is no end of a certificate.
    documented = series_documented(provider) - 1
    assert counted == [documented, documented + 4 + 2, documented + 4 + 4 + 2]


def series(text: str, target: str) -> set[str]:
    """The series of a target."""
    lines = (line.rpartition(" ")[0] for line in text.splitlines() if f'target="{target}"' in line)
    return {line for line in lines if not line.startswith("#")}


@pytest.mark.fault(64)
@virtual
async def test_another_config_leaves_what_stays_as_it_was() -> None:
    """Counters, schedule, and the test for an outage go on; what changed begins anew; what went is gone."""
    async with running(UNAVAILABLE) as bench:
        exporter = bench.exporter
        (stays,) = exporter.config.targets
        goes, changes = make_target("goes"), make_target("changes")
        exporter.retarget(Config(targets=(stays, goes, changes), concurrency=10))
        await asyncio.sleep(90)
        counted, due = (
            bench.value("token_probe_attempts_total"),
            bench.value("token_probe_next_attempt_timestamp_seconds"),
        )
        failed = exporter.registry.get_sample_value("token_probe_consecutive_failures", {"target": "changes"})
        assert (counted, failed, bench.value("token_probe_outage")) == (3, 3, 1)

        comes = make_target("comes")
        changed = make_target("changes", scope="api://other/.default", labels=(("team", "identity"),))
        same = replace(stays, credential=replace(stays.credential) if stays.credential else None)
        exporter.retarget(Config(targets=(comes, same, changed), concurrency=3))

        assert bench.value("token_probe_attempts_total") == counted
        assert bench.value("token_probe_next_attempt_timestamp_seconds") == due
        assert bench.value("token_probe_outage") == 1
        text = bench.text()
        assert not series(text, "goes")
        assert {line.partition("{")[0] for line in series(text, "comes")} > {"token_probe_attempts_total"}
        value = exporter.registry.get_sample_value
        assert value("token_probe_attempts_total", {"target": "changes"}) == 0
        assert value("token_exporter_targets") == 3
        assert 'target="changes",team="identity",tenant="contoso"} 1.0' in text
        assert 'target="contoso",team="",tenant="contoso"} 1.0' in text
        await asyncio.sleep(60)
        assert bench.value("token_probe_attempts_total") == 5
        assert (value("token_probe_attempts_total", {"target": "comes"}) or 0) >= 1
        assert value("token_probe_attempts_total", {"target": "goes"}) is None
        assert len(await Answers(exporter, bench.clock).statuses()) == 3


@virtual
async def test_a_target_that_comes_back_is_a_new_one(caplog: pytest.LogCaptureFixture) -> None:
    """What was said of the one of its name is said again, and its credentials are not known."""
    async with running(UNAVAILABLE, confirmations=0) as bench:
        exporter = bench.exporter
        (target,) = exporter.config.targets
        for _ in range(2):
            await asyncio.sleep(90)
            assert caplog.messages == ["probe fails"]
            assert [status.success for status in exporter.credentials.of(target)] == [False]
            caplog.clear()
            exporter.retarget(Config(targets=(), concurrency=10))
            exporter.retarget(Config(targets=(target,), concurrency=10))
            assert [status.tried_at for status in exporter.credentials.of(target)] == [None]


@pytest.mark.fault(64)
@virtual
async def test_an_attempt_under_way_ends_uncounted_where_its_target_changed_meanwhile() -> None:
    """It answers a question that nobody asks any more."""
    async with running(token()) as bench:
        release = asyncio.Event()

        async def slow(_request: TokenRequest, _timeout: float) -> Answer:
            await release.wait()
            return UNAVAILABLE

        bench.prober.send = slow
        await asyncio.sleep(31)
        bench.exporter.retarget(Config(targets=(make_target(scope="api://other/.default"),), concurrency=10))
        release.set()
        await asyncio.sleep(1)

        assert bench.value("token_probe_attempts_total") == 0
        assert not bench.exporter.history.failures()


@pytest.mark.fault(63)
@virtual
async def test_a_refused_config_is_a_gauge() -> None:
    """Until a good one comes."""
    async with running(token()) as bench:
        value = bench.exporter.registry.get_sample_value
        loaded = value("token_exporter_config_last_reload_success_timestamp_seconds")
        await asyncio.sleep(5)
        bench.exporter.refuse()
        assert value("token_exporter_config_last_reload_successful") == 0
        assert value("token_exporter_config_last_reload_success_timestamp_seconds") == loaded
        bench.exporter.retarget(bench.exporter.config)
        assert value("token_exporter_config_last_reload_successful") == 1
        assert value("token_exporter_config_last_reload_success_timestamp_seconds") == (loaded or 0) + 5
