"""The series of one attempt on demand, for `/probe`."""

from prometheus_client import CollectorRegistry, Gauge

from exporter.catalogue import Phase
from exporter.metrics.labels import child, error_label
from exporter.model import ProbeResult


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
        child(phases, phase).set(exchange.phases.get(phase, 0.0))
    if outcome.failure is not None:
        verdict = Gauge(
            "token_probe_failure_info",
            "Why the probe failed; always 1.",
            ("side", "category", "stage", "reason", "code", "error"),
            registry=registry,
        )
        failure, refusal = outcome.failure, outcome.refusal
        code = (refusal.code if refusal else None) or ""
        error = error_label(refusal.error) if refusal and refusal.error else ""
        fault = failure.fault
        child(verdict, failure.side, failure.category, fault.stage, fault.reason, code, error).set(1)
    return registry
