"""Targets that get in each other's way: too many for their places, too slow for their interval, or broken."""

import json
import time
from collections.abc import Iterator
from threading import Lock

import pytest
from endpoints import ISSUED, endpoint, serve_flags, targets_on
from processes import PATIENCE, Running, running, values
from webside import connected, get, real_exporter

from exporter.model import ProbeResult, Target
from exporter.probe import Prober


class OneByOne:
    """An endpoint that takes its time, and knows how many requests it had at once."""

    def __init__(self, seconds: float) -> None:
        self.most = 0
        self._seconds = seconds
        self._now = 0
        self._lock = Lock()

    def __call__(self, _number: int, _request: bytes) -> bytes:
        self._count(1)
        time.sleep(self._seconds)
        self._count(-1)
        return ISSUED

    def _count(self, change: int) -> None:
        with self._lock:
            self._now += change
            self.most = max(self.most, self._now)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, OneByOne]]:
    """An exporter with one place: two targets would each fill most of it, and a third is quick."""
    slow = OneByOne(0.3)
    with endpoint(slow) as busy, endpoint() as quick:
        targets = [*targets_on(busy.port, "slow-1", "slow-2"), *targets_on(quick.port, "quick")]
        folder = tmp_path_factory.mktemp("crowded")
        flags = serve_flags(folder, targets, concurrency=1, interval="400ms", timeout="390ms")
        with running(*flags) as exporter:
            exporter.until(lambda: sum(exporter.samples('token_probe_skipped_total{reason="overlap"')) >= 3)
            exporter.until(lambda: sum(exporter.samples('token_probe_attempts_total{target="quick"')) >= 3)
            yield exporter, slow


@pytest.mark.fault(87)
def test_an_attempt_that_outlasts_the_interval_is_skipped_over(crowded: tuple[Running, OneByOne]) -> None:
    """What is left out is counted, and is neither an attempt nor a failure; in one place one runs at a time."""
    exporter, slow = crowded

    assert slow.most == 1
    metrics = exporter.get("/metrics")
    assert sum(values(metrics, "token_probe_failures_total{")) == 0
    ended = sum(values(metrics, 'token_probe_duration_seconds_count{outcome="success"'))
    assert sum(values(metrics, "token_probe_attempts_total{")) == ended


@pytest.mark.fault(88)
def test_the_wait_for_a_place_is_measured_and_is_no_latency(crowded: tuple[Running, OneByOne]) -> None:
    """The quick target waits for the slow ones, and is quick all the same."""
    exporter, _ = crowded
    metrics = exporter.get("/metrics")

    (late,) = values(metrics, 'token_probe_start_delay_seconds_bucket{le="0.1"}')
    (all_,) = values(metrics, "token_probe_start_delay_seconds_count")
    (attempts,) = values(metrics, 'token_probe_duration_seconds_count{outcome="success",target="quick"}')
    (seconds,) = values(metrics, 'token_probe_duration_seconds_sum{outcome="success",target="quick"}')
    assert late < all_
    assert seconds / attempts < 0.2


class Bug(Prober):
    """Breaks down over one target."""

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        if target.name == "broken":
            raise RuntimeError("a bug")
        return await super().probe(target, timeout)


@pytest.mark.fault(86)
async def test_a_bug_that_one_target_brings_out_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Each of its attempts is an internal error, on the prober's side, and the next comes in its time."""
    with endpoint() as provider:
        entries = targets_on(provider.port, "broken", "sound")
        config = json.dumps({"defaults": {"interval": "100ms", "timeout": "90ms"}, "targets": entries})
        async with real_exporter(config, scheduled=True, kind=Bug) as port:

            async def page(path: str) -> tuple[int, str]:
                async with connected(port) as client:
                    await client.say(get(path))
                    status, body = await client.answer()
                    return status, body.decode()

            deadline = time.monotonic() + PATIENCE
            metrics = ""
            while min(values(metrics, "token_probe_attempts_total{") or [0]) < 3:
                assert time.monotonic() < deadline
                metrics = (await page("/metrics"))[1]
            asked, said = await page("/probe?target=broken")
            healthy = [(await page(path))[0] for path in ("/-/healthy", "/-/ready", "/probe?target=sound", "/")]

    crashes = values(metrics, "token_exporter_internal_errors_total")
    assert crashes == values(metrics, 'token_probe_failures_total{.*side="prober",target="broken"}')
    assert crashes == values(metrics, 'token_probe_attempts_total{target="broken"}')
    assert sum(values(metrics, 'token_probe_failures_total{.*target="sound"}')) == 0
    assert (asked, "bug" in said, healthy) == (500, False, [200] * 4)
    assert len(caplog.records) >= 3
