"""How late probes start: ours with many targets against the simulator, on one core.

Prints a JSON line: attempts a second, how late they began (the histogram's buckets), skipped ones, CPU, memory.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Process, exporter, free_port, running, total

CONCURRENCY = 500

_BUCKET = re.compile(r'token_probe_start_delay_seconds_bucket\{le="([^"]+)"\} (\S+)')


def main() -> None:
    """Measures one size."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as temporary, _simulator() as simulator, _on_one_core():
        config = {
            "concurrency": CONCURRENCY,
            "defaults": {"interval": options.interval, "timeout": "4s"},
            "targets": list(_targets(options.targets, simulator.port)),
        }
        with exporter(Path(temporary), config) as ours:
            figures = _figures(ours, options.seconds)
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


def _figures(ours: Process, seconds: float) -> Mapping[str, object]:
    # What is late because everything has just started is not measured.
    time.sleep(5.0)
    before, cpu = ours.get("/metrics"), ours.cpu_seconds()
    began = time.monotonic()
    time.sleep(seconds)
    used, took = ours.cpu_seconds() - cpu, time.monotonic() - began
    after = ours.get("/metrics")
    attempts = total(after, "token_probe_attempts_total") - total(before, "token_probe_attempts_total")
    return {
        "attempts_per_second": round(attempts / took, 1),
        "failed": total(after, "token_probe_failures_total"),
        "skipped": total(after, "token_probe_skipped_total"),
        "p50_at_most_seconds": _quantile(before, after, 0.5),
        "p99_at_most_seconds": _quantile(before, after, 0.99),
        "cpu_share": round(used / took, 3),
        "resident_mebibytes": round(ours.resident_mebibytes()),
    }


def _quantile(before: str, after: str, share: float) -> float | None:
    """The end of the bucket in which a quantile lies."""
    earlier = dict(_BUCKET.findall(before))
    counts = [(float(end), float(count) - float(earlier.get(end, 0))) for end, count in _BUCKET.findall(after)]
    whole = max((count for _, count in counts), default=0.0)
    return next((end for end, count in counts if whole and count >= share * whole), None)


if __name__ == "__main__":
    main()
