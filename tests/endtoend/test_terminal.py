"""What people see who sit at a terminal: a real one, as far as the program can tell."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from processes import COMMAND, PATIENCE, ROOT

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7])m")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A program and what it wrote so far."""

    process: "subprocess.Popen[bytes]"
    end: int
    written: str = field(default="")

    @property
    def text(self) -> str:
        return _ESCAPE.sub("", self.written)

    def until(self, condition: Callable[[], bool]) -> None:
        """Reads on until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            ready, _, _ = select.select([self.end], [], [], deadline - time.monotonic())
            assert ready, f"it never came true: {self.text}"
            self.written += os.read(self.end, 65536).decode(errors="replace")


@contextmanager
def terminal(*arguments: str, **environment: str) -> Iterator[Terminal]:
    """Runs a command in a terminal of its own, 120 columns wide."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30", **environment},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_the_demo_shows_how_things_stand(environment: dict[str, str], coloured: bool) -> None:
    """Drawn anew in its place, in colours unless they are not wanted; no log line tears it."""
    with terminal("demo", "--web.listen-address=127.0.0.1:0", **environment) as shown:
        shown.until(lambda: "AADSTS7000222 InvalidClientSecretExpiredKeysProvided  client" in shown.text)
        shown.until(lambda: "Entra public cloud: issuing tokens" in shown.text)
        shown.process.send_signal(signal.SIGINT)

        assert shown.process.wait(PATIENCE) == 0
    assert re.search("STATE +TARGET +LAST FAILURE +SIDE +SINCE +ATTEMPTS +FAILED +P95", shown.text)
    assert "level=" not in shown.text
    assert bool(COLOUR.search(shown.written)) is coloured


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_once_is_coloured_on_a_terminal(environment: dict[str, str], coloured: bool) -> None:
    """Unless colours are not wanted."""
    with terminal("once", "--config.file=docs/examples/refusals.yaml", **environment) as shown:
        shown.until(lambda: "of 6 probes succeeded" in shown.text)

    assert bool(COLOUR.search(shown.written)) is coloured
