"""What the command line takes, and how each flag is read."""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from exporter import __version__, logs
from exporter.drill import DEFAULT_DURATION
from exporter.durations import parse_duration, show_duration
from exporter.explain import PREFIXES
from exporter.rules import Settings

MAX_PORT = 65535
# Below the first not even a total outage burns the budget 14.4 times as fast as it may be burnt.
MIN_SLO, MAX_SLO = 94.0, 99.999
MAX_RULE_INTERVAL = 60.0
EXPORTER_URL = "http://localhost:10471"

_URL_HELP = "the running exporter; https://USER:PASSWORD@HOST:PORT where it asks for that (default: %(default)s)"
_EPILOG = "Every command explains its flags: aadsts-exporter COMMAND --help"


class Run(Protocol):
    """Runs a command; returns the process's exit status."""

    __name__: str

    def __call__(self, options: argparse.Namespace, /) -> int: ...


def make_parser(runs: Iterable[Run]) -> argparse.ArgumentParser:
    """The parser of the command line: a command for each of these functions, which is named for it.

    What was parsed holds the function as `run`.
    """
    parser = argparse.ArgumentParser(
        prog="aadsts-exporter",
        description="Probes OAuth 2.0 token endpoints, Microsoft Entra ID first, and counts every error code "
        "for Prometheus.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"aadsts-exporter {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for run in runs:
        name = run.__name__.removeprefix("_")
        command = _COMMANDS[name](commands)
        command.set_defaults(run=run)
        _add_log_flags(command)
    return parser


class _Commands(Protocol):
    """Where argparse keeps the commands; its own type is private."""

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser: ...


def _add(commands: _Commands, name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=text)


def _add_serve(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands, "serve", "Probe the config's targets on schedule and serve /metrics (the default command)."
    )
    _add_config_flag(command)
    _add_web_flags(command)
    command.add_argument(
        "--web.enable-lifecycle",
        dest="lifecycle",
        action="store_true",
        help="let POST /-/reload read the config anew, as SIGHUP does",
    )
    _add_scale_flags(command)
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
        type=duration,
        default="7d",
        help="drop attempts older than this from the file (default: %(default)s)",
    )
    return command


def _add_demo(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "demo", "Show everything at once: simulator, prober and metrics; needs nothing else.")
    _add_web_flags(command)
    command.add_argument("--scenario", metavar="FILE", type=Path, help="play this in place of the bundled scenario")
    return command


def _add_check(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands, "check", "List everything wrong with a config and its secrets; exit 2 if there is anything."
    )
    _add_config_flag(command)
    _add_web_config_flag(command)
    return command


def _add_once(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "once", "Probe each target once and print what came of it; exit 1 if a probe failed.")
    _add_config_flag(command)
    command.add_argument("targets", metavar="TARGET", nargs="*", help="names out of the config; all if none is given")
    command.add_argument(
        "--format", choices=("table", "json"), default="table", help="for people or for programs (default: %(default)s)"
    )
    return command


def _add_explain(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands, "explain", "Say what an error code, an OAuth error value, a reason of a fault or a pasted text means."
    )
    command.add_argument(
        "what",
        metavar="CODE",
        help="AADSTS50000, 50000, AADB2C90037, invalid_client, dns/timeout; - reads an answer or log from stdin",
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
    command = _add(commands, "simulate", "Run the simulated token service alone, to try configs and alerts on.")
    command.add_argument("--scenario", metavar="FILE", type=Path, help="what goes wrong and when; nothing by default")
    command.add_argument(
        "--seed", type=int, default=0, help="decides every draw of the scenario (default: %(default)s)"
    )
    _add_address_flag(command, "127.0.0.1:10472")
    return command


def _add_schema(commands: _Commands) -> argparse.ArgumentParser:
    return _add(commands, "schema", "Print the JSON Schema of the config, for editors.")


def _add_rules(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "rules", "Print the alert rules for Prometheus, for the settings of your site.")
    usual = Settings()
    command.add_argument(
        "--slo",
        type=_percent,
        metavar="PERCENT",
        default=usual.slo,
        help="share of attempts that must not fail on the provider's or the network's side (default: %(default)s)",
    )
    command.add_argument(
        "--interval",
        type=_rule_interval,
        metavar="DURATION",
        default=show_duration(usual.interval),
        help="how often Prometheus scrapes the exporter and evaluates the rules (default: %(default)s)",
    )
    command.add_argument(
        "--job", type=_job, default=usual.job, help="the exporter's job in Prometheus (default: %(default)s)"
    )
    command.add_argument(
        "--no-success",
        dest="no_success",
        type=duration,
        metavar="DURATION",
        default=show_duration(usual.no_success),
        help="page when a target has not succeeded for so long (default: %(default)s)",
    )
    command.add_argument(
        "--latency",
        type=duration,
        metavar="DURATION",
        default=show_duration(usual.latency),
        help="warn when one in twenty tokens takes longer (default: %(default)s)",
    )
    command.add_argument(
        "--runbook.url",
        dest="runbooks",
        type=_link,
        metavar="URL",
        default=usual.runbooks,
        help="where the pages of dashboards/runbooks are served (default: %(default)s)",
    )
    command.add_argument(
        "--dashboard.url",
        dest="dashboards",
        type=_link,
        metavar="URL",
        default=usual.dashboards,
        help="the overview in Grafana (default: %(default)s)",
    )
    return command


def _add_drill(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands,
        "drill",
        "Let a running exporter report a made-up failure on target `drill`, to rehearse the way to the pager; "
        "it must have been started with --web.enable-drills.",
    )
    command.add_argument("code", metavar="CODE", help="an AADSTS code of the catalogue, such as AADSTS50000")
    command.add_argument(
        "--for",
        dest="duration",
        metavar="DURATION",
        type=duration,
        default=DEFAULT_DURATION,
        help="how long, at most 1h (default: %(default)s)",
    )
    command.add_argument(
        "--exporter.url",
        dest="url",
        metavar="URL",
        type=_http_url,
        default=EXPORTER_URL,
        help=_URL_HELP,
    )
    return command


def _add_healthy(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "healthy", "Ask a running exporter whether it is healthy; exit 1 if it is not.")
    command.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        type=_http_url,
        default=EXPORTER_URL,
        help=_URL_HELP,
    )
    return command


_COMMANDS: Mapping[str, Callable[[_Commands], argparse.ArgumentParser]] = MappingProxyType(
    {
        "serve": _add_serve,
        "demo": _add_demo,
        "check": _add_check,
        "once": _add_once,
        "explain": _add_explain,
        "rules": _add_rules,
        "drill": _add_drill,
        "healthy": _add_healthy,
        "simulate": _add_simulate,
        "schema": _add_schema,
    }
)


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
    _add_web_config_flag(command)
    command.add_argument(
        "--web.max-requests",
        dest="max_requests",
        metavar="N",
        type=_count,
        default=40,
        help="scrapes, and likewise probes, served at a time; others get 503; 0 is no limit (default: %(default)s)",
    )
    command.add_argument(
        "--web.enable-drills",
        dest="drills",
        action="store_true",
        help="let `aadsts-exporter drill` make this exporter report a made-up failure",
    )


def _add_scale_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shard.count",
        dest="shard_count",
        metavar="N",
        type=_positive,
        default=1,
        help="exporters that share the config's targets among them (default: %(default)s)",
    )
    command.add_argument(
        "--shard.index",
        dest="shard_index",
        metavar="K",
        type=_count,
        help="which of them this is, from 0 (default: the number at the end of $POD_NAME, or else of the host's name)",
    )
    command.add_argument(
        "--schedule",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="probe on schedule; without it, only when somebody asks for /probe (default: on)",
    )
    command.add_argument(
        "--probe.freshness",
        dest="freshness",
        metavar="DURATION",
        type=duration,
        default="1s",
        help="answer /probe with the last result while it is younger than this (default: %(default)s)",
    )


def _add_web_config_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        type=Path,
        help="TLS, users and headers of the web side, in the form of Prometheus's exporters; none by default",
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


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return _count(text)


def duration(text: str) -> float:
    """Seconds of a duration on the command line. Raises ArgumentTypeError with what to write instead."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _http_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise argparse.ArgumentTypeError("must be a URL such as http://localhost:10471")
    return text


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not MIN_SLO <= value <= MAX_SLO:
        raise argparse.ArgumentTypeError(f"must be a percentage from {MIN_SLO:g} to {MAX_SLO:g}, such as 99.95")
    return value


def _rule_interval(text: str) -> float:
    seconds = duration(text)
    if not 1 <= seconds <= MAX_RULE_INTERVAL:
        raise argparse.ArgumentTypeError("must be from 1s to 1m: the rules look at windows of 5 minutes and more")
    return seconds


def _job(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,100}", text):
        raise argparse.ArgumentTypeError("must be the job_name of the scrape config")
    return text


def _link(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:/?&=%~+-]{1,500}", text):
        raise argparse.ArgumentTypeError("must be a URL or a path")
    return text


def _address(text: str) -> tuple[str | None, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > MAX_PORT:
        raise argparse.ArgumentTypeError("must be HOST:PORT or :PORT")
    return host.removeprefix("[").removesuffix("]") or None, int(port)
