"""The command line."""

import argparse
import asyncio
import codecs
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from exporter import __version__, app, logs
from exporter.config import json_schema, load_config
from exporter.document import Problem
from exporter.durations import parse_duration
from exporter.explain import PREFIXES, as_fields, explain_text, explain_word
from exporter.model import Config, Target, Unreadable
from exporter.report import fields
from exporter.secrets import read_secret
from exporter.simulator import QUIET, Scenario, load_scenario
from exporter.terminal import console, print_explanation, print_results
from exporter.transport import load_authorities

FAILED = 1
WRONG_USE = 2
MAX_PORT = 65535

_EPILOG = "Every command explains its flags: aadsts-exporter COMMAND --help"

T = TypeVar("T", Config, Scenario)

log = logging.getLogger("exporter")


class _UsageError(Exception):
    """What the user must mend; its text goes to standard error, and the process ends with 2."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 well, 1 something failed while running, 2 wrong use or a bad config."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    # `serve` is what an exporter does, so its flags work without naming it.
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help", "--version"}):
        words.insert(0, "serve")
    options = parser.parse_args(words)
    logs.set_up(options.log_level, options.log_format)
    try:
        status = options.run(options)
    except _UsageError as error:
        print(error, file=sys.stderr)
        status = WRONG_USE
    except OSError as error:
        print(f"aadsts-exporter: {error.strerror or error}", file=sys.stderr)
        status = FAILED
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aadsts-exporter",
        description="Probes OAuth 2.0 token endpoints, Microsoft Entra ID first, and counts every error code "
        "for Prometheus.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"aadsts-exporter {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_serve, _add_demo, _add_check, _add_once, _add_explain, _add_simulate, _add_schema):
        command = add(commands)
        _add_log_flags(command)
    return parser


class _Commands(Protocol):
    """Where argparse keeps the commands; its own type is private."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser: ...


def _add(commands: _Commands, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    name = run.__name__.removeprefix("_")
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _add_serve(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, _serve, "Probe the config's targets on schedule and serve /metrics (the default command).")
    _add_config_flag(command)
    _add_web_flags(command)
    command.add_argument(
        "--history.path",
        dest="history_path",
        metavar="FILE",
        type=Path,
        help="keep the history of attempts in this SQLite file across restarts; else in memory only",
    )
    command.add_argument(
        "--history.max-age",
        dest="history_max_age",
        metavar="DURATION",
        type=_duration,
        default="7d",
        help="drop attempts older than this from the file (default: %(default)s)",
    )
    return command


def _add_demo(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, _demo, "Show everything at once: simulator, prober and metrics; needs nothing else.")
    _add_web_flags(command)
    command.add_argument("--scenario", metavar="FILE", type=Path, help="play this in place of the bundled scenario")
    return command


def _add_check(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands, _check, "List everything wrong with a config and its secrets; exit 2 if there is anything."
    )
    _add_config_flag(command)
    return command


def _add_once(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, _once, "Probe each target once and print what came of it; exit 1 if a probe failed.")
    _add_config_flag(command)
    command.add_argument("targets", metavar="TARGET", nargs="*", help="names out of the config; all if none is given")
    command.add_argument(
        "--format", choices=("table", "json"), default="table", help="for people or for programs (default: %(default)s)"
    )
    return command


def _add_explain(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, _explain, "Say what an error code, an OAuth error value or a pasted answer means.")
    command.add_argument(
        "what",
        metavar="CODE",
        help="AADSTS50000, 50000, AADB2C90037, invalid_client; - reads an answer or log from stdin",
    )
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people or for programs (default: %(default)s)"
    )
    command.add_argument("--status", type=int, help="the answer's HTTP status, where the text does not tell it")
    command.add_argument(
        "--provider",
        choices=sorted(PREFIXES),
        default="entra",
        help="whose answer it is, where the text does not tell it",
    )
    return command


def _add_simulate(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, _simulate, "Run the simulated token service alone, to try configs and alerts on.")
    command.add_argument("--scenario", metavar="FILE", type=Path, help="what goes wrong and when; nothing by default")
    command.add_argument(
        "--seed", type=int, default=0, help="decides every draw of the scenario (default: %(default)s)"
    )
    _add_address_flag(command, "127.0.0.1:10472")
    return command


def _add_schema(commands: _Commands) -> argparse.ArgumentParser:
    return _add(commands, _schema, "Print the JSON Schema of the config, for editors.")


def _add_config_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config.file",
        dest="config",
        metavar="FILE",
        type=Path,
        default=Path("aadsts-exporter.yaml"),
        help="the config (default: %(default)s)",
    )


def _add_web_flags(command: argparse.ArgumentParser) -> None:
    _add_address_flag(command, ":10471")
    command.add_argument(
        "--web.max-requests",
        dest="max_requests",
        metavar="N",
        type=_count,
        default=40,
        help="scrapes, and likewise probes, served at a time; others get 503; 0 is no limit (default: %(default)s)",
    )


def _add_address_flag(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--web.listen-address",
        dest="address",
        metavar="ADDRESS",
        type=_address,
        default=default,
        help="host and port to listen on (default: %(default)s)",
    )


def _add_log_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--log.level",
        dest="log_level",
        choices=logs.LEVELS,
        default="info",
        help="least level logged (default: %(default)s)",
    )
    command.add_argument(
        "--log.format",
        dest="log_format",
        choices=logs.FORMATS,
        default="logfmt",
        help="form of logs (default: %(default)s)",
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_PORT)):
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return int(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> app.Address:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > MAX_PORT:
        raise argparse.ArgumentTypeError("must be HOST:PORT or :PORT")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


def _serve(options: argparse.Namespace) -> int:
    config = _load(options.config)
    log.info("starting", extra={"version": __version__, "targets": len(config.targets)})
    served = app.Options(
        address=options.address,
        max_requests=options.max_requests,
        history_path=options.history_path,
        history_max_age=options.history_max_age,
    )
    asyncio.run(app.serve(config, served, _listening))
    return 0


def _demo(options: argparse.Namespace) -> int:
    scenario = app.demo_scenario()
    if options.scenario is not None:
        scenario = _good(load_scenario(options.scenario), options.scenario)

    def started(port: int) -> None:
        url = f"http://localhost:{port}"
        print(
            f"aadsts-exporter {__version__} demo plays {scenario.name!r} to an embedded token service.\n"
            f"  metrics   {url}/metrics\n"
            f"  failures  {url}/failures\n"
            f"  evidence  {url}/evidence\n"
            f"  watch     curl -s {url}/metrics | grep AADSTS50000\n"
            "Ctrl-C ends it.",
            flush=True,
        )

    asyncio.run(app.demo(app.Options(address=options.address, max_requests=options.max_requests), scenario, started))
    return 0


def _check(options: argparse.Namespace) -> int:
    config = _load(options.config)
    problems = [f"target {target.name}: {problem}" for target in config.targets for problem in _unusable(target)]
    if problems:
        raise _UsageError("\n".join(f"{options.config}: {problem}" for problem in problems))
    for target in config.targets:
        print(f"{target.name}: {target.grant} at {target.endpoint.url}, every {target.interval:g} s")
    print(f"{options.config}: {len(config.targets)} targets, no problem found")
    return 0


def _unusable(target: Target) -> list[str]:
    problems = []
    if target.credential is not None and isinstance(secret := read_secret(target.credential.source), Unreadable):
        problems.append(f"its secret cannot be read: {secret.problem}")
    if target.ca_file is not None and isinstance(authorities := load_authorities(target.ca_file), Unreadable):
        problems.append(f"its ca_file is of no use: {authorities.problem}")
    return problems


def _once(options: argparse.Namespace) -> int:
    config = _load(options.config)
    known = {target.name: target for target in config.targets}
    if unknown := [name for name in options.targets if name not in known]:
        raise _UsageError(f"the config has no target {', '.join(unknown)}; it has {', '.join(known)}")
    results = asyncio.run(app.once(config, [known[name] for name in options.targets or known]))
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

    asyncio.run(app.simulate(scenario, options.address, options.seed, started))
    return 0


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(json_schema(), indent=2))
    return 0


def _listening(port: int) -> None:
    log.info("listening", extra={"port": port})


def _load(path: Path) -> Config:
    return _good(load_config(path), path)


def _good(loaded: T | list[Problem], path: Path) -> T:
    """What was loaded, unless it is a list of problems."""
    if isinstance(loaded, list):
        raise _UsageError("\n".join(f"{path}: {problem}" for problem in loaded))
    return loaded


if __name__ == "__main__":
    main()
