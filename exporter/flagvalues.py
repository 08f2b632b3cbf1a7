"""How each kind of value on the command line is read; each raises ArgumentTypeError with what to write instead."""

import argparse
import re

from exporter.durations import parse_duration

MAX_PORT = 65535
# Below the first not even a total outage burns the budget 14.4 times as fast as it may be burnt.
MIN_SLO, MAX_SLO = 94.0, 99.999
MAX_RULE_INTERVAL = 60.0


def count(text: str) -> int:
    """A whole number."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_PORT)):
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return int(text)


def positive(text: str) -> int:
    """A whole number that is not 0."""
    if count(text) == 0:
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return count(text)


def duration(text: str) -> float:
    """Seconds of a duration."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def http_url(text: str) -> str:
    """The URL of a running exporter."""
    if not re.fullmatch(r"https?://[^\s/]+\S*", text):
        raise argparse.ArgumentTypeError("must be a URL such as http://localhost:10471")
    return text


def percent(text: str) -> float:
    """A service level objective."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not MIN_SLO <= value <= MAX_SLO:
        raise argparse.ArgumentTypeError(f"must be a percentage from {MIN_SLO:g} to {MAX_SLO:g}, such as 99.95")
    return value


def rule_interval(text: str) -> float:
    """Seconds between two evaluations of the rules."""
    seconds = duration(text)
    if not 1 <= seconds <= MAX_RULE_INTERVAL:
        raise argparse.ArgumentTypeError("must be from 1s to 1m: the rules look at windows of 5 minutes and more")
    return seconds


def job(text: str) -> str:
    """The name of a job of Prometheus."""
    if not re.fullmatch(r"[A-Za-z0-9_.:/-]{1,100}", text):
        raise argparse.ArgumentTypeError("must be the job_name of the scrape config")
    return text


def link(text: str) -> str:
    """What alerts link to."""
    if not re.fullmatch(r"[A-Za-z0-9_.:/?&=%~+-]{1,500}", text):
        raise argparse.ArgumentTypeError("must be a URL or a path")
    return text


def address(text: str) -> tuple[str | None, int]:
    """Host and port to listen on; host None is every interface."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > MAX_PORT:
        raise argparse.ArgumentTypeError("must be HOST:PORT or :PORT")
    return host.removeprefix("[").removesuffix("]") or None, int(port)
