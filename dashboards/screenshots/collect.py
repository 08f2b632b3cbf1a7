"""Plays an incident through the exporter, and asks a real Prometheus for what each panel of the dashboards shows."""

# ruff: noqa: INP001 - a script beside the dashboards, not a package

import asyncio
import json
import logging
import math
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any

from exporter.catalogue import Phase
from exporter.durations import parse_duration
from exporter.exporter import Exporter
from exporter.model import Answer, Config, Exchange, TokenRequest
from exporter.probe import Prober
from exporter.rules import Settings, render
from exporter.simulator import Scenario, load_scenario
from exporter.state import Keeper
from replay.fleet import fleet
from replay.openmetrics import points
from replay.prometheus import alert_series, backfill_series, evaluate, load_rules, serving
from replay.record import Recording, Series, reveal
from replay.virtual import VirtualClock, VirtualLoop, run
from replay.world import DAY, Noise, World

HERE = Path(__file__).parent
DASHBOARDS = HERE.parent / "grafana"

BEGIN = 1_793_750_400.0
"""Unix time at which the incident's hours begin: 2026-11-04 00:00 UTC."""

SCRAPE = 15.0
SEED = 4
NOISE = Noise(stray=0.0004, aadsts50000=0.0001, blips=1)

EXPIRES_IN = {"northwind-orders": -2 / 24, "fabrikam-graph": 5.5, "contoso-orders": 19.0}
"""Days from the incident's end to the end of a target's credential; 170 where a target is not named."""

CHOSEN = {
    "token-probe-overview": {"objective": "99"},
    "token-probe-target": {"objective": "99", "target": "fabrikam-graph"},
}
"""The values of variables by the dashboard's uid; every other variable has all of its values, or the first."""

WIRE = {Phase.RESOLVE: 0.02, Phase.CONNECT: 0.1, Phase.TLS: 0.23, Phase.PROCESSING: 0.62, Phase.TRANSFER: 0.03}
"""The share that each phase has in an attempt: the replay's world has no wire."""

WIDTH, MARGIN, COLUMNS, PADDING = 1568, 8, 24, 18
"""Grafana's grid in a window of 1600 px."""


def main() -> None:
    """Writes data.json to the path that is named."""
    scenario = load_scenario(HERE / "incident.yaml")
    if isinstance(scenario, list):
        raise SystemExit("\n".join(map(str, scenario)))
    end = BEGIN + max(entry.end for entry in scenario.timeline)
    config = _with_expiry(fleet(tenants=4, interval=SCRAPE, confirmations=240), end)
    logging.disable(logging.CRITICAL)
    loop = VirtualLoop()
    recording = run(_record(config, scenario, VirtualClock(loop, BEGIN), end), loop)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as temporary:
        folder = Path(temporary) / "blocks"
        backfill_series(
            ((series, list(points(series, recording.times, values))) for series, values in recording.values.items()),
            folder,
        )
        alerts = evaluate(load_rules(render(Settings(interval=SCRAPE))), folder, BEGIN, end)
        backfill_series(alert_series(alerts, end + 1, SCRAPE), folder)
        # Where it has scraped, series end soon after their last sample.
        with serving(folder, shutil.which("prometheus") or "prometheus", "--query.lookback-delta=75s") as url:
            shots = [_Shot(url, end, path).taken() for path in sorted(DASHBOARDS.glob("*.json"))]
    Path(sys.argv[1]).write_text(json.dumps(shots), encoding="utf-8")


def _with_expiry(config: Config, end: float) -> Config:
    def with_expiry(name: str) -> Any:
        credential = next(target.credential for target in config.targets if target.name == name)
        return credential and replace(credential, expires=end + EXPIRES_IN.get(name, 170.0) * DAY)

    return replace(config, targets=tuple(replace(each, credential=with_expiry(each.name)) for each in config.targets))


class _Wired(World):
    """A world whose answers have come over a wire: with phases, a date and a certificate."""

    def __init__(self, scenario: Scenario, clock: VirtualClock, end: float) -> None:
        super().__init__(scenario, NOISE, clock, SEED)
        self._wall = clock
        self._certificate = end + 61 * DAY

    async def send(self, request: TokenRequest, timeout: float) -> Answer:
        before = self._wall.monotonic()
        answer = await super().send(request, timeout)
        took = self._wall.monotonic() - before
        phases = {phase: share * took for phase, share in WIRE.items()}
        return replace(
            answer,
            headers={**answer.headers, "date": formatdate(self._wall.time(), usegmt=True)},
            exchange=Exchange(phases, "192.0.2.1", self._certificate),
        )


async def _record(config: Config, scenario: Scenario, clock: VirtualClock, end: float) -> Recording:
    """What a Prometheus that scrapes the exporter until `end` stores."""
    ids = count()
    prober = Prober(
        send=_Wired(scenario, clock, end).send,
        read=reveal,
        hold=Keeper(clock).hold,
        clock=clock,
        new_id=lambda: f"request-{next(ids)}",
    )
    exporter = Exporter(config, prober, clock)
    task = asyncio.create_task(exporter.run())
    recording = Recording()
    while clock.time() <= end:
        recording.scraped(clock.time(), _scrape(exporter))
        await clock.sleep_until(clock.monotonic() + SCRAPE)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return recording


def _scrape(exporter: Exporter) -> Iterator[tuple[Series, float]]:
    job = (("instance", "exporter:10471"), ("job", "token-probe"))
    yield ("up", job), 1.0
    for family in exporter.registry.collect():
        # What the process metrics say is of this program, in real time.
        if not family.name.startswith(("process_", "python_")):
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    yield (sample.name, (*sample.labels.items(), *job)), sample.value


@dataclass(slots=True)
class _Shot:
    """One dashboard, asked for as Grafana does it when someone opens it at the incident's end."""

    url: str
    end: float
    path: Path

    def taken(self) -> dict[str, Any]:
        """The dashboard and the answers to its queries by panel."""
        dashboard = json.loads(self.path.read_text(encoding="utf-8"))
        span = parse_duration(dashboard["time"]["from"].removeprefix("now-"))
        variables = self._variables(dashboard)
        expand = _expander(variables, span)
        return {
            "dashboard": dashboard,
            "from": 1000 * (self.end - span),
            "to": 1000 * self.end,
            "variables": variables,
            "panels": {
                panel["id"]: [self._answer(panel, target, expand, span) for target in panel["targets"]]
                for panel in _panels(dashboard["panels"])
                if panel.get("targets")
            },
            "annotations": [
                {**each, "result": self._range(expand(each["expr"], SCRAPE), self.end - span, 30.0)}
                for each in dashboard.get("annotations", {}).get("list", [])
                if each.get("expr") and each.get("enable", True)
            ],
        }

    def _variables(self, dashboard: Mapping[str, Any]) -> dict[str, str]:
        """The value of each variable, as it is put into a query."""
        values: dict[str, str] = {}
        chosen = CHOSEN.get(dashboard["uid"], {})
        for variable in dashboard["templating"]["list"]:
            name, kind = variable["name"], variable["type"]
            if name in chosen:
                values[name] = chosen[name]
            elif kind == "query" and variable.get("includeAll"):
                values[name] = variable.get("allValue") or ".+"
            elif kind == "query":
                values[name] = self._first(_expander(values, 0.0)(variable["definition"], SCRAPE))
            elif kind != "datasource":
                values[name] = variable.get("current", {}).get("value") or variable["query"].split(",")[0]
        return values

    def _first(self, definition: str) -> str:
        found = re.fullmatch(r"label_values\((.+),\s*(\w+)\)", definition)
        if found is None:
            raise SystemExit(f"{self.path}: not understood: {definition}")
        result = self._ask("query", {"query": f"group by ({found[2]}) ({found[1]})", "time": self.end})
        return str(min(series["metric"][found[2]] for series in result))

    def _answer(
        self, panel: Mapping[str, Any], target: Mapping[str, Any], expand: "_Expand", span: float
    ) -> dict[str, Any]:
        width = panel["gridPos"]["w"] * (WIDTH + MARGIN) / COLUMNS - MARGIN - PADDING
        least = parse_duration(target.get("interval") or panel.get("interval") or "15s")
        step = max(least, _rounded(span / min(width, panel.get("maxDataPoints") or width)))
        expr = expand(target["expr"], step)
        if target.get("instant"):
            result = self._ask("query", {"query": expr, "time": self.end})
            result = [{"metric": each["metric"], "values": [each["value"]]} for each in result]
        else:
            result = self._range(expr, self.end - span, step)
        return {**target, "step": step, "result": result}

    def _range(self, expr: str, begin: float, step: float) -> list[dict[str, Any]]:
        begin, end = step * (begin // step), step * (self.end // step)
        return self._ask("query_range", {"query": expr, "start": begin, "end": end, "step": step})

    def _ask(self, what: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        data = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", data=data) as response:  # noqa: S310
                result: list[dict[str, Any]] = json.load(response)["data"]["result"]
                return result
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{self.path}: {error.read().decode()}: {parameters['query']}") from None


_Expand = Callable[[str, float], str]


def _expander(variables: Mapping[str, str], span: float) -> _Expand:
    """What fills in the variables of a query that has some step."""

    def expand(expr: str, step: float) -> str:
        known = {
            **variables,
            "__range": f"{span:g}s",
            "__range_s": f"{span:g}",
            "__interval": f"{step:g}s",
            "__rate_interval": f"{max(step + SCRAPE, 4 * SCRAPE):g}s",
        }
        return re.sub(r"\$(?:([a-z_]\w*)|\{(\w+)(?::\w+)?\})", lambda found: known[found[1] or found[2]], expr)

    return expand


def _rounded(step: float) -> float:
    """An interval as Grafana rounds it."""
    rungs: Sequence[float] = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600)
    return next(low for low, high in zip(rungs, (*rungs[1:], math.inf), strict=True) if step <= (low + high) / 2)


def _panels(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


if __name__ == "__main__":
    main()
