"""The command line of `make replay`: the score as JSON on standard output, progress on standard error."""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.config.schema import DEFAULT_CONFIRMATIONS
from exporter.flagvalues import duration
from exporter.simulator import load_scenario
from replay.fleet import TENANTS
from replay.grid import DURATION, OF_EACH, grid
from replay.job import Job, Outcome, play
from replay.prometheus import require_programs
from replay.report import Report
from replay.world import DAY, NOISES

OUTAGES = sorted((Path(__file__).parent / "outages").glob("*.yaml"))

SEEDS = 3

TAIL = 1800.0
"""Seconds that a replay goes on after the last entry of a scenario."""


def main() -> None:
    """Replays what was asked for."""
    options = _parser().parse_args()
    jobs = list(_jobs(options))
    try:
        require_programs()
    except RuntimeError as error:
        raise SystemExit(str(error)) from None
    report = Report()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress, ProcessPoolExecutor(options.processes) as pool:
        bar = progress.add_task("replaying", total=len(jobs))
        pending: dict[Future[Outcome], Job] = {pool.submit(play, job): job for job in jobs}
        for done in as_completed(pending):
            try:
                report.add(pending[done], done.result())
            except RuntimeError as error:
                report.fail(pending[done], str(error))
            progress.update(bar, advance=1, description=pending[done].title)
    json.dump(report.as_json(), sys.stdout, indent=2)
    sys.stdout.write("\n")
    if report.failed:
        raise SystemExit("\n".join(report.failed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m replay",
        description="Replays outages through the exporter's own code in virtual time, evaluates the real alert rules "
        "over what it exported with a real Prometheus, and prints how many were detected, how soon, and what fired for "
        "nothing. Without a scenario: the synthetic grid and the outages of replay/outages.",
    )
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="replay this scenario instead")
    parser.add_argument("--seed", type=int, metavar="N", help=f"this seed only (default: {SEEDS} seeds)")
    parser.add_argument("--noise", choices=NOISES, default="harsh", help="beside a scenario (default: %(default)s)")
    parser.add_argument("--interval", type=duration, default=15.0, help="between attempts (default: 15s)")
    parser.add_argument(
        "--look", type=duration, default=5.0, help="between scrapes, and between evaluations (default: 5s)"
    )
    parser.add_argument(
        "--confirmations", type=int, default=DEFAULT_CONFIRMATIONS, help="an hour and target (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a day of the grid and each outage once: a few minutes")
    parser.add_argument("--processes", type=_at_least_one, default=2, help="replays at a time (default: %(default)s)")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("must be a number from 1 on")
    return int(text)


def _jobs(options: argparse.Namespace) -> Iterator[Job]:
    seeds = [options.seed] if options.seed is not None else list(range(1, 2 if options.quick else SEEDS + 1))
    for seed in seeds:
        if options.scenario is not None:
            yield _outage(options, options.scenario, len(TENANTS), options.noise, seed)
            continue
        yield from _grids(options, seed)
        for path in OUTAGES:
            for tenants in (1, len(TENANTS)):
                yield _outage(options, path, tenants, "normal", seed)


@dataclass(frozen=True, slots=True)
class _Variant:
    """How the grid is replayed, and with how many of the seeds."""

    noise: str
    look: float | None = None
    confirmed: bool = True
    seeds: int = SEEDS


_VARIANTS = (
    _Variant("harsh"),
    _Variant("harsh", confirmed=False, seeds=2),
    _Variant("harsh", look=15.0, seeds=1),
    _Variant("normal", seeds=1),
)


def _grids(options: argparse.Namespace, seed: int) -> Iterator[Job]:
    duration, of_each = (1.25 * DAY, 1) if options.quick else (DURATION, OF_EACH)
    scenario = grid(seed, duration, of_each)
    for variant in _VARIANTS[:1] if options.quick else _VARIANTS:
        if variant.seeds < seed <= SEEDS:
            continue
        look = variant.look or options.look
        yield Job(
            title=f"grid, {variant.noise} noise"
            + ("" if variant.confirmed else ", no confirmation")
            + ("" if variant.look is None else f", scraped every {look:g} s"),
            scenario=scenario,
            duration=duration,
            tenants=len(TENANTS),
            noise=variant.noise,
            seed=seed,
            interval=options.interval,
            look=look,
            confirmations=options.confirmations if variant.confirmed else 0,
        )


def _outage(options: argparse.Namespace, path: Path, tenants: int, noise: str, seed: int) -> Job:
    scenario = load_scenario(path)
    if isinstance(scenario, list):
        raise SystemExit("\n".join(f"{path}: {problem}" for problem in scenario))
    return Job(
        title="a prober of one tenant" if tenants == 1 else f"a prober of {tenants} tenants",
        scenario=scenario,
        cell=scenario.name,
        duration=max((entry.end for entry in scenario.timeline), default=0.0) + TAIL,
        tenants=tenants,
        noise=noise,
        seed=seed,
        interval=options.interval,
        look=options.look,
        confirmations=options.confirmations,
    )


if __name__ == "__main__":
    main()
