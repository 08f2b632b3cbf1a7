"""The Overview: what is wrong, where, and whose side it is on."""

from grafana_foundation_sdk.builders import bargauge, stat, table
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue, ValueMap, ValueMappingResult

from dashboards.grafana import panels
from dashboards.grafana import queries as ask
from dashboards.grafana.frame import framed
from dashboards.grafana.panels import AGO, BUDGET, EXPIRY, STATES
from dashboards.grafana.queries import EVERY_TARGET
from dashboards.grafana.style import (
    CAREFUL,
    DANGER,
    GOOD,
    PLAIN,
    Size,
    by_side,
    cells,
    columns,
    gauge,
    levels,
    link,
    linked,
    now,
    number,
    rows,
    setting,
    sorted_by,
    steps,
)

_KEPT = "/d/token-probe-target?${__url_time_range}&${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
_TO_TARGET = f"{_KEPT}&${{objective:queryparam}}&var-target="
_THIS_TARGET = f"{_TO_TARGET}${{__field.labels.target:percentencode}}"


def overview() -> Dashboard:
    """All targets at once."""
    scope = EVERY_TARGET
    return framed(
        "token-probe-overview",
        "Overview",
        "What is wrong with the token endpoints, where, and whose side it is on.",
        [
            ("Now", _now()),
            (
                "Targets",
                [
                    _status((24, 10)),
                    linked(panels.state_over_time(scope, (16, 9)), "Show this target", _THIS_TARGET),
                    _sides((8, 9)),
                ],
            ),
            (
                "Errors",
                [
                    panels.errors_by_code(scope, (12, 9)),
                    panels.failures_by_category(scope, (12, 9)),
                    panels.service_ratio(scope, (12, 9)),
                    linked(panels.evidence(scope, (12, 9)), "Show this target", _THIS_TARGET),
                ],
            ),
            ("Latency", [panels.latency_density(scope, (12, 9)), panels.latency(scope, (12, 9))]),
            (
                "Objective and codes",
                [panels.burn_over_time(scope, (12, 8)), _budgets((12, 8)), panels.codes(scope, (24, 9))],
            ),
        ],
        targets=True,
    )


def _now() -> list[stat.Panel]:
    scope = EVERY_TARGET
    return [
        _failing(3),
        panels.success_now(scope, 5),
        panels.success_30d(scope, 5),
        panels.spike(scope, 4),
        panels.credential_expiry(scope, 4),
        _alive(3),
    ]


def _failing(width: int) -> stat.Panel:
    return (
        number(
            "Targets failing",
            "Targets whose last attempt failed, or of which the sequential test is certain that they have an outage. "
            "Normal: 0, now and then 1 for a moment. Two at once are rarely chance.",
            "short",
            now(f"sum(({ask.state(EVERY_TARGET, EVERY_TARGET.counted)}) > bool 0)"),
            width=width,
        )
        .no_value("no attempts")
        .decimals(0)
        .thresholds(steps((GOOD, None), (CAREFUL, 1), (DANGER, 2)))
    )


def _alive(width: int) -> stat.Panel:
    words = ValueMap(
        options={
            "0": ValueMappingResult(text="down", color=DANGER, index=0),
            "1": ValueMappingResult(text="alive", color=GOOD, index=1),
        }
    )
    return (
        number(
            "Prober",
            "Whether Prometheus can scrape every exporter that it scraped within the last day. While one is down "
            "nobody watches its targets, and what is shown of them is old. Normal: alive.",
            "short",
            now(f"min({ask.of_exporters(ask.select('up', ask.EXPORTER.each))})"),
            width=width,
        )
        .no_value("none found")
        .mappings([words])
    )


def _status(size: Size) -> table.Panel:
    scope = EVERY_TARGET
    panel = rows(
        "Targets, failing first",
        "One row a target, those with an outage on top, then those that fail longest. Side and last code are of its "
        "latest failures, p95 is that of the last hour's successes, budget what is left of 30 days. A click on a "
        "target shows it.",
        cells(f"max by (target, provider, tenant, grant) ({ask.select('token_probe_target_info', scope.each)})"),
        cells(ask.state(scope)),
        cells(f"max by (target) ({ask.select('token_probe_consecutive_failures', scope.each)})"),
        cells(ask.last_code(scope)),
        cells(ask.side(scope)),
        cells(ask.since("token_probe_last_success_timestamp_seconds", scope.each, "target")),
        cells(ask.quantile(0.95, ask.durations(scope.each), "target", "1h")),
        cells(ask.budget_left(scope, "target")),
        cells(ask.until("token_probe_credential_expiry_timestamp_seconds", scope.each, "target")),
        size=size,
    ).cell_height(TableCellHeight.SM)
    names = {
        "target": "Target",
        "Value #B": "State",
        "Value #C": "Failures in a row",
        "code": "Last code",
        "side": "Whose side",
        "Value #F": "Last success, ago",
        "Value #G": "p95",
        "Value #H": "Budget left",
        "Value #I": "Credential expires in",
        "provider": "Provider",
        "tenant": "Tenant",
        "grant": "Grant",
    }
    return sorted_by(columns(_styled(panel), names), "State", "Failures in a row").no_value("-")


def _styled(panel: table.Panel) -> table.Panel:
    coloured = {"type": "color-background", "mode": "basic"}
    panel.override_by_name("Target", [link("Show this target", f"{_TO_TARGET}${{__value.raw:percentencode}}")])
    panel.override_by_name("State", [setting("mappings", [STATES]), setting("custom.cellOptions", coloured)])
    panel.override_by_name(
        "Failures in a row", [*_text(*levels((PLAIN, None), (CAREFUL, 1), (DANGER, 3))), setting("decimals", 0)]
    )
    panel.override_by_name("Last success, ago", AGO)
    panel.override_by_name("p95", [setting("unit", "s"), setting("decimals", 2)])
    panel.override_by_name(
        "Budget left", [setting("unit", "percentunit"), setting("decimals", 0), *_text(*levels(*BUDGET))]
    )
    expiry = [setting("unit", "dtdurations"), setting("decimals", 0), setting("noValue", "not stated")]
    return panel.override_by_name("Credential expires in", [*expiry, *_text(*levels(*EXPIRY))])


def _text(*colours: DynamicConfigValue) -> list[DynamicConfigValue]:
    return [setting("custom.cellOptions", {"type": "color-text"}), *colours]


def _sides(size: Size) -> bargauge.Panel:
    panel = gauge(
        "Whose side",
        "Failed attempts of the time range by the side that can mend them: the provider, your client's configuration,"
        " your tenant's users and policies, the network, or the prober itself. Normal: a few of the provider's and "
        "the network's.",
        "short",
        now(ask.in_range("token_probe_failures_total", EVERY_TARGET.counted, "side"), "{{side}}"),
        size=size,
    )
    return by_side(panel).decimals(0).no_value("no attempts")


def _budgets(size: Size) -> bargauge.Panel:
    panel = gauge(
        "Error budget left, ten least",
        "What is left of the error budget of 30 days, of the ten targets that have least. Below 0 the objective is "
        "missed. Needs the recordings of the rules.",
        "percentunit",
        now(f"bottomk(10, {ask.budget_left(EVERY_TARGET, 'target')})", "{{target}}"),
        size=size,
    )
    return linked(panel.max(1).decimals(0).thresholds(steps(*BUDGET)), "Show this target", _THIS_TARGET).no_value(
        "no rules"
    )
