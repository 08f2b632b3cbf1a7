"""What all dashboards have in common: variables, annotations, links, and how rows of panels become JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.grafana.queries import EXPORTER, of_exporters, select
from dashboards.grafana.style import SHARED_CROSSHAIR, SOURCE, Panel

TAG = "token-probe"

T = TypeVar("T")

Row = tuple[str, Sequence[Panel]]
"""A heading, and the panels under it from left to right."""

_ALERTS = (
    'alertstate="firing", alertname=~"TokenProbe.+", alertname!="TokenProbeWatchdog", severity!="info", job=~"$job"'
)


@dataclass(frozen=True, slots=True)
class _Built(Builder[T]):
    """What needs no builder, where one is asked for."""

    internal: T

    def build(self) -> T:
        return self.internal


class _Annotation(model.AnnotationQuery):
    """An annotation with what Prometheus's has beside what the SDK knows."""

    def __init__(self, name: str, color: str, expr: str, title: str, text: str) -> None:
        super().__init__(name=name, datasource=SOURCE, icon_color=color, expr=expr)
        self._own = {"step": "15s", "titleFormat": title, "textFormat": text}

    def to_json(self) -> dict[str, object]:
        return super().to_json() | self._own


def _annotations(*, targets: bool) -> list[model.AnnotationQuery]:
    # An alert about no single target concerns each of them.
    matchers = [_ALERTS, *(['target=~"$target|"'] if targets else [])]
    firing = f"group by (alertname, severity, target, code) ({select('ALERTS', *matchers)})"
    # Where an alert begins, and not as long as it fires: some fire for hours, and would lie over everything.
    alerts = f"{firing} unless {firing.replace('})', '} offset 2m)')}"
    restarts = f"changes({select('process_start_time_seconds', EXPORTER.each)}[2m]) > 0"
    return [
        _Annotation("Alerts", "red", alerts, "{{alertname}}", "{{severity}} {{target}} {{code}}"),
        _Annotation("Restarts", "blue", of_exporters(restarts), "restart", "{{instance}} was restarted"),
    ]


def _all() -> model.VariableOption:
    return model.VariableOption(selected=True, text=["All"], value=["$__all"])


def _asked(name: str, label: str, query: str, *, several: bool = True) -> model.VariableModel:
    return model.VariableModel(
        type_val=model.VariableType.QUERY,
        name=name,
        label=label,
        datasource=SOURCE,
        query=f"label_values({query}, {name})",
        refresh=model.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=model.VariableSort.ALPHABETICAL_ASC,
        multi=several,
        include_all=several,
        all_value=".+" if several else None,
        current=_all() if several else None,
    )


def _variables(*, targets: bool, several: bool) -> list[model.VariableModel]:
    attempts, info = "token_probe_attempts_total", "token_exporter_build_info"
    found = [
        model.VariableModel(
            type_val=model.VariableType.DATASOURCE, name="datasource", label="Data source", query="prometheus"
        ),
        _asked("job", "Job", info),
        _asked("instance", "Instance", select(info, 'job=~"$job"')),
    ]
    if targets:
        found.append(_asked("target", "Target", select(attempts, EXPORTER.each), several=several))
        found.append(_objective())
    return found


def _objective() -> model.VariableModel:
    options = [
        model.VariableOption(selected=value == "99.9", text=value, value=value)
        for value in ("99.9", "99", "99.5", "99.95", "99.99")
    ]
    return model.VariableModel(
        type_val=model.VariableType.CUSTOM,
        name="objective",
        label="Objective %",
        description="The share of attempts that must not fail on the provider's or the network's side; as --slo.",
        query=", ".join(str(option.value) for option in options),
        options=options,
        current=options[0],
    )


def _links(uid: str, home: str) -> list[build.DashboardLink]:
    others = build.DashboardLink("Token probe").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    found = [others.as_dropdown(True).include_vars(True).keep_time(True)]
    if uid != home:
        back = build.DashboardLink("Overview").type(model.DashboardLinkType.LINK).url(f"/d/{home}").icon("dashboard")
        found.append(back.include_vars(True).keep_time(True))
    return found


def framed(
    uid: str, title: str, about: str, rows: Sequence[Row], *, targets: bool, several: bool = True
) -> model.Dashboard:
    """A dashboard of these rows; with the variable for one target or for several, or without."""
    board = build.Dashboard(f"Token probe / {title}").uid(uid).description(about).tags([TAG]).readonly()
    board.refresh("30s").tooltip(SHARED_CROSSHAIR).time("now-6h", "now").timezone("browser")
    for variable in _variables(targets=targets, several=several):
        board.with_variable(_Built(variable))
    for annotation in _annotations(targets=targets):
        board.annotation(_Built(annotation))
    for link in _links(uid, "token-probe-overview"):
        board.link(link)
    ids = count(1)
    for heading, panels in rows:
        board.with_row(build.Row(heading).id(next(ids)))
        for panel in panels:
            board.with_panel(panel.id(next(ids)))
    return board.build()


def as_json(dashboard: model.Dashboard) -> str:
    """The text of a dashboard's file."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
