"""The command line of `make soak`: progress, problems and the verdict as lines of JSON on standard output."""

import argparse
import asyncio
import json
import shutil
import signal
import sys

from soak.run import AROUND, soak

SECONDS = 600.0


def main() -> None:
    """Soaks; exits with 1 if anything did not hold."""
    options = _parser().parse_args()
    promtool = shutil.which("promtool")
    if promtool is None:
        raise SystemExit("promtool is missing: apt-get install prometheus")
    # As Ctrl-C does it: the exporter must not outlive us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not asyncio.run(soak(options.seed, options.seconds, promtool, _report)):
        raise SystemExit(1)


def _report(line: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m soak",
        description="Runs a real exporter among faults of providers, of the network and of its own machine, reloads, "
        "rotations and scrapes that a seed draws, and watches whether what must always hold does.",
    )
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, help="all in all (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=1, help="what is done and when (default: %(default)s)")
    return parser


def _seconds(text: str) -> float:
    if not text.isdecimal() or int(text) <= 2 * AROUND:
        raise argparse.ArgumentTypeError(f"must be a number above {2 * AROUND:g}")
    return float(text)


if __name__ == "__main__":
    main()
