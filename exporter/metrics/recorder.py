"""The series of /metrics."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
)

from exporter import __version__
from exporter.catalogue import (
    FAILURE_CATEGORIES,
    REASONS,
    WATCHED_ERRORS,
    Category,
    Phase,
    Reason,
    Skip,
    Stage,
    code_entry,
)
from exporter.metrics.labels import OTHER, child, error_label
from exporter.model import ErrorCode, Evidence, Exchange, Outcome, ProbeResult, Target
from exporter.providers import PROVIDERS

LATENCY_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
DELAY_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

CODE_BUDGET = 20
"""Codes without a catalogue entry that get a series of their own for one target; further ones share `other`."""

_EXEMPLAR = re.compile(r"[A-Za-z0-9_.:-]{1,48}")
"""What an id must look like to be an exemplar: with both ids and their names it stays within 128 characters."""

CURRENT = "current"
"""The `credential` label of a target's only credential."""

_IDENTITY_LABELS = ("target", "provider", "cloud", "tenant", "grant", "client_id")

_ANSWERED = frozenset({(Stage.OAUTH, Reason.REFUSED), (Stage.OAUTH, Reason.ERROR_IN_200)})
"""Failures that were told in OAuth's own words; they are counted by code and error."""


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
        self._held = False
        self._waiting: list[ProbeResult] = []
        self._own_labels = sorted({name for target in listed for name, _ in target.labels})
        self._make_attempt_metrics()
        self._make_state_metrics()
        self._make_exporter_metrics()
        for target in listed:
            self._watch(target)
        self._target_count.set(len(listed))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets results wait while the block runs, so that a rendering in another thread sees whole attempts only."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            waiting, self._waiting = self._waiting, []
            for result in waiting:
                self._count(result)

    def record(self, result: ProbeResult) -> None:
        """Counts one finished attempt."""
        if self._held:
            self._waiting.append(result)
        else:
            self._count(result)

    def _count(self, result: ProbeResult) -> None:
        name, outcome = result.target.name, result.outcome
        if name not in self._targets:
            return
        child(self._attempts, name).inc()
        child(self._last_attempt, name).set(result.started_at)
        child(self._success, name).set(outcome.success)
        duration = child(self._duration, name, "success" if outcome.success else "failure")
        duration.observe(result.duration, _exemplar(result))
        for phase, seconds in result.exchange.phases.items():
            child(self._phases, name, phase).observe(seconds)
        if result.exchange.certificate_expiry is not None:
            child(self._certificate_expiry, name).set(result.exchange.certificate_expiry)
        if result.evidence.clock_difference is not None:
            child(self._clock_skew, name).set(result.evidence.clock_difference)
        if result.target.credential is not None:
            readable = outcome.failure is None or outcome.failure.fault.reason is not Reason.SECRET_UNREADABLE
            child(self._credential_readable, name, CURRENT).set(readable)
        if outcome.success:
            self._record_success(result)
        else:
            self._record_failure(result)

    def _record_success(self, result: ProbeResult) -> None:
        name = result.target.name
        self._targets[name].consecutive_failures = 0
        child(self._consecutive_failures, name).set(0)
        child(self._last_success, name).set(result.started_at)
        if result.outcome.token_lifetime is not None:
            child(self._token_lifetime, name).set(result.outcome.token_lifetime)

    def _record_failure(self, result: ProbeResult) -> None:
        name, failure, refusal = result.target.name, result.outcome.failure, result.outcome.refusal
        if failure is None:
            return
        watched = self._targets[name]
        watched.consecutive_failures += 1
        child(self._consecutive_failures, name).set(watched.consecutive_failures)
        child(self._failures, name, failure.side, failure.category).inc()
        if refusal is None:
            child(self._transport_failures, name, failure.fault.stage, failure.fault.reason).inc()
            return
        if refusal.code is not None:
            child(self._errors, name, *self._code_labels(watched, refusal.code)).inc(1, _exemplar(result))
        if refusal.error:
            child(self._oauth_errors, name, error_label(refusal.error)).inc()

    def _code_labels(self, watched: _Watched, code: ErrorCode) -> tuple[str, str]:
        """The code and category labels of a code; the unknown ones of a target have a budget."""
        known = code_entry(code)
        if known is not None and known.code == code:
            self._describe(code)
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
        child(self._next_attempt, target.name).set(next_attempt)

    def started(self, delay: float) -> None:
        """An attempt began so many seconds after it was due."""
        self._start_delay.observe(delay)

    def skipped(self, target: Target, reason: Skip, count: int) -> None:
        """So many attempts were not made."""
        child(self._skipped, target.name, reason).inc(count)

    def crashed(self, target: Target, started_at: float) -> None:
        """An attempt ended in an error of ours, which is a failure on the prober's side."""
        self._internal_errors.inc()
        self.record(
            ProbeResult(
                target=target,
                started_at=started_at,
                duration=0.0,
                outcome=Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.INTERNAL),
                evidence=Evidence(endpoint=target.endpoint.url, request_id=""),
                exchange=Exchange(),
            )
        )

    def loop_lagged(self, seconds: float) -> None:
        """The event loop came back so many seconds late."""
        self._event_loop_lag.observe(seconds)

    def history_writable(self, writable: bool) -> None:
        """The history's file could, or could not, be written."""
        self._history_writable.set(writable)

    def config_loaded(self, now: float) -> None:
        """A config was read without a problem."""
        self._reload_successful.set(1)
        self._reload_timestamp.set(now)

    def _watch(self, target: Target) -> None:
        """Makes every series of a target that can be known before it is needed."""
        name = target.name
        child(self._attempts, name)
        child(self._consecutive_failures, name)
        for category in FAILURE_CATEGORIES:
            child(self._failures, name, category.side, category)
        for code in (*PROVIDERS[target.provider].watched, *target.watch, *sorted(target.expect.codes)):
            known = code_entry(code)
            child(self._errors, name, code, known.category if known else Category.UNKNOWN)
            self._describe(code)
        for error in (*WATCHED_ERRORS, OTHER):
            child(self._oauth_errors, name, error)
        for stage, reasons in REASONS.items():
            for reason in reasons:
                if (stage, reason) not in _ANSWERED:
                    child(self._transport_failures, name, stage, reason)
        for skip in Skip:
            child(self._skipped, name, skip)
        for outcome in ("success", "failure"):
            child(self._duration, name, outcome)
        for phase in Phase:
            child(self._phases, name, phase)
        child(self._interval, name).set(target.interval)
        stated = dict(target.labels)
        child(self._info, *_identity(target), *(stated.get(label, "") for label in self._own_labels)).set(1)

    def _describe(self, code: str) -> None:
        known = code_entry(code)
        category = known.category if known else Category.UNKNOWN
        child(self._error_info, code, known.name if known else "", category, category.side).set(1)

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
            "Time from a token request to its outcome; reused metadata is not waited for, so not counted.",
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
        child(
            self._gauge("token_exporter_build_info", "The exporter's version; always 1.", "version"), __version__
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
        self._history_writable = self._gauge(
            "token_exporter_history_writable", "Whether the history's file could be written; 1 where there is none."
        )
        self._history_writable.set(1)
        self._internal_errors = self._counter(
            "token_exporter_internal_errors", "Attempts that ended in an error of the exporter itself."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


def _exemplar(result: ProbeResult) -> dict[str, str] | None:
    """The ids under which the provider finds this attempt again; only what is safe and fits."""
    refusal = result.outcome.refusal
    ids = {
        "trace_id": (refusal.trace_id if refusal else "") or result.evidence.server_request_id,
        "correlation_id": refusal.correlation_id if refusal else "",
    }
    return {name: value for name, value in ids.items() if _EXEMPLAR.fullmatch(value)} or None


def _identity(target: Target) -> tuple[str, ...]:
    return target.name, target.provider, target.cloud, target.tenant, target.grant, target.client_id
