"""What panels ask Prometheus."""

from dataclasses import dataclass

SERVICE_SIDES = 'side=~"provider|network"'
"""Failures that count against the objective, as in the rules."""

_JOB = 'job=~"$job", instance=~"$instance"'
_DRILL = 'target!="drill"'

OBJECTIVE = "(1 - $objective / 100)"
"""The share of attempts that may fail."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series a dashboard speaks of: `each` target by target, `counted` where they are summed."""

    each: str
    counted: str
    recorded: str


EVERY_TARGET = Scope(
    each=f'{_JOB}, target=~"$target"',
    counted=f'{_JOB}, target=~"$target", {_DRILL}',
    recorded='job=~"$job", target=~"$target"',
)
ONE_TARGET = Scope(
    each=f'{_JOB}, target="$target"',
    counted=f'{_JOB}, target="$target"',
    recorded='job=~"$job", target="$target"',
)
EXPORTER = Scope(each=_JOB, counted=f"{_JOB}, {_DRILL}", recorded='job=~"$job"')


def select(name: str, matchers: str, *more: str) -> str:
    """The series of a metric."""
    return f"{name}{{{', '.join((matchers, *more))}}}"


def of_exporters(expr: str) -> str:
    """The part of a metric that every job has, as `up`, that is of our exporters; also of one that is down."""
    known = f"last_over_time({select('token_exporter_build_info', _JOB)}[1d])"
    return f"{expr} and on (job, instance) {known}"


def per_minute(name: str, matchers: str, by: str) -> str:
    """Events a minute."""
    return f"60 * sum by ({by}) (rate({select(name, matchers)}[$__rate_interval]))"


def in_range(name: str, matchers: str, by: str) -> str:
    """How many events the dashboard's time range saw."""
    return f"round(sum by ({by}) (increase({select(name, matchers)}[$__range])))"


def state(scope: Scope, matchers: str | None = None) -> str:
    """Of each target: 0 its last attempt succeeded, 1 it failed, 2 the sequential test is certain of an outage."""
    matchers = matchers or scope.each
    outage = select("token_probe_outage", matchers)
    success = select("token_probe_success", matchers)
    return f"2 * (max by (target) ({outage}) == 1) or 1 - min by (target) ({success})"


def states(scope: Scope) -> str:
    """The same over time: a failure between two points of the graph is not lost."""
    outage = f"max_over_time({select('token_probe_outage', scope.each)}[$__rate_interval])"
    success = f"min_over_time({select('token_probe_success', scope.each)}[$__rate_interval])"
    return f"2 * (max by (target) ({outage}) == 1) or 1 - min by (target) ({success})"


def exactly(name: str, matchers: str) -> str:
    """How many events the last 10 minutes saw: exact, where increase() extrapolates; that is for restarts."""
    series = select(name, matchers)
    difference = f"({series} - {series} offset 10m) and resets({series}[11m]) == 0"
    return f"round(sum(({difference}) or increase({series}[10m])) or vector(0))"


def _failed(matchers: str, by: str = "") -> str:
    failed = select("token_probe_failures_total", matchers, SERVICE_SIDES)
    attempts = select("token_probe_attempts_total", matchers)
    return f"sum{by}(increase({failed}[5m])) / (sum{by}(increase({attempts}[5m])) > 0)"


def service_success(scope: Scope) -> str:
    """Of the attempts of the last 5 minutes the share that did not fail on the provider's or the network's side."""
    return f"1 - {_failed(scope.counted)}"


def service_failures(scope: Scope, by: str = "") -> str:
    """Of the attempts of the last 5 minutes the share that failed on the provider's or the network's side."""
    return _failed(scope.counted, f" by ({by}) " if by else "")


def burn(ratio: str) -> str:
    """How many times as fast as the objective allows a ratio of failures uses the error budget up."""
    return f"({ratio}) / {OBJECTIVE}"


def burn_over(scope: Scope, window: str) -> str:
    """The burn of the target that fares worst, over a window that the rules record."""
    return f"max({select(f'job_target:token_probe_service_failures:ratio{window}', scope.recorded)}) / {OBJECTIVE}"


def failures_30d(scope: Scope, by: str = "") -> str:
    """The share of failures in 30 days, out of what the rules record: raw counters would take seconds."""
    by = f" by ({by}) " if by else ""
    failed = select("job_target:token_probe_service_failures:increase5m", scope.recorded)
    attempts = select("job_target:token_probe_attempts:increase5m", scope.recorded)
    return f"sum{by}(sum_over_time({failed}[30d])) / (sum{by}(sum_over_time({attempts}[30d])) > 0)"


def budget_left(scope: Scope, by: str = "") -> str:
    """What is left of the error budget of 30 days."""
    return f"1 - ({failures_30d(scope, by)}) / {OBJECTIVE}"


def quantile(share: float, buckets: str, by: str, window: str = "$__rate_interval") -> str:
    """A quantile of a histogram."""
    function = "rate" if window == "$__rate_interval" else "increase"
    labels = f"{by}, le" if by else "le"
    # Of nothing the quantile is NaN, which is not at least 0.
    return f"histogram_quantile({share}, sum by ({labels}) ({function}({buckets}[{window}]))) >= 0"


def durations(matchers: str, outcome: str = "success") -> str:
    """The buckets of how long attempts took."""
    return select("token_probe_duration_seconds_bucket", matchers, f'outcome="{outcome}"')


def until(name: str, matchers: str, by: str) -> str:
    """Seconds until a moment that a metric tells, the earliest of each group."""
    return f"min by ({by}) ({select(name, matchers)}) - time()"


def since(name: str, matchers: str, by: str) -> str:
    """Seconds since a moment that a metric tells, the latest of each group."""
    return f"time() - max by ({by}) ({select(name, matchers)})"


def last_code(scope: Scope) -> str:
    """Of each target the code that it failed with last, if that was in the dashboard's time range."""
    seen = select("token_probe_code_last_seen_timestamp_seconds", scope.each)
    return f"topk by (target) (1, max by (target, code) ({seen}) > time() - $__range_s)"


def side(scope: Scope) -> str:
    """Of each target the side that most failures of its last 8 attempts were on."""
    failures = select("token_probe_window_failures", scope.each, 'window="8"')
    return f"topk by (target) (1, sum by (target, side) (max by (target, side, category) ({failures})) > 0)"


def codes_seen(scope: Scope) -> str:
    """How long ago each code came last that came in the dashboard's time range."""
    return f"{since('token_probe_code_last_seen_timestamp_seconds', scope.counted, 'code')} < $__range_s"


def codes_counted(scope: Scope) -> str:
    """How often each of them came. Of a code that nobody watches increase() cannot see the first error."""
    counted = in_range("token_probe_errors_total", scope.counted, "code")
    return f"clamp_min({counted}, 1) and on (code) ({codes_seen(scope)})"


def codes_described(scope: Scope) -> str:
    """What the catalogue says of each of them; `number` is what Microsoft's page of errors is asked for.

    Two exporters of different versions may describe a code differently; one of the descriptions is enough.
    """
    info = f"topk by (code) (1, group by (code, name, category, side) ({select('token_error_info', _JOB)}))"
    numbered = f'label_replace({info}, "number", "$1", "code", "AADSTS([0-9]+)")'
    return f"{numbered} and on (code) ({codes_seen(scope)})"
