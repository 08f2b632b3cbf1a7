"""Standard error that does not take lines, and disks that take no file: probes go on, and what is lost is counted."""

import fcntl
import os
import resource
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError

import pytest
from endpoint import arguments, endpoint, goes_on, value, write_config
from processes import COMMAND, ROOT, Running, fetch, free_port
from tools import unavailable

from exporter.logs import MOST_WAITING

WRITABLE = "token_exporter_history_writable"
LOST = "token_exporter_log_lines_lost_total"


@contextmanager
def logging_to(stderr: int | IO[bytes], config: Path, *flags: str, before: tuple[str, ...] = ()) -> Iterator[Running]:
    """An exporter that logs to a file; the port that it listens on is chosen before, since nobody reads its lines."""
    port = free_port()
    process = subprocess.Popen(
        [*before, *COMMAND, "serve", *arguments(config, port), "--log.level=debug", *flags],
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        cwd=ROOT,
    )
    exporter = Running(process, port)
    try:
        exporter.until(lambda: answers(port))
        yield exporter
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def answers(port: int) -> bool:
    with suppress(URLError, ConnectionError):
        return bool(fetch(f"http://127.0.0.1:{port}/-/healthy"))
    return False


@pytest.mark.fault(62)
def test_a_collector_that_does_not_read_stops_no_probe(tmp_path: Path) -> None:
    """Lines wait for it, and come once it reads again; without it the end is as orderly as ever."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
    with endpoint() as there, os.fdopen(reads, "rb", buffering=0) as collector:
        config = write_config(tmp_path, there.target("one"), there.target("two"), interval="100ms", timeout="80ms")
        with logging_to(writes, config) as exporter:
            goes_on(exporter, "one", "two", times=6)
            assert is_full(writes)
            os.close(writes)

            told = b""
            while told.count(b'msg="probe succeeds"') < 12:
                told += collector.read(1 << 16)
            assert b"msg=listening" in told
            assert value(exporter, LOST) == 0

            goes_on(exporter, "one", "two", times=6)
            assert exporter.stop() == 0


def is_full(pipe: int) -> bool:
    return not select.select((), (pipe,), (), 0)[1]


BURST = """
import logging, sys
from exporter import logs
logs.set_up("info", "logfmt")
lost = []
with logs.aside(lambda: lost.append(1)):
    for number in range(int(sys.argv[1])):
        logging.info("line", extra={"number": number})
print(len(lost))
logging.info("the last")
"""


def lost_of_a_burst(lines: int, stderr: int | IO[bytes]) -> int:
    """How many of so many lines at once are lost."""
    words = [sys.executable, "-c", BURST, str(lines)]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=stderr, timeout=30, check=True, cwd=ROOT)
    return int(ended.stdout)


@pytest.mark.fault(62)
def test_lines_that_nobody_reads_are_lost_and_counted_in_the_end() -> None:
    """All but those that wait, and the few that the pipe holds; nor does the end wait for anybody to read."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
    lost = lost_of_a_burst(MOST_WAITING + 500, writes)
    os.close(writes)
    os.close(reads)

    assert 500 - 4096 // len("level=info msg=line") <= lost <= 500


@pytest.mark.fault(61)
def test_lines_for_which_there_is_no_room_are_lost_and_counted() -> None:
    """Each of them, and nothing else is said of it."""
    with Path("/dev/full").open("wb") as full:
        assert lost_of_a_burst(100, full) == 100


@pytest.mark.fault(61)
def test_a_disk_that_is_full_stops_no_probe(tmp_path: Path) -> None:
    """Log and history are told apart; what failed meanwhile is written once there is room."""
    history = tmp_path / "history.sqlite"
    with endpoint() as there, (tmp_path / "log").open("wb") as log:
        config = write_config(tmp_path, there.target("one"), interval="100ms", timeout="80ms")
        with logging_to(log, config, f"--history.path={history}") as exporter:
            exporter.until(history.with_name("history.sqlite-wal").exists)
            resource.prlimit(exporter.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            exporter.until(lambda: value(exporter, WRITABLE) == 0)
            lost = value(exporter, LOST)
            goes_on(exporter, "one", times=5)
            assert value(exporter, LOST) >= lost + 5

            resource.prlimit(exporter.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            exporter.until(lambda: value(exporter, WRITABLE) == 1)
            assert exporter.stop() == 0


@pytest.mark.fault(61)
def test_a_read_only_system_and_no_standard_error_stop_no_probe(tmp_path: Path) -> None:
    """Nothing is written that nobody asked for, and no line lands where another file was given its number."""
    words = 'mount -o remount,bind,ro / && exec 2>&- && exec "$@"'
    read_only = ("unshare", "--mount", "sh", "-c", words, "sh")
    if subprocess.run([*read_only, "true"], capture_output=True, check=False).returncode:
        unavailable("no file system can be made read-only here: run the tests as root on Linux")
    history = tmp_path / "history.sqlite"
    with endpoint() as there:
        config = write_config(tmp_path, there.target("one"), interval="100ms", timeout="80ms")
        with logging_to(subprocess.DEVNULL, config, f"--history.path={history}", before=read_only) as exporter:
            exporter.until(lambda: value(exporter, WRITABLE) == 0)
            goes_on(exporter, "one")
            assert Path(f"/proc/{exporter.process.pid}/fd/2").readlink() == Path(os.devnull)
            assert exporter.stop() == 0
    assert not history.exists()
