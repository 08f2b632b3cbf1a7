"""The command line."""

import argparse
import codecs
import json
import logging
import os
import shlex
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from exporter import __version__, app, logs
from exporter.arguments import make_parser
from exporter.config import json_schema, load_config
from exporter.document import Problem
from exporter.drill import drill_problem
from exporter.explain import as_fields, explain_text, explain_word
from exporter.inspection import inspect
from exporter.model import Config
from exporter.report import fields
from exporter.rules import Settings, render
from exporter.shard import Shard, ordinal
from exporter.simulator import QUIET, Scenario, load_scenario
from exporter.terminal import console, live_status, print_explanation, print_results
from exporter.web import Protection

FAILED = 1
WRONG_USE = 2

_STDERR = 2
T = TypeVar("T", Config, Scenario, Protection)

log = logging.getLogger("exporter")


class _UsageError(Exception):
    """What the user must mend; its text goes to standard error, and the process ends with 2."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 well, 1 something failed while running, 2 wrong use or a bad config."""
    _open_standard_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = make_parser(_RUNS)
    # `serve` is what an exporter does, so its flags work without naming it.
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, "serve")
    options = parser.parse_args(words, argparse.Namespace(command=shlex.join(["aadsts-exporter", *words])))
    logs.set_up(options.log_level, options.log_format)
    try:
        status = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough, as `head` does; what is left must not be tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    except _UsageError as error:
        print(error, file=sys.stderr)
        status = WRONG_USE
    except OSError as error:
        print(f"aadsts-exporter: {error.strerror or error}", file=sys.stderr)
        status = FAILED
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _open_standard_streams() -> None:
    """Opens those that are closed on nothing: libuv aborts where a socket has such a number, and Python has none."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(descriptor)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - as long as we live


def _serve(options: argparse.Namespace) -> int:
    config = _load(options.config)
    for warning in config.warnings:
        log.warning(warning)
    log.info("starting", extra={"version": __version__, "targets": len(config.targets)})
    served = app.Options(
        address=options.address,
        max_requests=options.max_requests,
        protection=_protection(options),
        history_path=options.history_path,
        history_max_age=options.history_max_age,
        drills=options.drills,
        lifecycle=options.lifecycle,
        shard=_shard(options),
        scheduled=options.schedule,
        freshness=options.freshness,
    )
    app.run(app.serve(config, served, _listening, lambda: load_config(options.config)))
    return 0


def _shard(options: argparse.Namespace) -> Shard:
    """Which shard this exporter is: as the command line says, or the number at the end of the pod's name."""
    index = options.shard_index
    if index is None:
        index = 0 if options.shard_count == 1 else ordinal(os.environ.get("POD_NAME") or socket.gethostname())
    if index is None:
        raise _UsageError("aadsts-exporter: the host's name ends in no -NUMBER, so --shard.index must be given")
    if index >= options.shard_count:
        raise _UsageError(
            f"aadsts-exporter: --shard.count={options.shard_count} has no shard {index}: they count from 0"
        )
    return Shard(index, options.shard_count)


def _demo(options: argparse.Namespace) -> int:
    scenario = app.demo_scenario()
    if options.scenario is not None:
        scenario = _good(load_scenario(options.scenario), options.scenario)
    protection = _protection(options)

    def started(port: int) -> None:
        url = f"{'https' if protection.context else 'http'}://localhost:{port}"
        print(
            f"aadsts-exporter {__version__} demo plays {scenario.name!r} to an embedded token service.\n"
            f"  status    {url}/\n"
            f"  metrics   {url}/metrics\n"
            f"  failures  {url}/failures\n"
            f"  evidence  {url}/evidence\n"
            f"  watch     curl -s {url}/metrics | grep 'errors_total{{.*AADSTS50000'\n"
            "Ctrl-C ends it.",
            flush=True,
        )

    served = app.Options(
        address=options.address, max_requests=options.max_requests, protection=protection, drills=options.drills
    )
    out = console()
    if out.is_terminal:
        # Lines would tear the table, which tells the same.
        logging.disable(logging.WARNING)
    with live_status(out) as show:
        app.run(app.demo(served, scenario, started, show))
    return 0


def _check(options: argparse.Namespace) -> int:
    config = _load(options.config)
    _protection(options)
    found = {target.name: inspect(target, time.time()) for target in config.targets}
    if problems := [f"target {name}: {problem}" for name, findings in found.items() for problem in findings.problems]:
        raise _UsageError("\n".join(f"{options.config}: {problem}" for problem in problems))
    for target in config.targets:
        print(f"{target.name}: {target.grant} at {target.endpoint.url}, every {target.interval:g} s")
    unwise = (f"target {name}: {warning}" for name, findings in found.items() for warning in findings.warnings)
    for warning in (*config.warnings, *unwise):
        print(f"warning: {warning}")
    print(f"{options.config}: {len(config.targets)} targets, no problem found")
    return 0


def _once(options: argparse.Namespace) -> int:
    config = _load(options.config)
    known = {target.name: target for target in config.targets}
    if unknown := [name for name in options.targets if name not in known]:
        raise _UsageError(f"the config has no target {', '.join(unknown)}; it has {', '.join(known)}")
    results = app.run(app.once(config, [known[name] for name in options.targets or known]))
    if options.format == "json":
        print(json.dumps([fields(result) for result in results], indent=2))
    else:
        print_results(results, console())
    return 0 if all(result.outcome.success for result in results) else FAILED


def _explain(options: argparse.Namespace) -> int:
    if options.what == "-":
        content = sys.stdin.buffer.read()
        # PowerShell writes UTF-16 to a file unless it is told otherwise.
        encoding = "utf-16" if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8"
        explanation = explain_text(content.decode(encoding, "replace"), options.status, options.provider)
    else:
        explanation = explain_word(options.what, options.status, options.provider)
    if options.format == "json":
        print(json.dumps(as_fields(explanation), indent=2))
    else:
        print_explanation(explanation, console())
    return FAILED if explanation.empty else 0


def _simulate(options: argparse.Namespace) -> int:
    scenario = QUIET if options.scenario is None else _good(load_scenario(options.scenario), options.scenario)

    def started(port: int) -> None:
        print(f"simulator plays {scenario.name!r} on port {port}; Ctrl-C ends it", flush=True)

    app.run(app.simulate(scenario, options.address, options.seed, started))
    return 0


def _rules(options: argparse.Namespace) -> int:
    settings = Settings(
        slo=options.slo,
        interval=options.interval,
        job=options.job,
        no_success=options.no_success,
        latency=options.latency,
        runbooks=options.runbooks,
        dashboards=options.dashboards,
    )
    print(render(settings, options.command), end="")
    return 0


def _drill(options: argparse.Namespace) -> int:
    if problem := drill_problem(options.code, options.duration):
        raise _UsageError(f"aadsts-exporter drill: {problem}")
    return _told(*app.run(app.drill(options.url, options.code, options.duration)))


def _healthy(options: argparse.Namespace) -> int:
    return _told(*app.run(app.healthy(options.url)))


def _told(well: bool, said: str) -> int:
    """Prints what a running exporter said, as good news or bad."""
    print(said, file=sys.stdout if well else sys.stderr)
    return 0 if well else FAILED


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(json_schema(), indent=2))
    return 0


_RUNS = (_serve, _demo, _check, _once, _explain, _rules, _drill, _healthy, _simulate, _schema)


def _listening(port: int) -> None:
    log.info("listening", extra={"port": port})


def _load(path: Path) -> Config:
    return _good(load_config(path), path)


def _protection(options: argparse.Namespace) -> Protection:
    return _good(app.protect(options.web_config), options.web_config)


def _good(loaded: T | list[Problem], path: Path) -> T:
    """What was loaded, unless it is a list of problems."""
    if isinstance(loaded, list):
        raise _UsageError("\n".join(f"{path}: {problem}" for problem in loaded))
    return loaded


if __name__ == "__main__":
    main()
