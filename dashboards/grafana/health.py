"""Prober health: whether the exporter itself keeps up, so that what it measures is not its own trouble."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana import panels
from dashboards.grafana import queries as ask
from dashboards.grafana.frame import framed
from dashboards.grafana.queries import EXPORTER, of_exporters, select
from dashboards.grafana.style import (
    CAREFUL,
    DANGER,
    DASHED,
    GOOD,
    PLAIN,
    Size,
    bridged,
    cells,
    columns,
    graph,
    limit,
    lines,
    now,
    number,
    paint,
    rows,
    setting,
    steps,
)


def health() -> Dashboard:
    """The exporters themselves."""
    return framed(
        "token-probe-health",
        "Prober health",
        "Whether the exporters keep up with their schedule, and what they need for it.",
        [
            (
                "Now",
                [
                    _down(4),
                    _targets(4),
                    _internal_errors(4),
                    _overflow(4),
                    _reload(4),
                    _history(4),
                    _exporters((24, 6)),
                ],
            ),
            (
                "Schedule",
                [
                    _delay((12, 8)),
                    _lag((12, 8)),
                    _pace((12, 8)),
                    _late((12, 8)),
                    panels.skipped(EXPORTER, (12, 8)),
                    panels.confirmations(EXPORTER, (12, 8)),
                ],
            ),
            ("Process", [_scrape((8, 8)), _series((8, 8)), _memory((8, 8)), _cpu((12, 8)), _files((12, 8))]),
        ],
        targets=False,
    )


def _down(width: int) -> stat.Panel:
    up = of_exporters(select("up", EXPORTER.each))
    about = (
        "Exporters of the last day that Prometheus cannot scrape. Normal: 0. While one is down nobody watches its "
        "targets."
    )
    panel = number("Exporters down", about, "short", now(f"sum(({up}) == bool 0)"), width=width).decimals(0)
    return panel.thresholds(steps((GOOD, None), (DANGER, 1))).no_value("none found")


def _targets(width: int) -> stat.Panel:
    about = "Targets that are probed, over all exporters. It changes with the config only."
    query = f"sum({select('token_exporter_targets', EXPORTER.each)})"
    return number("Targets", about, "short", now(query), width=width).decimals(0).no_value("none found")


def _internal_errors(width: int) -> stat.Panel:
    about = (
        "Attempts of the time range that ended in a bug of the exporter. Normal: 0; the log has the traceback: report"
        " it."
    )
    query = f"round(sum(increase({select('token_exporter_internal_errors_total', EXPORTER.each)}[$__range])))"
    panel = number("Internal errors", about, "short", now(query), width=width).decimals(0)
    return panel.thresholds(steps((GOOD, None), (DANGER, 1))).no_value("none found")


def _overflow(width: int) -> stat.Panel:
    about = (
        "Failures of the time range whose unknown code had no series of its own left, counted as `other`. Normal: 0. "
        "/failures of the exporter has the codes themselves."
    )
    query = f"round(sum(increase({select('token_exporter_code_overflow_total', EXPORTER.each)}[$__range])))"
    panel = number("Codes without a series", about, "short", now(query), width=width).decimals(0)
    return panel.thresholds(steps((GOOD, None), (CAREFUL, 1))).no_value("none found")


def _reload(width: int) -> stat.Panel:
    about = (
        "1 if every exporter read its config without a problem when it last did. 0: it runs on an old one; see its log."
    )
    query = f"min({select('token_exporter_config_last_reload_successful', EXPORTER.each)})"
    panel = number("Config is read", about, "short", now(query), width=width).decimals(0)
    return panel.thresholds(steps((DANGER, None), (GOOD, 1))).no_value("none found")


def _history(width: int) -> stat.Panel:
    about = "1 if every exporter can write the file of its history, or keeps none. 0: the disk is full or read-only."
    query = f"min({select('token_exporter_history_writable', EXPORTER.each)})"
    panel = number("History is written", about, "short", now(query), width=width).decimals(0)
    return panel.thresholds(steps((DANGER, None), (GOOD, 1))).no_value("none found")


def _exporters(size: Size) -> table.Panel:
    reload = "token_exporter_config_last_reload_success_timestamp_seconds"
    start = of_exporters(select("process_start_time_seconds", EXPORTER.each))
    panel = rows(
        "Exporters",
        "One row an exporter: its version, its Python, since when it runs and since when its config holds. Two "
        "versions at once are an upgrade under way.",
        cells(f"max by (job, instance, version) ({select('token_exporter_build_info', EXPORTER.each)})"),
        cells(f"time() - max by (job, instance) ({start})"),
        cells(ask.since(reload, EXPORTER.each, "job, instance")),
        cells(f"max by (job, instance) ({select('token_exporter_targets', EXPORTER.each)})"),
        size=size,
    )
    names = {
        "instance": "Instance",
        "job": "Job",
        "version": "Version",
        "Value #B": "Runs for",
        "Value #C": "Config read, ago",
        "Value #D": "Targets",
    }
    for name in ("Runs for", "Config read, ago"):
        panel.override_by_name(name, [setting("unit", "dtdurations"), setting("decimals", 0)])
    return columns(panel, names).no_value("-")


def _delay(size: Size) -> timeseries.Panel:
    return limit(
        _quantiles(
            "Start delay",
            "How late attempts begin: the half of them and 99 of 100. Normal: below 0.1 s. Above the line "
            "TokenProbeLagging fires: too many targets for one exporter, or a starved machine.",
            "token_probe_start_delay_seconds_bucket",
            size,
        ),
        2.5,
    )


def _lag(size: Size) -> timeseries.Panel:
    return limit(
        _quantiles(
            "Event loop lag",
            "How late the exporter's own timers run. Normal: below 0.01 s. Above the line TokenProbeLagging fires, and "
            "latencies are partly the exporter's own.",
            "token_exporter_event_loop_lag_seconds_bucket",
            size,
        ),
        0.5,
    )


def _quantiles(title: str, about: str, buckets: str, size: Size) -> timeseries.Panel:
    series = select(buckets, EXPORTER.each)
    panel = lines(
        title,
        about,
        "s",
        graph(ask.quantile(0.5, series, "instance"), "p50 {{instance}}"),
        graph(ask.quantile(0.99, series, "instance"), "p99 {{instance}}"),
        size=size,
    )
    return bridged(panel).no_value("no attempts")


def _pace(size: Size) -> timeseries.Panel:
    expected = f"sum by (instance) (1 / {select('token_probe_interval_seconds', EXPORTER.counted)})"
    attempts = select("token_probe_attempts_total", EXPORTER.counted)
    panel = lines(
        "Attempts a second",
        "What the intervals of the config ask for, and what was done over 5 minutes. Normal: the same. Less is lag, "
        "throttling, or targets that take longer than their interval.",
        "reqps",
        graph(expected, "expected {{instance}}"),
        graph(f"sum by (instance) (increase({attempts}[5m])) / 300", "done {{instance}}"),
        size=size,
    )
    return panel.override_by_regexp("/^expected /", [paint(PLAIN), DASHED]).no_value("no attempts")


def _late(size: Size) -> timeseries.Panel:
    due = select("token_probe_next_attempt_timestamp_seconds", EXPORTER.counted)
    return lines(
        "Overdue attempts",
        "How long the attempt that waits longest is overdue, at the time of the scrape. Normal: 0. TokenProbeStalled "
        "fires a minute and an interval after an attempt should have begun.",
        "s",
        graph(f"clamp_min(max by (instance) (timestamp({due}) - {due}), 0)", "{{instance}}"),
        size=size,
    ).no_value("no attempts")


def _of_each(name: str) -> str:
    return of_exporters(select(name, EXPORTER.each))


def _scrape(size: Size) -> timeseries.Panel:
    about = "How long a scrape takes. It must stay well below the scrape interval; it grows with the number of targets."
    return lines(
        "Scrape duration", about, "s", graph(_of_each("scrape_duration_seconds"), "{{instance}}"), size=size
    ).no_value("no scrapes")


def _series(size: Size) -> timeseries.Panel:
    about = "Samples of a scrape. A target has about 150; slow growth is new codes, a jump is new targets."
    panel = lines("Series", about, "short", graph(_of_each("scrape_samples_scraped"), "{{instance}}"), size=size)
    return panel.decimals(0).no_value("no scrapes")


def _memory(size: Size) -> timeseries.Panel:
    about = "Resident memory. Normal: flat after some hours. Growth that does not end is a leak: report it."
    panel = lines("Memory", about, "bytes", graph(_of_each("process_resident_memory_bytes"), "{{instance}}"), size=size)
    return panel.no_value("no scrapes")


def _cpu(size: Size) -> timeseries.Panel:
    query = of_exporters(f"rate({select('process_cpu_seconds_total', EXPORTER.each)}[$__rate_interval])")
    about = (
        "Share of one CPU. Signing and TLS cost most. Near 100 % attempts begin late: fewer targets, longer intervals."
    )
    return lines("CPU", about, "percentunit", graph(query, "{{instance}}"), size=size).no_value("no scrapes")


def _files(size: Size) -> timeseries.Panel:
    panel = lines(
        "Open files",
        "Open file descriptors, and how many there may be. Connections are closed after each attempt, so this must "
        "not grow with time; at the limit attempts fail on the prober's side.",
        "short",
        graph(_of_each("process_open_fds"), "{{instance}}"),
        graph(_of_each("process_max_fds"), "limit {{instance}}"),
        size=size,
    )
    return panel.override_by_regexp("/^limit /", [paint(CAREFUL), DASHED]).no_value("no scrapes")
