"""How late probes start: ours with many targets against the simulator, on one core.

Prints a JSON line: attempts a second, how late they began, skipped ones, CPU, memory. A scrape every few seconds is
part of it, as it is of every day.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.processes import Process, exporter, free_port, running, say, total

CONCURRENCY = 500

SETTLES = 5.0
"""Seconds after the start that are not measured."""

SCRAPED_EVERY = 15.0
"""Seconds."""


def main() -> None:
    """Measures one size."""
    options = _parser().parse_args()
    with ExitStack() as stack:
        temporary, simulator = stack.enter_context(tempfile.TemporaryDirectory()), stack.enter_context(_simulator())
        config = {
            "concurrency": CONCURRENCY,
            "defaults": {"interval": options.interval, "timeout": "4s"},
            "targets": list(_targets(options.targets, simulator.port)),
        }
        notes = Path(temporary) / "lateness"
        say(f"lateness: {options.targets} targets start; measuring takes {options.seconds:.0f} s")
        with _on_one_core():
            ours = stack.enter_context(exporter(Path(temporary), config, ("bench.noting", str(notes))))
        figures = _figures(ours, notes, options.seconds)
    named = {"bench": "lateness of starts", "targets": options.targets, "interval": options.interval}
    print(json.dumps({**named, **figures}))  # noqa: T201 - the result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.lateness", description=__doc__)
    parser.add_argument("--targets", type=int, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument("--interval", default="60s", help="between two attempts of one (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the measurement (default: %(default)s)")
    return parser


@contextmanager
def _simulator() -> Iterator[Process]:
    port = free_port()
    command = [sys.executable, "-m", "exporter", "simulate", f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, port, "/healthy") as process:
        yield process


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Lets what is started in the block run on the last core only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _targets(count: int, port: int) -> Iterator[Mapping[str, object]]:
    for number in range(count):
        yield {
            "name": f"target-{number}",
            "provider": "entra",
            "tenant": "contoso.onmicrosoft.com",
            "authority_host": f"http://127.0.0.1:{port}",
            "allow_http": True,
            "grant": "client_credentials",
            "client_id": "00000000-0000-4000-8000-000000000001",
            "scope": "https://graph.microsoft.com/.default",
            "credential": {"client_secret": "simulated-secret"},
        }


def _figures(ours: Process, notes: Path, seconds: float) -> Mapping[str, object]:
    # What is late because everything has just started is not measured.
    time.sleep(SETTLES)
    before, cpu, noted = ours.scrape(), ours.cpu_seconds(), notes.stat().st_size
    began = time.monotonic()
    after = before
    while (left := began + seconds - time.monotonic()) > 0:
        say(f"lateness: {left:.0f} s left")
        time.sleep(min(left, SCRAPED_EVERY))
        after = ours.scrape()
    used, took = ours.cpu_seconds() - cpu, time.monotonic() - began
    late = sorted(array("d", notes.read_bytes()[noted:]))
    return {
        "attempts_per_second": round(len(late) / took, 1),
        "failed": total(after, "token_probe_failures_total") - total(before, "token_probe_failures_total"),
        "skipped": total(after, "token_probe_skipped_total"),
        **{f"p{share}_ms": round(1000 * late[int(share / 100 * len(late))], 2) for share in (50, 90, 99)},
        "max_ms": round(1000 * late[-1], 2),
        "cpu_share": round(used / took, 3),
        "resident_mebibytes": round(ours.resident_mebibytes()),
    }


if __name__ == "__main__":
    main()
