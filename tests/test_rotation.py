"""Two credentials side by side: each is tried, and has its own series."""

import asyncio
import logging
from typing import Any

import pytest
from fakes import NEXT_SECRET, SECRET, FakeClock, make_prober, make_rotating_target, refusal, token

from exporter.answers import Answers
from exporter.catalogue import Category
from exporter.exporter import Exporter
from exporter.model import Answer, Config, Secret, TokenRequest, Unreadable

EXPIRED = refusal(7000222, "invalid_client", 401)
WRONG = refusal(7000215, "invalid_client", 401)
UNAVAILABLE = refusal(90033, "temporarily_unavailable", 503, headers={"retry-after": "100"})


class Server:
    """Answers by the secret that it is shown."""

    def __init__(self, current: Answer, following: Answer) -> None:
        self.answers = {SECRET: current, NEXT_SECRET: following}
        self.shown: list[str] = []

    async def send(self, request: TokenRequest, _timeout: float) -> Answer:
        secret = dict(request.form or ())["client_secret"]
        assert isinstance(secret, Secret)
        self.shown.append(secret.reveal())
        return self.answers[secret.reveal()]


class Bench:
    """A running exporter with one target whose secret shall be replaced."""

    def __init__(self, current: Answer, following: Answer, **changes: Any) -> None:
        self.clock = FakeClock()
        self.server = Server(current, following)
        self.target = make_rotating_target(**changes)
        config = Config(targets=(self.target,), concurrency=10)
        self.prober = make_prober(self.server.send, self.clock)
        self.exporter = Exporter(config, self.prober, self.clock)

    async def run(self, seconds: float) -> None:
        task = asyncio.create_task(self.exporter.run())
        await self.clock.advance(seconds)
        task.cancel()
        await asyncio.wait([task])

    def value(self, name: str, **labels: str) -> float | None:
        return self.exporter.registry.get_sample_value(f"token_probe_{name}", {"target": "contoso"} | labels)

    def failures(self, credential: str) -> dict[str, float]:
        """The failures of a credential by their kind."""
        found = {
            kind: self.value("credential_failures_total", credential=credential, side=kind.side, category=kind)
            for kind in Category
        }
        return {kind: count for kind, count in found.items() if count}


async def test_each_credential_has_its_own_series() -> None:
    """And what the target itself counts is of the current one alone."""
    bench = Bench(token(), WRONG, confirmations=0)
    await bench.run(300)

    assert bench.server.shown == [SECRET, NEXT_SECRET] * 10
    assert bench.value("attempts_total") == 10
    assert bench.value("credential_attempts_total", credential="current") == 10
    assert bench.value("credential_attempts_total", credential="next") == 10
    assert bench.value("success") == bench.value("credential_success", credential="current") == 1
    assert bench.value("credential_success", credential="next") == 0
    assert (bench.failures("current"), bench.failures("next")) == ({}, {"credential_invalid": 10})
    assert bench.value("failures_total", side="client", category="credential_invalid") == 0
    assert bench.value("consecutive_failures") == 0
    assert bench.value("duration_seconds_count", outcome="success") == 10
    assert bench.value("duration_seconds_count", outcome="failure") == 0


async def test_what_fails_with_the_current_credential_is_a_failure_of_the_target() -> None:
    """In its counters, its history and its test; the next one speaks for itself."""
    bench = Bench(EXPIRED, token(), confirmations=0)
    await bench.run(90)

    assert bench.value("failures_total", side="client", category="credential_expired") == 3
    assert (bench.failures("current"), bench.failures("next")) == ({"credential_expired": 3}, {})
    assert bench.value("credential_success", credential="next") == 1
    assert len(Answers(bench.exporter, bench.clock).ports(drills=False).records.failures()) == 3


async def test_the_next_credential_raises_no_alarm_of_an_outage() -> None:
    """Nor is it asked again to be sure, nor does it ask for patience."""
    bench = Bench(token(), UNAVAILABLE)
    await bench.run(300)

    assert bench.value("outage") == bench.value("outage_evidence") == 0
    assert bench.server.shown.count(NEXT_SECRET) == bench.value("attempts_total") == 10
    assert Answers(bench.exporter, bench.clock).ports(drills=False).records.failures() == []


async def test_no_attempt_with_the_next_credential_where_none_is_made_with_the_current_one() -> None:
    """Who throttles is left alone."""
    bench = Bench(UNAVAILABLE, token(), confirmations=0)
    await bench.run(300)

    assert bench.server.shown.count(SECRET) == bench.server.shown.count(NEXT_SECRET) == bench.value("attempts_total")
    assert bench.value("skipped_total", reason="throttled") == 10 - (bench.value("attempts_total") or 0) > 0


async def test_a_next_credential_that_cannot_be_read_fails_by_itself() -> None:
    """The current one goes on."""
    bench = Bench(token(), token())
    read = bench.exporter._prober.read  # noqa: SLF001
    bench.exporter._prober.read = lambda s: Unreadable("gone") if Secret(NEXT_SECRET) in vars_of(s) else read(s)  # noqa: SLF001
    await bench.run(30)

    assert bench.value("credential_readable", credential="current") == 1
    assert bench.value("credential_readable", credential="next") == 0
    assert (bench.failures("current"), bench.failures("next")) == ({}, {"local": 1})


def vars_of(source: object) -> list[object]:
    return [getattr(source, name) for name in getattr(source, "__slots__", ())]


@pytest.mark.parametrize(
    ("send", "name"),
    [("slow", "a next attempt that hangs"), ("broken", "a bug that it brings out")],
)
async def test_the_current_attempts_do_not_wait_for(send: str, name: str) -> None:
    """They keep their times, and count as what they are."""
    bench = Bench(token(), token(), confirmations=0)

    async def interfere(request: TokenRequest, timeout: float) -> Answer:
        found = await bench.server.send(request, timeout)
        if bench.server.shown[-1] == NEXT_SECRET:
            if send == "broken":
                raise LookupError("a bug")
            await bench.clock.sleep_until(bench.clock.monotonic() + 70)
        return found

    bench.prober.send = interfere
    await bench.run(300)

    assert bench.value("attempts_total") == 10
    assert bench.value("failures_total", side="prober", category="local") == 0
    assert bench.server.shown.count(NEXT_SECRET) == (10 if send == "broken" else 4)
    crashed = bench.exporter.registry.get_sample_value("token_exporter_internal_errors_total")
    assert crashed == (10 if send == "broken" else 0)


async def test_a_change_of_verdict_is_logged_with_the_credential(caplog: pytest.LogCaptureFixture) -> None:
    """Once, until it changes again."""
    bench = Bench(token(), WRONG)
    with caplog.at_level(logging.INFO, "exporter"):
        await bench.run(90)
        bench.server.answers[NEXT_SECRET] = token()
        await bench.run(90)

    told = [(r.getMessage(), vars(r).get("credential")) for r in caplog.records if "probe" in r.getMessage()]
    assert told == [("probe fails", "next"), ("probe succeeds", "next")]
    assert SECRET not in caplog.text
    assert NEXT_SECRET not in caplog.text


async def test_the_targets_page_is_told_of_both() -> None:
    """What each is, and what became of the last attempt with it."""
    bench = Bench(token(), WRONG)
    before = Answers(bench.exporter, bench.clock).ports(drills=False).standings.detail("contoso")
    await bench.run(30)
    after = Answers(bench.exporter, bench.clock).ports(drills=False).standings.detail("contoso")

    assert before is not None
    assert after is not None
    assert [(c.state.label, c.verdict, c.tried_at) for c in before.credentials] == [
        ("current", "", None),
        ("next", "", None),
    ]
    assert [(c.state.label, c.verdict) for c in after.credentials] == [
        ("current", "token issued"),
        ("next", "AADSTS7000215 InvalidClientSecret"),
    ]
