"""Panels that the Overview has of all targets, and Target of one."""

from grafana_foundation_sdk.builders import heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.grafana import queries as ask
from dashboards.grafana.queries import Scope
from dashboards.grafana.style import (
    CAREFUL,
    DANGER,
    DASHED,
    GOOD,
    PLAIN,
    Size,
    bars,
    bridged,
    by_code,
    by_side,
    cells,
    columns,
    density,
    graph,
    levels,
    limit,
    lines,
    link,
    now,
    number,
    paint,
    rows,
    setting,
    sorted_by,
    steps,
    timeline,
)

DAY = 86400

EXPIRY = ((DANGER, None), (CAREFUL, 7 * DAY), (GOOD, 30 * DAY))
"""As the alerts have it: red within 7 days, and what has ended; orange within 30."""

BUDGET = ((DANGER, None), (CAREFUL, 0), (GOOD, 0.25))

STATES = ValueMap(
    options={
        "0": ValueMappingResult(text="ok", color=GOOD, index=0),
        "1": ValueMappingResult(text="failing", color=CAREFUL, index=1),
        "2": ValueMappingResult(text="outage", color=DANGER, index=2),
    }
)

_SPLIT = "The objective counts failures on the provider's and the network's side only."


def success_now(scope: Scope, width: int) -> stat.Panel:
    """The ratio of the last minutes, and what it does to the budget."""
    failing = ask.service_failures(scope)
    return (
        number(
            "Service success, 5 min",
            "Share of the last 5 minutes' attempts that succeeded as the objective counts, and how many times as "
            f"fast as the objective allows the error budget is used up. {_SPLIT} Normal: 100 % and 0. From 14.4 on "
            "somebody is paged.",
            "percentunit",
            now(ask.service_success(scope), "success"),
            now(ask.burn(failing), "burn"),
            width=width,
        )
        .no_value("no attempts")
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .override_by_name("success", [setting("decimals", 2)])
        .override_by_name("burn", [setting("unit", "short"), *levels((PLAIN, None), (CAREFUL, 1), (DANGER, 14.4))])
    )


def success_30d(scope: Scope, width: int) -> stat.Panel:
    """The ratio of a month, and what is left of the budget."""
    return (
        number(
            "Service success, 30 days",
            "Share of the last 30 days' attempts (or as far as Prometheus reaches back) that succeeded as the "
            f"objective counts, and how much of the error budget is left. {_SPLIT} Needs the recordings of the rules."
            " Below 0 the objective is missed.",
            "percentunit",
            now(f"1 - {ask.failures_30d(scope)}", "success"),
            now(ask.budget_left(scope), "budget left"),
            width=width,
        )
        .no_value("no rules")
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .override_by_name("success", [setting("decimals", 3)])
        .override_by_name("budget left", [setting("decimals", 0), *levels((DANGER, None), (CAREFUL, 0), (GOOD, 0.25))])
    )


def spike(scope: Scope, width: int) -> stat.Panel:
    """The code that this project is named after."""
    return (
        number(
            "AADSTS50000, 10 min",
            "Attempts of the last 10 minutes that failed with AADSTS50000: the sign-in service itself could not issue"
            " the token. Normal: 0. If several tenants have it, it is Microsoft's; the runbook of "
            "TokenProbeAADSTS50000Spike tells how to go on.",
            "short",
            now(ask.exactly("token_probe_errors_total", f'{scope.counted}, code="AADSTS50000"')),
            width=width,
        )
        .no_value("0")
        .decimals(0)
        .thresholds(steps((GOOD, None), (DANGER, 1)))
    )


def state_over_time(scope: Scope, size: Size) -> statetimeline.Panel:
    """How each target fared."""
    panel = timeline(
        "State over time",
        "Each target over time: ok, its last attempt failed, or the sequential test is certain of an outage. A single "
        "orange line among green is noise; orange that goes on is worth a look, red is an outage.",
        graph(ask.states(scope), "{{target}}"),
        size=size,
    )
    return panel.mappings([STATES]).no_value("no attempts")


def errors_by_code(scope: Scope, size: Size) -> timeseries.Panel:
    """Which errors came when."""
    errors = "token_probe_errors_total"
    spike_ = ask.per_minute(errors, f'{scope.counted}, code="AADSTS50000"', "code, category")
    others = ask.per_minute(errors, f'{scope.counted}, code!="AADSTS50000"', "code, category")
    return by_code(
        bars(
            "Errors by code",
            "Failed attempts a minute by the provider's own code. AADSTS50000 is red; other codes of the provider's "
            "are pink, the client's orange, the tenant's yellow, unknown ones grey. The first error of a code that is"
            " not watched is in the table of codes only. Normal: empty, or a stray bar.",
            "cpm",
            graph(spike_, "{{code}} {{category}}"),
            graph(f"{others} > 0", "{{code}} {{category}}"),
            size=size,
        )
    ).no_value("no code was seen")


def failures_by_category(scope: Scope, size: Size) -> timeseries.Panel:
    """Whose failures came when."""
    failures = ask.per_minute("token_probe_failures_total", scope.counted, "side, category")
    return by_side(
        bars(
            "Failures by side and category",
            "Failed attempts a minute by the side that can mend them and the kind of failure, answered or not. Red is"
            " the provider, orange the client, yellow the tenant, purple the network, blue the prober itself. Normal:"
            " empty.",
            "cpm",
            graph(f"{failures} > 0", "{{side}} {{category}}"),
            size=size,
        )
    ).no_value("nothing failed")


def service_ratio(scope: Scope, size: Size) -> timeseries.Panel:
    """The ratio that the alert of the error budget looks at."""
    panel = lines(
        "Service failure ratio, 5 min",
        "Share of the last 5 minutes' attempts that failed on the provider's or the network's side, as a whole and of"
        " each target that had such failures. Above the dashed line TokenProbeErrorBudgetBurn pages, if the last "
        "hour's ratio is above it too. Normal: 0.",
        "percentunit",
        graph(ask.service_failures(scope), "all"),
        graph(f"{ask.service_failures(scope, 'target')} > 0", "{{target}}"),
        graph(f"vector(14.4 * {ask.OBJECTIVE})", "pages from here"),
        size=size,
    )
    dashed = [
        paint(CAREFUL),
        DASHED,
        setting("custom.fillOpacity", 0),
    ]
    panel.override_by_name("all", [paint(PLAIN)])
    return panel.override_by_name("pages from here", dashed).no_value("no attempts")


def evidence(scope: Scope, size: Size) -> timeseries.Panel:
    """How near the sequential test is to a verdict."""
    panel = lines(
        "Outage evidence",
        "How far the evidence for an outage reaches, of each target that is under suspicion: 1 is certainty, and the "
        "alerts fire. Normal: empty, or a short rise that the next successes refute.",
        "short",
        graph(f"max by (target) ({ask.select('token_probe_outage_evidence', scope.each)}) > 0", "{{target}}"),
        size=size,
    )
    return limit(panel, 1, DANGER).no_value("no suspicion")


def latency_density(scope: Scope, size: Size) -> heatmap.Panel:
    """How long attempts took."""
    buckets = ask.select("token_probe_duration_seconds_bucket", scope.counted)
    return density(
        "Latency",
        "How many attempts a minute took how long, failures included. The diamonds are exemplars: an attempt with its"
        " trace id, if Prometheus keeps exemplars. Normal: one band; a second one above it is retrying or a slow "
        "replica.",
        graph(f"60 * sum by (le) (rate({buckets}[$__rate_interval]))", "{{le}}")
        .format(PromQueryFormat.HEATMAP)
        .exemplar(True),
        size=size,
    ).no_value("no attempts")


def latency(scope: Scope, size: Size) -> timeseries.Panel:
    """Quantiles of how long successes took."""
    buckets = ask.durations(scope.counted)
    panel = lines(
        "Latency of successes",
        "How long half, 95 and 99 of 100 successful attempts took. TokenProbeLatencyHigh wants to know if p95 is "
        "above the line and twice the hour's median. Normal: below 1 s.",
        "s",
        *(graph(ask.quantile(share, buckets, ""), name).exemplar(True) for share, name in _SHARES),
        size=size,
    )
    for color, (_, name) in zip(("light-blue", "blue", "dark-blue"), _SHARES, strict=True):
        panel.override_by_name(name, [paint(color)])
    return bridged(limit(panel, 2)).no_value("no successes").fill_opacity(0)


def burn_over_time(scope: Scope, size: Size) -> timeseries.Panel:
    """What the objective's alerts look at."""
    panel = lines(
        "Error budget burn",
        "How many times as fast as the objective allows the error budget is used up, by the target that fares worst, "
        "over four windows. TokenProbeErrorBudgetBurn fires above 14.4 (1h), 6 (6h), 3 (1d), 1 (3d). Needs the "
        "recordings of the rules. Normal: below 1.",
        "short",
        *(graph(ask.burn_over(scope, window), window) for window, _ in _WINDOWS),
        size=size,
    )
    for window, color in _WINDOWS:
        panel.override_by_name(window, [paint(color)])
    return limit(panel, 14.4).no_value("no rules")


def codes(scope: Scope, size: Size) -> table.Panel:
    """What the codes of the range mean."""
    panel = rows(
        "Codes",
        "Codes that attempts of the time range failed with, the most frequent on top: what the catalogue says of "
        "each, how often and how long ago. Of a code that is not watched the first error of a target is not counted. "
        "The number leads to Microsoft's page about it. Normal: empty.",
        cells(ask.codes_counted(scope)),
        cells(ask.codes_seen(scope)),
        cells(ask.codes_described(scope)),
        size=size,
    )
    names = {
        "code": "Code",
        "name": "Name",
        "category": "Category",
        "side": "Side",
        "Value #A": "Count",
        "Value #B": "Last seen, ago",
        "number": "Microsoft's page",
    }
    page = link("What Microsoft says of it", "https://login.microsoftonline.com/error?code=${__value.raw}")
    # As text: a number would be shortened to thousands.
    panel.override_by_name("Microsoft's page", [page, setting("unit", "string")])
    panel.override_by_name("Count", [setting("decimals", 0)])
    panel.override_by_name("Last seen, ago", AGO)
    return sorted_by(columns(panel, names), "Count").no_value("-")


def confirmations(scope: Scope, size: Size) -> timeseries.Panel:
    """What was asked beside the schedule."""
    query = ask.per_minute("token_probe_confirmations_total", scope.counted, "outcome")
    panel = bars(
        "Confirmations",
        "Extra attempts a minute that were made to be sure of an outage, after a failure that looks like one; at most"
        " 240 an hour and target. They count nowhere else. Normal: none, or a short burst of successes after a stray "
        "failure.",
        "cpm",
        graph(f"{query} > 0", "{{outcome}}"),
        size=size,
    )
    panel.override_by_name("success", [paint(GOOD)])
    return panel.override_by_name("failure", [paint(CAREFUL)]).no_value("none were needed")


def skipped(scope: Scope, size: Size) -> timeseries.Panel:
    """What was left out of the schedule."""
    query = ask.per_minute("token_probe_skipped_total", scope.counted, "reason")
    return bars(
        "Attempts not made",
        "Attempts a minute that were left out of the schedule: overlap, because the one before still ran; missed, "
        "because the exporter was late or the machine slept; throttled, because the provider asked for a pause. "
        "Normal: empty.",
        "cpm",
        graph(f"{query} > 0", "{{reason}}"),
        size=size,
    ).no_value("none was left out")


def credential_expiry(scope: Scope, width: int) -> stat.Panel:
    """The credential that ends first."""
    soonest = ask.until("token_probe_credential_expiry_timestamp_seconds", scope.counted, "target, credential")
    return (
        number(
            "Credential expires in",
            "The credential that ends first, of those whose end the config states. Red within 7 days and when it is "
            "over, orange within 30: renew it. A secret whose end nobody stated is not here.",
            "dtdurations",
            now(f"bottomk(1, {soonest})", "{{target}}"),
            width=width,
        )
        .no_value("none stated")
        .decimals(0)
        .thresholds(steps(*EXPIRY))
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
    )


AGO: list[DynamicConfigValue] = [setting("unit", "dtdurations"), setting("decimals", 0), setting("noValue", "never")]

_SHARES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_WINDOWS = (("1h", "dark-purple"), ("6h", "purple"), ("1d", "light-purple"), ("3d", "super-light-purple"))
