"""A real Prometheus over recorded data: backfilled by promtool, asked for every rule at every evaluation."""

import json
import math
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.durations import parse_duration
from replay.alerting import Firing, firings
from replay.openmetrics import Points, write_series
from replay.record import Series

MAX_POINTS = 10_000
"""Points of a range query; Prometheus refuses more than 11,000."""

_READY = "Server is ready to receive web requests"
_LISTENING = re.compile(r"Listening on.*?address=\S*?:([0-9]+)")
_RECORDING = re.compile(r"\b[a-z_]+:[a-z0-9_]+:[a-z0-9_]+\b")

_RANGED = re.compile(r"\b([a-z_]+:[a-z0-9_]+:[a-z0-9_]+)\[")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a rule file, as far as a replay needs it. Durations in seconds."""

    group: str
    name: str
    expr: str
    is_alert: bool
    interval: float
    pending: float = 0.0
    keep: float = 0.0
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a rule, with its labels, while it fires."""

    rule: Rule
    labels: Mapping[str, str]
    firing: Firing


def load_rules(text: str) -> list[Rule]:
    """The rules of a rule file, in their order."""
    return [
        Rule(
            group=group["name"],
            name=rule.get("alert") or rule["record"],
            expr=rule["expr"],
            is_alert="alert" in rule,
            interval=parse_duration(group["interval"]),
            pending=_seconds(rule.get("for")),
            keep=_seconds(rule.get("keep_firing_for")),
            labels=rule.get("labels", {}),
        )
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]


def _seconds(duration: str | None) -> float:
    return 0.0 if duration in {None, "0s"} else parse_duration(duration)


def evaluate(rules: Sequence[Rule], folder: Path, begin: float, end: float) -> list[Alert]:
    """Evaluates rules over the blocks in `folder`, recordings before what reads them; what fired, and when."""
    alerts: list[Alert] = []
    ranged = {name for rule in rules for name in _RANGED.findall(rule.expr)}
    for level in _levels(rules):
        with serving(folder, _program("prometheus")) as url:
            recorded: dict[tuple[str, Labels], list[tuple[float, float]]] = {}
            for rule in level:
                for labels, points in _query_range(url, rule.expr, begin, end, rule.interval).items():
                    if rule.is_alert:
                        alerts += _alerts(rule, labels, [moment for moment, _ in points])
                    elif rule.name in ranged:
                        # One NaN in a window would spoil all of it.
                        recorded[rule.name, labels] = points
                    else:
                        recorded[rule.name, labels] = list(_ended(points, rule.interval))
        if recorded:
            backfill_series(recorded.items(), folder)
    return alerts


def _ended(points: Iterable[tuple[float, float]], step: float) -> Iterator[tuple[float, float]]:
    """Points with a NaN after each that no other follows at once, for want of a staleness marker."""
    last: float | None = None
    for moment, value in points:
        if last is not None and moment - last > 1.5 * step:
            yield last + step, math.nan
        yield moment, value
        last = moment
    if last is not None:
        yield last + step, math.nan


def _levels(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """The rules in such groups that each reads only recordings of groups before."""
    level_of: dict[str, int] = {}
    levels: list[list[Rule]] = []
    for rule in rules:
        level = 1 + max((level_of[name] for name in _RECORDING.findall(rule.expr) if name in level_of), default=-1)
        if not rule.is_alert:
            level_of[rule.name] = level
        while len(levels) <= level:
            levels.append([])
        levels[level].append(rule)
    yield from levels


def _alerts(rule: Rule, labels: Labels, moments: Sequence[float]) -> Iterator[Alert]:
    for firing in firings(moments, rule.interval, rule.pending, rule.keep):
        yield Alert(rule, {**dict(labels), **rule.labels}, firing)


def backfill(openmetrics: Path, folder: Path) -> None:
    """Makes blocks out of a file. Raises RuntimeError with what promtool says."""
    done = subprocess.run(  # noqa: S603 - the program is found on the path, the arguments are ours
        [
            _program("promtool"),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=2048h",
            str(openmetrics),
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"promtool: {done.stderr.strip()}")


def backfill_series(series: Iterable[tuple[Series, Points]], folder: Path) -> None:
    """Makes blocks out of series. Raises RuntimeError with what promtool says."""
    path = folder.with_suffix(".om")
    with path.open("w", encoding="utf-8") as out:
        write_series(sorted(series), out)
    backfill(path, folder)
    path.unlink()


def alert_series(alerts: Iterable[Alert], end: float, step: float) -> Iterator[tuple[Series, Points]]:
    """What a Prometheus that evaluates at every `step` would have stored of alerts up to `end`."""
    for alert in alerts:
        labels = {"alertname": alert.rule.name, "alertstate": "firing", **alert.labels}
        steps = range(int((min(alert.firing.end, end) - alert.firing.begin) / step) + 1)
        yield ("ALERTS", tuple(sorted(labels.items()))), [(alert.firing.begin + n * step, 1.0) for n in steps]


def _query_range(url: str, expr: str, begin: float, end: float, step: float) -> dict[Labels, list[tuple[float, float]]]:
    found: dict[Labels, list[tuple[float, float]]] = {}
    chunk = step * MAX_POINTS
    # Evaluations stand on a grid, as the rule manager's do.
    at = step * -(-begin // step)
    while at <= end:
        until = min(end, at + chunk - step)
        for series in _ask(url, {"query": expr, "start": at, "end": until, "step": step}):
            labels = tuple(sorted((k, v) for k, v in series["metric"].items() if k != "__name__"))
            found.setdefault(labels, []).extend((float(moment), float(value)) for moment, value in series["values"])
        at = at + chunk
    # `or` may take a series' points now from one side and now from the other, under names that are left out here.
    return {labels: sorted(points) for labels, points in found.items()}


def _ask(url: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range", data=data, timeout=300) as response:  # noqa: S310
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"Prometheus: {error.read().decode()[:500]}") from None
    except OSError as error:
        raise RuntimeError(f"Prometheus is gone: {error}") from None
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


@contextmanager
def serving(folder: Path, program: str, *flags: str) -> Iterator[str]:
    """A Prometheus on the blocks in `folder` while the block runs; yields its URL."""
    config = folder.with_suffix(".yaml")
    config.write_text("global: {}\n", encoding="utf-8")
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        "--storage.tsdb.retention.time=100y",
        "--query.max-samples=500000000",
        "--query.timeout=5m",
        "--web.listen-address=127.0.0.1:0",
        "--log.level=info",
        *flags,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield f"http://127.0.0.1:{_port(process)}"
        finally:
            process.terminate()
            process.communicate()


def _port(process: "subprocess.Popen[str]") -> int:
    port, said, ready = 0, [], False
    for line in process.stderr or ():
        said.append(line)
        ready = ready or _READY in line
        if found := _LISTENING.search(line):
            port = int(found[1])
        # Either may come first.
        if ready and port:
            return port
    raise RuntimeError("Prometheus did not start: " + "".join(said[-5:]))


def require_programs() -> None:
    """Raises RuntimeError with what to install if a program is missing."""
    for name in ("promtool", "prometheus"):
        _program(name)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is missing: apt-get install prometheus")
    return path
