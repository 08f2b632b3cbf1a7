"""The command line in processes of its own."""

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-m", "exporter")
PATIENCE = 30.0


@dataclass(slots=True)
class Running:
    """A process that prints the port it listens on."""

    process: "subprocess.Popen[str]"
    port: int

    def get(self, path: str, **headers: str) -> str:
        return fetch(f"http://127.0.0.1:{self.port}{path}", **headers)

    def samples(self, pattern: str) -> list[float]:
        """The values of the samples whose line matches."""
        return values(self.get("/metrics"), pattern)

    def until(self, condition: Callable[[], bool], within: float = PATIENCE) -> None:
        """Asks again and again, as long as the process lives, until the condition holds."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the process ended with {self.process.wait(0.05)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def said(self) -> str:
        """What an ended process has written since it named its port."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


def values(metrics: str, pattern: str) -> list[float]:
    """The values of the samples whose name and labels match."""
    return [float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if re.match(pattern, line)]


def fetch(url: str, **headers: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return str(response.read().decode())


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def run(
    *arguments: str, environment: dict[str, str] | None = None, under: tuple[str, ...] = ()
) -> "subprocess.CompletedProcess[str]":
    """Runs one command to its end, `under` another one that begins it."""
    return subprocess.run(
        [*under, *COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=os.environ | (environment or {}),
    )


@contextmanager
def running(
    *arguments: str,
    port: str = r"port[= ](\d+)|localhost:(\d+)/metrics",
    environment: dict[str, str] | None = None,
    under: tuple[str, ...] = (),
) -> Iterator[Running]:
    """A command that listens, while the block runs, `under` another one that begins it.

    Its output is read until it names the port.
    """
    process = subprocess.Popen(
        [*under, *COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
    )
    try:
        yield Running(process, int(read_until(process, port)))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", pattern: str) -> str:
    """Reads a process's output up to what matches; returns what the first group that matched holds.

    Reads the pipe itself: a reader with a buffer would hold lines that select cannot see.
    """
    assert process.stdout is not None
    seen = ""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            chunk = os.read(process.stdout.fileno(), 65536).decode()
            seen += chunk
            if match := re.search(f"(?:{pattern})(?=.*\n)", seen):
                return next((group for group in match.groups() if group), match[0])
            if not chunk:
                break
    raise AssertionError(f"{pattern!r} was not printed: {seen}")
