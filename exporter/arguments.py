"""What the command line takes, and how each flag is read."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from exporter import __version__, flags, flagvalues
from exporter.drill import DEFAULT_DURATION
from exporter.durations import show_duration
from exporter.explain import PREFIXES
from exporter.rules import Settings

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
        flags.add_log_flags(command)
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
    flags.add_config_flag(command)
    flags.add_web_flags(command)
    command.add_argument(
        "--web.enable-lifecycle",
        dest="lifecycle",
        action="store_true",
        help="let POST /-/reload read the config anew, as SIGHUP does",
    )
    flags.add_scale_flags(command)
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
        type=flagvalues.duration,
        default="7d",
        help="drop attempts older than this from the file (default: %(default)s)",
    )
    return command


def _add_demo(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "demo", "Show everything at once: simulator, prober and metrics; needs nothing else.")
    flags.add_web_flags(command)
    command.add_argument("--scenario", metavar="FILE", type=Path, help="play this in place of the bundled scenario")
    return command


def _add_check(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(
        commands, "check", "List everything wrong with a config and its secrets; exit 2 if there is anything."
    )
    flags.add_config_flag(command)
    flags.add_web_config_flag(command)
    return command


def _add_once(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "once", "Probe each target once and print what came of it; exit 1 if a probe failed.")
    flags.add_config_flag(command)
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
    flags.add_address_flag(command, "127.0.0.1:10472")
    return command


def _add_schema(commands: _Commands) -> argparse.ArgumentParser:
    return _add(commands, "schema", "Print the JSON Schema of the config, for editors.")


def _add_rules(commands: _Commands) -> argparse.ArgumentParser:
    command = _add(commands, "rules", "Print the alert rules for Prometheus, for the settings of your site.")
    usual = Settings()
    command.add_argument(
        "--slo",
        type=flagvalues.percent,
        metavar="PERCENT",
        default=usual.slo,
        help="share of attempts that must not fail on the provider's or the network's side (default: %(default)s)",
    )
    command.add_argument(
        "--interval",
        type=flagvalues.rule_interval,
        metavar="DURATION",
        default=show_duration(usual.interval),
        help="how often Prometheus scrapes the exporter and evaluates the rules (default: %(default)s)",
    )
    command.add_argument(
        "--job", type=flagvalues.job, default=usual.job, help="the exporter's job in Prometheus (default: %(default)s)"
    )
    command.add_argument(
        "--no-success",
        dest="no_success",
        type=flagvalues.duration,
        metavar="DURATION",
        default=show_duration(usual.no_success),
        help="page when a target has not succeeded for so long (default: %(default)s)",
    )
    command.add_argument(
        "--latency",
        type=flagvalues.duration,
        metavar="DURATION",
        default=show_duration(usual.latency),
        help="warn when one in twenty tokens takes longer (default: %(default)s)",
    )
    command.add_argument(
        "--runbook.url",
        dest="runbooks",
        type=flagvalues.link,
        metavar="URL",
        default=usual.runbooks,
        help="where the pages of dashboards/runbooks are served (default: %(default)s)",
    )
    command.add_argument(
        "--dashboard.url",
        dest="dashboards",
        type=flagvalues.link,
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
        type=flagvalues.duration,
        default=DEFAULT_DURATION,
        help="how long, at most 1h (default: %(default)s)",
    )
    command.add_argument(
        "--exporter.url",
        dest="url",
        metavar="URL",
        type=flagvalues.http_url,
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
        type=flagvalues.http_url,
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
