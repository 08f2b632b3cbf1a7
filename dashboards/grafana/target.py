"""Target: all that is known of one target."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana import panels
from dashboards.grafana import queries as ask
from dashboards.grafana.frame import framed
from dashboards.grafana.panels import DAY, STATES
from dashboards.grafana.queries import ONE_TARGET
from dashboards.grafana.style import (
    CAREFUL,
    DANGER,
    GOOD,
    PHASES,
    PLAIN,
    Size,
    bars,
    by_code,
    by_side,
    cells,
    columns,
    graph,
    limit,
    lines,
    now,
    number,
    paint,
    rows,
    steps,
)


def target() -> Dashboard:
    """One target."""
    scope = ONE_TARGET
    return framed(
        "token-probe-target",
        "Target",
        "All that is known of one target: how it fares, what it fails with, and how long its tokens take.",
        [
            ("Now", _now()),
            (
                "Outage or noise",
                [
                    panels.state_over_time(scope, (24, 4)),
                    panels.evidence(scope, (12, 8)),
                    panels.confirmations(scope, (12, 8)),
                    _window_failures((12, 8)),
                    _window_errors((12, 8)),
                ],
            ),
            (
                "Errors",
                [
                    panels.errors_by_code(scope, (12, 8)),
                    panels.failures_by_category(scope, (12, 8)),
                    _transport((12, 8)),
                    _oauth((12, 8)),
                    panels.codes(scope, (24, 7)),
                ],
            ),
            (
                "Latency",
                [
                    panels.latency_density(scope, (12, 8)),
                    panels.latency(scope, (12, 8)),
                    _phases((12, 8)),
                    panels.skipped(scope, (12, 8)),
                ],
            ),
            ("Objective", [panels.service_ratio(scope, (12, 8)), panels.burn_over_time(scope, (12, 8))]),
            (
                "Tokens and credentials",
                [_credentials((12, 8)), _lifetime((6, 8)), _skew((6, 8)), _config((24, 5))],
            ),
        ],
        targets=True,
        several=False,
    )


def _now() -> list[stat.Panel]:
    scope = ONE_TARGET
    return [
        _state(3),
        _in_a_row(3),
        _side(3),
        panels.success_now(scope, 5),
        panels.success_30d(scope, 5),
        panels.spike(scope, 5),
        _since_success(6),
        panels.credential_expiry(scope, 6),
        _readable(6),
        _certificate(6),
    ]


def _state(width: int) -> stat.Panel:
    about = (
        "ok: the last attempt succeeded. failing: it did not. outage: the sequential test is certain of an outage, "
        "whatever the last attempt said."
    )
    return (
        number("State", about, "short", now(ask.state(ONE_TARGET)), width=width)
        .mappings([STATES])
        .no_value("no attempt")
    )


def _in_a_row(width: int) -> stat.Panel:
    query = f"max by (target) ({ask.select('token_probe_consecutive_failures', ONE_TARGET.each)})"
    about = "Failed attempts since the last success. Normal: 0; three or more in a row are no noise."
    panel = number("Failures in a row", about, "short", now(query), width=width)
    return panel.decimals(0).thresholds(steps((GOOD, None), (CAREFUL, 1), (DANGER, 3))).no_value("no target")


def _side(width: int) -> stat.Panel:
    about = "The side that most failures of the last 8 attempts were on: who can mend it. Normal: nobody."
    panel = number("Whose side", about, "short", now(ask.side(ONE_TARGET), "{{side}}"), width=width)
    return by_side(panel).text_mode(BigValueTextMode.NAME).no_value("nobody")


def _since_success(width: int) -> stat.Panel:
    query = ask.since("token_probe_last_success_timestamp_seconds", ONE_TARGET.each, "target")
    about = (
        "Time since the last success began. Normal: less than the interval. TokenProbeNoSuccess pages after 5 minutes."
    )
    panel = number("Last success, ago", about, "dtdurations", now(query), width=width).decimals(0)
    return panel.thresholds(steps((PLAIN, None), (DANGER, 300))).no_value("never")


def _readable(width: int) -> stat.Panel:
    query = f"min by (target) ({ask.select('token_probe_credential_readable', ONE_TARGET.each)})"
    about = "1 if the exporter could read the secret's file or variable at the last attempt. Where 0, mend the mount."
    panel = number("Credential readable", about, "short", now(query), width=width).decimals(0)
    return panel.thresholds(steps((DANGER, None), (GOOD, 1))).no_value("no credential")


def _certificate(width: int) -> stat.Panel:
    query = ask.until("token_probe_tls_expiry_timestamp_seconds", ONE_TARGET.each, "target")
    about = (
        "Time until the certificate that the endpoint shows ends; red from 14 days on. Only the endpoint's owner can "
        "renew it."
    )
    panel = number("TLS certificate expires in", about, "dtdurations", now(query), width=width).decimals(0)
    return panel.thresholds(steps((DANGER, None), (GOOD, 14 * DAY))).no_value("no TLS")


def _window_failures(size: Size) -> timeseries.Panel:
    series = ask.select("token_probe_window_failures", ONE_TARGET.each)
    panel = lines(
        "Failures in the last 8 and 40 attempts",
        "Exactly how many of the last 8 and 40 attempts failed, by side and category; this is what most alerts "
        "compare. Normal: empty. 4 of 8, or 5 of 40, are too many.",
        "short",
        graph(f"max by (side, category, window) ({series}) > 0", "{{side}} {{category}}, of {{window}}"),
        size=size,
    )
    return by_side(panel).no_value("none failed")


def _window_errors(size: Size) -> timeseries.Panel:
    series = ask.select("token_probe_window_errors", ONE_TARGET.each)
    panel = lines(
        "Codes in the last 8 and 40 attempts",
        "Exactly how many of the last 8 and 40 attempts failed with which code. Normal: empty.",
        "short",
        graph(f"max by (code, category, window) ({series}) > 0", "{{code}} of {{window}}, {{category}}"),
        size=size,
    )
    return by_code(panel).no_value("no code was seen")


def _transport(size: Size) -> timeseries.Panel:
    query = ask.per_minute("token_probe_transport_failures_total", ONE_TARGET.each, "stage, reason")
    return bars(
        "Failures by stage and reason",
        "Failed attempts a minute that brought no answer in OAuth's words, by how far they got and why no further. "
        "dns, connect and tls are the way there; headers, body, http and parse the other end; local is the prober "
        "itself.",
        "cpm",
        graph(f"{query} > 0", "{{stage}} {{reason}}"),
        size=size,
    ).no_value("every attempt was answered")


def _oauth(size: Size) -> timeseries.Panel:
    query = ask.per_minute("token_probe_oauth_errors_total", ONE_TARGET.each, "error")
    return bars(
        "OAuth errors",
        "Failed attempts a minute by the OAuth error value of the answer. server_error and temporarily_unavailable "
        "are the provider's, invalid_client is your credential, invalid_grant your user or assertion.",
        "cpm",
        graph(f"{query} > 0", "{{error}}"),
        size=size,
    ).no_value("no refusal")


def _phases(size: Size) -> timeseries.Panel:
    spent = f"sum by (phase) (rate({ask.select('token_probe_phase_seconds_sum', ONE_TARGET.each)}[$__rate_interval]))"
    times = f"sum by (phase) (rate({ask.select('token_probe_phase_seconds_count', ONE_TARGET.each)}[$__rate_interval]))"
    panel = bars(
        "Phases",
        "Mean time of each part of an attempt, stacked: name resolution, connection and TLS are the way there, "
        "processing is the endpoint thinking. Whichever grew is where to look.",
        "s",
        graph(f"{spent} / ({times} > 0)", "{{phase}}"),
        size=size,
    )
    for phase, color in PHASES.items():
        panel.override_by_name(phase, [paint(color)])
    return panel.no_value("no attempts")


def _credentials(size: Size) -> timeseries.Panel:
    ends = ask.until("token_probe_credential_expiry_timestamp_seconds", ONE_TARGET.each, "credential")
    panel = lines(
        "Time until the credential ends",
        "Falls by a day a day and jumps up when the credential is renewed. Alerts come 30 and 7 days before the end. "
        "Empty where the config does not state the end.",
        "dtdurations",
        graph(ends, "{{credential}}"),
        size=size,
    )
    style = steps(("transparent", None), (CAREFUL, 30 * DAY))
    return limit(panel, 7 * DAY, DANGER).thresholds(style).no_value("no end is stated")


def _lifetime(size: Size) -> timeseries.Panel:
    query = f"max by (target) ({ask.select('token_probe_token_lifetime_seconds', ONE_TARGET.each)})"
    about = (
        "The lifetime that the last token states. Entra gives 60 to 90 minutes; much less breaks clients that cache."
    )
    return lines("Token lifetime", about, "s", graph(query, "{{target}}"), size=size).no_value("no token yet")


def _skew(size: Size) -> timeseries.Panel:
    query = f"max by (target) ({ask.select('token_probe_clock_skew_seconds', ONE_TARGET.each)})"
    about = "The provider's clock less the exporter's. Normal: within a second. Beyond minutes assertions are refused."
    panel = lines("Clock difference", about, "s", graph(query, "{{target}}"), size=size)
    return panel.no_value("no clock was seen")


def _config(size: Size) -> table.Panel:
    labels = "target, provider, cloud, tenant, grant, client_id"
    panel = rows(
        "Config",
        "What the config says of the target, its interval, and when the next attempt is due.",
        cells(f"max by ({labels}) ({ask.select('token_probe_target_info', ONE_TARGET.each)})"),
        cells(f"max by (target) ({ask.select('token_probe_interval_seconds', ONE_TARGET.each)})"),
        cells(ask.until("token_probe_next_attempt_timestamp_seconds", ONE_TARGET.each, "target")),
        cells(ask.since("token_probe_last_attempt_timestamp_seconds", ONE_TARGET.each, "target")),
        size=size,
    )
    names = {
        "target": "Target",
        "provider": "Provider",
        "cloud": "Cloud",
        "tenant": "Tenant",
        "grant": "Grant",
        "client_id": "Client",
        "Value #B": "Interval",
        "Value #C": "Next attempt in",
        "Value #D": "Last attempt, ago",
    }
    return columns(panel.unit("s"), names).no_value("-")
