"""An exporter that is told to stop, at any moment, and one that is killed and started again."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from endpoints import Endpoint, endpoint, is_silent, serve_flags, targets_on
from processes import Running, running

from exporter.archive import Archive
from exporter.schedule import share

PROBE = b"GET /probe?target=%b HTTP/1.1\r\nHost: x\r\n\r\n"


def due_within(first: float, last: float) -> Iterator[str]:
    """Names of targets whose share of the interval lies between these."""
    return (name for number in count() if first <= share(name := f"t{number}") < last)


EARLY = next(due_within(0, 0.005))


@contextmanager
def amid_attempts(provider: Endpoint, flags: tuple[str, ...]) -> Iterator[Running]:
    """An exporter with an attempt of the schedule under way and one that somebody waits for."""
    with running(*flags) as exporter, socket.create_connection(("127.0.0.1", exporter.port)) as waiting:
        waiting.sendall(PROBE % EARLY.encode())
        exporter.until(lambda: len(provider.heard) == 2)
        yield exporter


def refuses(exporter: Running) -> bool:
    with socket.socket() as other:
        return other.connect_ex(("127.0.0.1", exporter.port)) != 0


@pytest.mark.fault(84)
def test_a_signal_amid_attempts_ends_them_and_counts_none(tmp_path: Path) -> None:
    """It exits 0 within five seconds; what is under way is no failure, in the log and in the history."""
    history = tmp_path / "history.sqlite"
    with endpoint(is_silent) as provider:
        flags = serve_flags(tmp_path, targets_on(provider.port, EARLY), interval="1m", timeout="55s")
        with amid_attempts(provider, (*flags, f"--history.path={history}")) as exporter:
            began = time.monotonic()
            assert exporter.stop() == 0
            took = time.monotonic() - began
            log = exporter.said()

    assert took < 5
    assert "msg=stopping signal=SIGTERM" in log
    assert "probe fails" not in log
    assert "Traceback" not in log
    with Archive(history, 86400.0, time.time, lambda _: None) as archive:
        assert archive.load() == []


@pytest.mark.fault(84)
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_second_signal_ends_it_at_once(tmp_path: Path, second: signal.Signals) -> None:
    """After the first it listens no more; the second waits for nobody, and is the exit code."""
    with endpoint(is_silent) as provider:
        flags = serve_flags(tmp_path, targets_on(provider.port, EARLY), interval="1m", timeout="55s")
        with amid_attempts(provider, flags) as exporter:
            exporter.process.send_signal(signal.SIGTERM)
            exporter.until(lambda: refuses(exporter))

            assert exporter.stop(second) == 128 + second


@pytest.mark.fault(85)
def test_a_killed_exporter_counts_from_zero_and_hammers_nobody(tmp_path: Path) -> None:
    """However often it starts: each time only the targets are asked whose share of the interval has come."""
    late = due_within(0.5, 1)
    with endpoint() as provider:
        targets = targets_on(provider.port, EARLY, *(next(late) for _ in range(20)))
        flags = serve_flags(tmp_path, targets, interval="1m", timeout="5s")
        counted = []
        for _ in range(2):
            with running(*flags) as exporter:
                exporter.until(lambda: sum(exporter.samples("token_probe_attempts_total")) > 0)
                counted.append(sum(exporter.samples("token_probe_attempts_total")))
                assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL

    assert counted == [1.0, 1.0]
    assert len(provider.heard) == 2
