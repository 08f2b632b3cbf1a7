"""Attempts in processes that die, by SIGKILL, right after the so manieth step that writes a state.

Usage: mortal.py CONFIG TIMES. For each step, named by the variable STEP, so many processes die there, and as many
follow that do not. Prints a line for each step: `killed` or `lived`, and whether the last attempt was a success. It
ends with the first step that is never reached.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from processes import ROOT

from exporter.app import once
from exporter.config import load_config
from exporter.model import Config

STEPS = ((os, ("open", "pwrite", "ftruncate", "fsync")), (Path, ("replace", "unlink")))


def mortal(steps: int) -> None:
    """Lets this process die after so many steps."""
    left = iter(range(steps - 1, -1, -1))

    def dying(action: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(action)
        def step(*args: Any, **kwargs: Any) -> Any:
            done = action(*args, **kwargs)
            if next(left, None) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return step

    for owner, names in STEPS:
        for name in names:
            setattr(owner, name, dying(getattr(owner, name)))


def attempt(config: Config, dies_after: int) -> int:
    """Makes one attempt in a process of its own; its wait status: 0 is a success, 9 the kill."""
    if (child := os.fork()) == 0:
        if dies_after:
            mortal(dies_after)
        [result] = asyncio.run(once(config, config.targets))
        os._exit(0 if result.outcome.success else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    config = load_config(Path(sys.argv[1]))
    assert isinstance(config, Config)
    times = int(sys.argv[2])
    for step in count(1):
        os.environ["STEP"] = f"step-{step}"
        ends = [attempt(config, dies_after) for dies_after in [step] * times + [0] * times]
        killed = ends[0] == -signal.SIGKILL
        sys.stdout.write(f"{'killed' if killed else 'lived'} {ends[-1]}\n")
        sys.stdout.flush()
        if not killed:
            break


def die_at_each_step(config: Path, times: int) -> list[str]:
    """The lines that the script prints, run on a config."""
    ended = subprocess.run(
        [sys.executable, __file__, config, str(times)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


if __name__ == "__main__":
    main()
