"""The machine's wall clock steps, the process stands still: probes keep their rhythm, and the blame is put right."""

import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import jwt
import pytest
from endpoint import REFUSED, TOKEN, Endpoint, Form, attempts, endpoint, goes_on, logged, serving, value, write_config
from pairs import make_pair
from processes import Running
from tools import unavailable

HOUR = 3600
STEPS = (HOUR, -HOUR)

STOPPED = 1.2
"""Seconds for which the exporter is stopped: six intervals."""


def by_the_clock(form: Form) -> tuple[int, object]:
    """Judges an assertion's times as providers do, a minute either way."""
    if "client_assertion" not in form:
        return 200, TOKEN
    claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
    return (200, TOKEN) if claims["nbf"] - 60 <= time.time() <= claims["exp"] + 60 else (401, REFUSED)


def faked(offset: Path) -> Mapping[str, str]:
    """An environment in which the wall clock is off by what a file says; the monotonic one is not."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        unavailable("libfaketime is missing: apt-get install libfaketime")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        # Meant for an old glibc; with a newer one Python's threads wait for each other for seconds.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }


def step(offset: Path, seconds: int) -> None:
    """Sets the wall clock of a process that runs; at no moment is there no offset."""
    offset.with_suffix(".new").write_text(f"{seconds:+d}")
    offset.with_suffix(".new").replace(offset)


def skewed(exporter: Running, seconds: float) -> bool:
    return abs(value(exporter, "token_probe_clock_skew_seconds", target="signs") - seconds) < 5


def refusals(exporter: Running) -> float:
    return value(exporter, "token_probe_failures_total", target="signs", side="client", category="credential_invalid")


@pytest.mark.fault(55)
def test_a_step_of_the_wall_clock_moves_no_probe_and_is_named(tmp_path: Path) -> None:
    """Neither forth nor back; what is signed by a wrong clock is refused, and the difference stands beside that."""
    step(offset := tmp_path / "offset", 0)
    make_pair().write(tmp_path)
    with endpoint(by_the_clock) as there:
        signs = there.target("signs", "certificate_file: tls.crt, private_key_file: tls.key")
        signs = signs.replace("client_secret_post", "private_key_jwt")
        config = write_config(tmp_path, signs, there.target("plain"))
        with serving(config, environment=faked(offset)) as exporter:
            for seconds in STEPS:
                goes_on(exporter, "signs", "plain", times=1)
                before, refused = attempts(exporter, "plain"), refusals(exporter)

                step(offset, seconds)
                began = time.monotonic()
                exporter.until(lambda: skewed(exporter, -seconds))  # noqa: B023 - it is called here and now
                exporter.until(lambda: refusals(exporter) >= refused + 2)  # noqa: B023

                goes_on(exporter, "plain", times=1)
                made = attempts(exporter, "plain") - before
                assert made <= (time.monotonic() - began) / 0.2 + 2.5
                step(offset, 0)
                exporter.until(lambda: skewed(exporter, 0))

            goes_on(exporter, "signs", "plain", times=1)
            # A busy machine makes some; an hour would be thousands.
            assert value(exporter, "token_probe_skipped_total", reason="missed") < 100
            assert value(exporter, "token_probe_duration_seconds_sum") < 100
            assert exporter.stop() == 0
            told = logged(exporter)

    assert told.count("msg=\"the provider's clock differs from ours; is this machine's right?\"") == 4
    assert told.count('msg="the provider\'s clock and ours agree again"') == 4
    assert len(re.findall(r"target=signs clock_difference_seconds=-(3600|3599)", told)) == 1
    assert len(re.findall(r"target=signs clock_difference_seconds=(3600|3599)", told)) == 1


def stopped(exporter: Running, there: Endpoint, target: str) -> None:
    """Stops a process in the middle of an attempt, as a machine that is suspended does, and lets it go on."""
    there.is_asked(target)
    exporter.process.send_signal(signal.SIGSTOP)
    until = time.monotonic() + STOPPED
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)
    exporter.process.send_signal(signal.SIGCONT)


@pytest.mark.fault(56, 57)
def test_a_stop_in_mid_attempt_is_nobody_elses_fault_and_is_not_made_up_for(tmp_path: Path) -> None:
    """What was under way is the prober's own failure without a time; what was slept through is skipped and counted."""
    with endpoint() as there, endpoint() as silent:
        config = write_config(tmp_path, there.target("answered"), silent.target("unanswered"))
        with serving(config) as exporter:
            goes_on(exporter, "answered")
            silent.open.clear()
            exporter.until(lambda: value(exporter, "token_probe_transport_failures_total", reason="timeout") >= 1)

            stopped(exporter, silent, "unanswered")
            began, before = time.monotonic(), there.asked["answered"]
            exporter.until(lambda: there.asked["answered"] >= before + 3)
            took = time.monotonic() - began

            assert took > 0.15
            seen = exporter.get("/metrics")
            for target in ("answered", "unanswered"):
                assert value(seen, "token_probe_skipped_total", target=target, reason="missed") >= 4
            stall = {"target": "unanswered", "stage": "local", "reason": "loop_stall"}
            stalled = value(seen, "token_probe_transport_failures_total", **stall)
            assert stalled == value(seen, "token_probe_failures_total", target="unanswered", side="prober") >= 1
            timed = value(seen, "token_probe_duration_seconds_count", target="unanswered")
            assert timed <= value(seen, "token_probe_attempts_total", target="unanswered") - stalled
            lag = "token_exporter_event_loop_lag_seconds"
            assert value(seen, f"{lag}_count") - value(seen, f"{lag}_bucket", le="0.5") >= 1
            silent.open.set()
            goes_on(exporter, "answered", "unanswered")
