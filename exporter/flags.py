"""Flags that go together, or that several commands have."""

import argparse
from pathlib import Path

from exporter import flagvalues, logs


def add_config_flag(command: argparse.ArgumentParser) -> None:
    """Which config."""
    command.add_argument(
        "--config.file",
        dest="config",
        metavar="FILE",
        type=Path,
        default=Path("aadsts-exporter.yaml"),
        help="the config (default: %(default)s)",
    )


def add_web_flags(command: argparse.ArgumentParser) -> None:
    """Where the web side listens, and what it lets others do."""
    add_address_flag(command, ":10471")
    add_web_config_flag(command)
    command.add_argument(
        "--web.max-requests",
        dest="max_requests",
        metavar="N",
        type=flagvalues.count,
        default=40,
        help="scrapes, and likewise probes, served at a time; others get 503; 0 is no limit (default: %(default)s)",
    )
    command.add_argument(
        "--web.enable-drills",
        dest="drills",
        action="store_true",
        help="let `aadsts-exporter drill` make this exporter report a made-up failure",
    )


def add_scale_flags(command: argparse.ArgumentParser) -> None:
    """Which targets are probed, and when."""
    command.add_argument(
        "--shard.count",
        dest="shard_count",
        metavar="N",
        type=flagvalues.positive,
        default=1,
        help="exporters that share the config's targets among them (default: %(default)s)",
    )
    command.add_argument(
        "--shard.index",
        dest="shard_index",
        metavar="K",
        type=flagvalues.count,
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
        type=flagvalues.duration,
        default="1s",
        help="answer /probe with the last result while it is younger than this (default: %(default)s)",
    )


def add_web_config_flag(command: argparse.ArgumentParser) -> None:
    """How the web side is protected."""
    command.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        type=Path,
        help="TLS, users and headers of the web side, in the form of Prometheus's exporters; none by default",
    )


def add_address_flag(command: argparse.ArgumentParser, default: str) -> None:
    """Where to listen; `default` is what stands in the help."""
    command.add_argument(
        "--web.listen-address",
        dest="address",
        metavar="ADDRESS",
        type=flagvalues.address,
        default=default,
        help="host and port to listen on (default: %(default)s)",
    )


def add_log_flags(command: argparse.ArgumentParser) -> None:
    """What is logged, and how."""
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
