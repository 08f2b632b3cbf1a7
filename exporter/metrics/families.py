"""Every metric of /metrics: its name, what it says, its labels."""

from collections.abc import Iterable

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
from exporter.metrics import internals
from exporter.metrics.internals import Metric
from exporter.metrics.labels import Family, labelled, safe

LATENCY_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
DELAY_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_IDENTITY_LABELS = ("target", "provider", "cloud", "tenant", "grant", "client_id")


class Families:
    """The metric families, on the registry that is handed over."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.own_labels: tuple[str, ...] = ()
        self.info: Gauge
        self._by_target: list[Metric] = []
        self._touched: dict[Metric, set[str]] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._make_attempt_metrics()
        self._make_state_metrics()
        self._make_outage_metrics()
        self._make_exporter_metrics()

    def series(self, family: Family, *values: str) -> Family:
        """The series of a family with these label values, to be changed now: the one way to a series with labels."""
        made = internals.child(family, values)
        if made is None:
            # Values that are not safe are never found as they are.
            values = tuple(map(safe, values))
            made = labelled(family, values)
        self._touched[family].add(values[0])
        return made

    def touched(self, family: Metric) -> set[str] | None:
        """The first label values of the series that were reached for; None where a family has no labels.

        The set is the very one that is kept: whoever has seen to a value takes it out.
        """
        return self._touched.get(family)

    def forget(self, target: str) -> None:
        """Ends every series of a target."""
        for family in self._by_target:
            family.remove_by_labels({"target": target})

    def relabel(self, own_labels: tuple[str, ...]) -> None:
        """Begins `info` anew with these labels beside its own: those that the config gives its targets."""
        self._registry.unregister(self.info)
        self._by_target.remove(self.info)
        del self._touched[self.info]
        self.own_labels = own_labels
        self.info = self._info()

    def _info(self) -> Gauge:
        text = "What the config says of a target; always 1."
        return self._gauge("token_probe_target_info", text, *_IDENTITY_LABELS, *self.own_labels)

    def _make_attempt_metrics(self) -> None:
        self.attempts = self._counter("token_probe_attempts", "Attempts that came to an outcome.", "target")
        self.failures = self._counter(
            "token_probe_failures",
            "Failed attempts, by the side that can mend them and the kind of failure.",
            "target",
            "side",
            "category",
        )
        self.errors = self._counter(
            "token_probe_errors",
            "Failed attempts by the provider's own error code, such as AADSTS50000.",
            "target",
            "code",
            "category",
        )
        self.credential_attempts = self._counter(
            "token_probe_credential_attempts",
            "Attempts with this credential that came to an outcome; of targets with a next one.",
            "target",
            "credential",
        )
        self.credential_failures = self._counter(
            "token_probe_credential_failures",
            "Failed attempts with this credential, by side and kind of failure; of targets with a next one.",
            "target",
            "credential",
            "side",
            "category",
        )
        self.oauth_errors = self._counter(
            "token_probe_oauth_errors", "Failed attempts by the OAuth error value of the answer.", "target", "error"
        )
        self.transport_failures = self._counter(
            "token_probe_transport_failures",
            "Failed attempts without an answer in OAuth's words, by how far they got and why no further.",
            "target",
            "stage",
            "reason",
        )
        self.skipped = self._counter(
            "token_probe_skipped", "Scheduled attempts that were not made.", "target", "reason"
        )
        self.duration = self._histogram(
            "token_probe_duration_seconds",
            "Time from a token request to its outcome; reused metadata is not waited for, so not counted.",
            "target",
            "outcome",
            buckets=LATENCY_BUCKETS,
        )
        self.phases = self._summary(
            "token_probe_phase_seconds",
            "Time of each part of an attempt.",
            "target",
            "phase",
        )

    def _make_state_metrics(self) -> None:
        self.success = self._gauge("token_probe_success", "Whether the last attempt was a success.", "target")
        self.consecutive_failures = self._gauge(
            "token_probe_consecutive_failures", "Failed attempts since the last success.", "target"
        )
        self.last_attempt = self._gauge(
            "token_probe_last_attempt_timestamp_seconds", "Unix time of the last attempt's start.", "target"
        )
        self.last_success = self._gauge(
            "token_probe_last_success_timestamp_seconds", "Unix time of the last success's start.", "target"
        )
        self.next_attempt = self._gauge(
            "token_probe_next_attempt_timestamp_seconds", "Unix time at which the next attempt is due.", "target"
        )
        self.interval = self._gauge("token_probe_interval_seconds", "Time between two attempts.", "target")
        self.token_lifetime = self._gauge(
            "token_probe_token_lifetime_seconds", "Stated lifetime of the last token issued.", "target"
        )
        self.jwks_keys = self._gauge("token_probe_jwks_keys", "Keys for signatures in the provider's JWKS.", "target")
        self.jwks_last_rollover = self._gauge(
            "token_probe_jwks_last_rollover_timestamp_seconds",
            "Unix time at which the JWKS was last seen with other keys than before; there from the first change on.",
            "target",
        )
        self.clock_skew = self._gauge(
            "token_probe_clock_skew_seconds", "The provider's clock less ours, to the second.", "target"
        )
        self.certificate_expiry = self._gauge(
            "token_probe_tls_expiry_timestamp_seconds",
            "Unix time at which the first certificate of the server's chain ends.",
            "target",
        )
        self.credential_readable = self._gauge(
            "token_probe_credential_readable", "Whether the credential could be read.", "target", "credential"
        )
        self.credential_expiry = self._gauge(
            "token_probe_credential_expiry_timestamp_seconds",
            "Unix time at which the credential ends, as far as it is known.",
            "target",
            "credential",
        )
        self.credential_success = self._gauge(
            "token_probe_credential_success",
            "Whether the last attempt with this credential was a success; of targets with a next one.",
            "target",
            "credential",
        )
        self.info = self._info()
        self.error_info = self._gauge(
            "token_error_info", "What the catalogue says of a code; always 1.", "code", "name", "category", "side"
        )

    def _make_outage_metrics(self) -> None:
        self.window_errors = self._gauge(
            "token_probe_window_errors",
            "Of the last so many attempts those that failed with this code; there from its first error on.",
            "target",
            "code",
            "category",
            "window",
        )
        self.window_failures = self._gauge(
            "token_probe_window_failures",
            "Of the last so many attempts those that failed in this way; there from the first such failure on.",
            "target",
            "side",
            "category",
            "window",
        )
        self.outage = self._gauge(
            "token_probe_outage", "Whether the sequential test is certain that the target has an outage.", "target"
        )
        self.outage_evidence = self._gauge(
            "token_probe_outage_evidence",
            "How far the evidence for an outage reaches: 0 is none, 1 is certainty.",
            "target",
        )
        self.confirmations = self._counter(
            "token_probe_confirmations",
            "Extra attempts made to be sure of an outage; they count nowhere else.",
            "target",
            "outcome",
        )
        self.code_last_seen = self._gauge(
            "token_probe_code_last_seen_timestamp_seconds",
            "Unix time of the last attempt that failed with this code.",
            "target",
            "code",
        )

    def _make_exporter_metrics(self) -> None:
        self.start_delay = self._histogram(
            "token_probe_start_delay_seconds",
            "Time between the moment an attempt was due and its start.",
            buckets=DELAY_BUCKETS,
        )
        self.event_loop_lag = self._histogram(
            "token_exporter_event_loop_lag_seconds",
            "How late the exporter's own event loop ran a timer.",
            buckets=DELAY_BUCKETS,
        )
        self.series(
            self._gauge("token_exporter_build_info", "The exporter's version; always 1.", "version"), __version__
        ).set(1)
        self.reload_successful = self._gauge(
            "token_exporter_config_last_reload_successful", "Whether the config was last read without a problem."
        )
        self.reload_timestamp = self._gauge(
            "token_exporter_config_last_reload_success_timestamp_seconds",
            "Unix time at which the config was last read without a problem.",
        )
        self.target_count = self._gauge("token_exporter_targets", "Targets that are probed on schedule.")
        self.configured_targets = self._gauge(
            "token_exporter_configured_targets",
            "Targets of the config that are to be probed on schedule, by whichever exporter.",
        )
        self.shard_info = self._gauge(
            "token_exporter_shard_info",
            "Which exporter this is of how many that share one config; always 1.",
            "index",
            "count",
        )
        self.code_overflow = self._counter(
            "token_exporter_code_overflow", "Failures whose unknown code had no series of its own left."
        )
        self.history_writable = self._gauge(
            "token_exporter_history_writable", "Whether the history's file could be written; 1 where there is none."
        )
        self.history_writable.set(1)
        self.log_lines_lost = self._counter(
            "token_exporter_log_lines_lost", "Log lines that standard error did not take, or not fast enough."
        )
        self.internal_errors = self._counter(
            "token_exporter_internal_errors", "Attempts that ended in an error of the exporter itself."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return self._kept(Counter(name, text, labels, registry=self._registry), labels)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return self._kept(Gauge(name, text, labels, registry=self._registry), labels)

    def _histogram(self, name: str, text: str, *labels: str, buckets: Iterable[float]) -> Histogram:
        return self._kept(Histogram(name, text, labels, buckets=tuple(buckets), registry=self._registry), labels)

    def _summary(self, name: str, text: str, *labels: str) -> Summary:
        return self._kept(Summary(name, text, labels, registry=self._registry), labels)

    def _kept(self, family: Family, labels: tuple[str, ...]) -> Family:
        if labels:
            self._touched[family] = set()
        if "target" in labels:
            self._by_target.append(family)
        return family
