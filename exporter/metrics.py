"""From results to series: every metric name of the exporter lives here, and nowhere else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    Summary,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest as text_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest

from exporter import __version__
from exporter.catalogue import (
    FAILURE_CATEGORIES,
    REASONS,
    REGISTERED_ERRORS,
    WATCHED_ERRORS,
    Category,
    Phase,
    Reason,
    Skip,
    Stage,
    code_entry,
)
from exporter.model import ErrorCode, ProbeResult, Target
from exporter.providers import PROVIDERS

LATENCY_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
DELAY_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CODE_BUDGET = 20
"""Codes without a catalogue entry that get a series of their own for one target; further ones share `other`."""

OTHER = "other"
CURRENT = "current"
"""The `credential` label of a target's only credential."""

_IDENTITY_LABELS = ("target", "provider", "cloud", "tenant", "grant", "client_id")

_ANSWERED_STAGE = Stage.OAUTH
"""A failure of this stage was told in OAuth's own words and is counted by code and error."""

_UNANSWERED_STAGES = tuple(stage for stage in Stage if stage is not _ANSWERED_STAGE)

# The moment a series was made tells nothing here, and would double what a scrape carries.
disable_created_metrics()  # type: ignore[no-untyped-call]


def exposition(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """All samples of a registry in OpenMetrics 1.0 or in Prometheus's text format 0.0.4."""
    latest: Callable[[CollectorRegistry], bytes] = openmetrics_latest if openmetrics else text_latest
    return latest(registry)


@dataclass(slots=True)
class _Watched:
    """What is remembered of one target between its results."""

    consecutive_failures: int = 0
    unknown_codes: set[ErrorCode] = field(default_factory=set)


class Recorder:
    """Holds every series of /metrics; the registry is an argument, so that tests and replays have their own."""

    def __init__(self, registry: CollectorRegistry, targets: Iterable[Target]) -> None:
        listed = tuple(targets)
        self._registry = registry
        self._targets = {target.name: _Watched() for target in listed}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._own_labels = sorted({name for target in listed for name, _ in target.labels})
        self._make_attempt_metrics()
        self._make_state_metrics()
        self._make_exporter_metrics()
        for target in listed:
            self._watch(target)
        self._target_count.set(len(listed))

    def record(self, result: ProbeResult) -> None:
        """Counts one finished attempt."""
        name, outcome = result.target.name, result.outcome
        self._attempts.labels(name).inc()
        self._last_attempt.labels(name).set(result.started_at)
        self._success.labels(name).set(outcome.success)
        self._duration.labels(name, "success" if outcome.success else "failure").observe(result.duration)
        for phase, seconds in result.exchange.phases.items():
            self._phases.labels(name, phase).observe(seconds)
        if result.exchange.certificate_expiry is not None:
            self._certificate_expiry.labels(name).set(result.exchange.certificate_expiry)
        if result.evidence.clock_difference is not None:
            self._clock_skew.labels(name).set(result.evidence.clock_difference)
        if result.target.credential is not None:
            readable = outcome.failure is None or outcome.failure.fault.reason is not Reason.SECRET_UNREADABLE
            self._credential_readable.labels(name, CURRENT).set(readable)
        if outcome.success:
            self._record_success(result)
        else:
            self._record_failure(result)

    def _record_success(self, result: ProbeResult) -> None:
        name = result.target.name
        self._targets[name].consecutive_failures = 0
        self._consecutive_failures.labels(name).set(0)
        self._last_success.labels(name).set(result.started_at)
        if result.outcome.token_lifetime is not None:
            self._token_lifetime.labels(name).set(result.outcome.token_lifetime)

    def _record_failure(self, result: ProbeResult) -> None:
        name, failure, refusal = result.target.name, result.outcome.failure, result.outcome.refusal
        if failure is None:
            return
        watched = self._targets[name]
        watched.consecutive_failures += 1
        self._consecutive_failures.labels(name).set(watched.consecutive_failures)
        self._failures.labels(name, failure.side, failure.category).inc()
        if failure.fault.stage in _UNANSWERED_STAGES:
            self._transport_failures.labels(name, failure.fault.stage, failure.fault.reason).inc()
        if refusal is None:
            return
        if refusal.code is not None:
            self._errors.labels(name, *self._code_labels(watched, refusal.code)).inc()
        if refusal.error:
            self._oauth_errors.labels(name, refusal.error if refusal.error in REGISTERED_ERRORS else OTHER).inc()

    def _code_labels(self, watched: _Watched, code: ErrorCode) -> tuple[str, str]:
        """The code and category labels of a code; the unknown ones of a target have a budget."""
        known = code_entry(code)
        if known is not None and known.code == code:
            return code, known.category
        category = known.category if known else Category.UNKNOWN
        if code not in watched.unknown_codes:
            if len(watched.unknown_codes) >= CODE_BUDGET:
                self._code_overflow.inc()
                return OTHER, Category.UNKNOWN
            watched.unknown_codes.add(code)
            self._describe(code)
        return code, category

    def scheduled(self, target: Target, next_attempt: float) -> None:
        """The target's next attempt, in Unix time."""
        self._next_attempt.labels(target.name).set(next_attempt)

    def started(self, delay: float) -> None:
        """An attempt began so many seconds after it was due."""
        self._start_delay.observe(delay)

    def skipped(self, target: Target, reason: Skip, count: int) -> None:
        """So many attempts were not made."""
        self._skipped.labels(target.name, reason).inc(count)

    def crashed(self, target: Target) -> None:  # noqa: ARG002 - the log names the target
        """An attempt ended in an error of ours."""
        self._internal_errors.inc()

    def loop_lagged(self, seconds: float) -> None:
        """The event loop came back so many seconds late."""
        self._event_loop_lag.observe(seconds)

    def config_loaded(self, now: float) -> None:
        """A config was read without a problem."""
        self._reload_successful.set(1)
        self._reload_timestamp.set(now)

    def _watch(self, target: Target) -> None:
        """Makes every series of a target that can be known before it is needed."""
        name = target.name
        self._attempts.labels(name)
        self._consecutive_failures.labels(name)
        for category in FAILURE_CATEGORIES:
            self._failures.labels(name, category.side, category)
        for code in (*PROVIDERS[target.provider].watched, *sorted(target.expect.codes)):
            known = code_entry(code)
            self._errors.labels(name, code, known.category if known else Category.UNKNOWN)
            self._describe(code)
        for error in (*WATCHED_ERRORS, OTHER):
            self._oauth_errors.labels(name, error)
        for stage in _UNANSWERED_STAGES:
            for reason in REASONS[stage]:
                self._transport_failures.labels(name, stage, reason)
        for skip in Skip:
            self._skipped.labels(name, skip)
        for outcome in ("success", "failure"):
            self._duration.labels(name, outcome)
        for phase in Phase:
            self._phases.labels(name, phase)
        self._interval.labels(name).set(target.interval)
        stated = dict(target.labels)
        self._info.labels(*_identity(target), *(stated.get(label, "") for label in self._own_labels)).set(1)

    def _describe(self, code: str) -> None:
        known = code_entry(code)
        category = known.category if known else Category.UNKNOWN
        self._error_info.labels(code, known.name if known else "", category, category.side).set(1)

    def _make_attempt_metrics(self) -> None:
        self._attempts = self._counter("token_probe_attempts", "Attempts that came to an outcome.", "target")
        self._failures = self._counter(
            "token_probe_failures",
            "Failed attempts, by the side that can mend them and the kind of failure.",
            "target",
            "side",
            "category",
        )
        self._errors = self._counter(
            "token_probe_errors",
            "Failed attempts by the provider's own error code, such as AADSTS50000.",
            "target",
            "code",
            "category",
        )
        self._oauth_errors = self._counter(
            "token_probe_oauth_errors", "Failed attempts by the OAuth error value of the answer.", "target", "error"
        )
        self._transport_failures = self._counter(
            "token_probe_transport_failures",
            "Failed attempts without an answer in OAuth's words, by how far they got and why no further.",
            "target",
            "stage",
            "reason",
        )
        self._skipped = self._counter(
            "token_probe_skipped", "Scheduled attempts that were not made.", "target", "reason"
        )
        self._duration = Histogram(
            "token_probe_duration_seconds",
            "Time from the start of an attempt to its outcome.",
            ("target", "outcome"),
            buckets=LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._phases = Summary(
            "token_probe_phase_seconds",
            "Time of each part of an attempt.",
            ("target", "phase"),
            registry=self._registry,
        )

    def _make_state_metrics(self) -> None:
        self._success = self._gauge("token_probe_success", "Whether the last attempt was a success.", "target")
        self._consecutive_failures = self._gauge(
            "token_probe_consecutive_failures", "Failed attempts since the last success.", "target"
        )
        self._last_attempt = self._gauge(
            "token_probe_last_attempt_timestamp_seconds", "Unix time of the last attempt's start.", "target"
        )
        self._last_success = self._gauge(
            "token_probe_last_success_timestamp_seconds", "Unix time of the last success's start.", "target"
        )
        self._next_attempt = self._gauge(
            "token_probe_next_attempt_timestamp_seconds", "Unix time at which the next attempt is due.", "target"
        )
        self._interval = self._gauge("token_probe_interval_seconds", "Time between two attempts.", "target")
        self._token_lifetime = self._gauge(
            "token_probe_token_lifetime_seconds", "Stated lifetime of the last token issued.", "target"
        )
        self._clock_skew = self._gauge(
            "token_probe_clock_skew_seconds", "The provider's clock less ours, to the second.", "target"
        )
        self._certificate_expiry = self._gauge(
            "token_probe_tls_expiry_timestamp_seconds", "Unix time at which the server's certificate ends.", "target"
        )
        self._credential_readable = self._gauge(
            "token_probe_credential_readable", "Whether the credential could be read.", "target", "credential"
        )
        self._info = self._gauge(
            "token_probe_target_info",
            "What the config says of a target; always 1.",
            *_IDENTITY_LABELS,
            *self._own_labels,
        )
        self._error_info = self._gauge(
            "token_error_info", "What the catalogue says of a code; always 1.", "code", "name", "category", "side"
        )

    def _make_exporter_metrics(self) -> None:
        self._start_delay = Histogram(
            "token_probe_start_delay_seconds",
            "Time between the moment an attempt was due and its start.",
            buckets=DELAY_BUCKETS,
            registry=self._registry,
        )
        self._event_loop_lag = Histogram(
            "token_exporter_event_loop_lag_seconds",
            "How late the exporter's own event loop ran a timer.",
            buckets=DELAY_BUCKETS,
            registry=self._registry,
        )
        self._gauge("token_exporter_build_info", "The exporter's version; always 1.", "version").labels(
            __version__
        ).set(1)
        self._reload_successful = self._gauge(
            "token_exporter_config_last_reload_successful", "Whether the config was last read without a problem."
        )
        self._reload_timestamp = self._gauge(
            "token_exporter_config_last_reload_success_timestamp_seconds",
            "Unix time at which the config was last read without a problem.",
        )
        self._target_count = self._gauge("token_exporter_targets", "Targets that are probed.")
        self._code_overflow = self._counter(
            "token_exporter_code_overflow", "Failures whose unknown code had no series of its own left."
        )
        self._internal_errors = self._counter(
            "token_exporter_internal_errors", "Attempts that ended in an error of the exporter itself."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


def _identity(target: Target) -> tuple[str, ...]:
    return target.name, target.provider, target.cloud, target.tenant, target.grant, target.client_id


def probe_registry(result: ProbeResult) -> CollectorRegistry:
    """One attempt's own series, under the names that users of blackbox_exporter have rules and dashboards for."""
    registry = CollectorRegistry()

    outcome, exchange, evidence = result.outcome, result.exchange, result.evidence
    single = {
        "probe_success": ("Whether the probe was a success.", outcome.success),
        "probe_duration_seconds": ("How long the probe took.", result.duration),
        "probe_http_status_code": ("HTTP status of the answer; 0 without one.", evidence.status or 0),
        "probe_http_ssl": ("Whether TLS was used.", exchange.certificate_expiry is not None),
        "probe_ssl_earliest_cert_expiry": ("Unix time of the certificate's end.", exchange.certificate_expiry),
        "token_probe_token_lifetime_seconds": ("Stated lifetime of the token.", outcome.token_lifetime),
        "token_probe_clock_skew_seconds": ("The provider's clock less ours.", evidence.clock_difference),
    }
    for name, (text, value) in single.items():
        if value is not None:
            Gauge(name, text, registry=registry).set(value)
    phases = Gauge("probe_http_duration_seconds", "How long each phase took.", ("phase",), registry=registry)
    for phase in Phase:
        phases.labels(phase).set(exchange.phases.get(phase, 0.0))
    if outcome.failure is not None:
        verdict = Gauge(
            "token_probe_failure_info",
            "Why the probe failed; always 1.",
            ("side", "category", "stage", "reason", "code", "error"),
            registry=registry,
        )
        failure, refusal = outcome.failure, outcome.refusal
        code = (refusal.code if refusal else None) or ""
        error = refusal.error if refusal else ""
        verdict.labels(failure.side, failure.category, failure.fault.stage, failure.fault.reason, code, error).set(1)
    return registry
