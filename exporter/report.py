"""One result in words and in fields: for the log, the terminal, and whoever asks for the conversation."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exporter.catalogue import Phase, Reason, code_entry, errors, hints
from exporter.interpret import PENDING
from exporter.model import MASK, ErrorResponse, Failure, ProbeResult, Secret, TokenRequest

_WELL: Mapping[str, str] = {"discovery": "metadata sound", "jwks": "keys sound"}
"""What a success is called where no token is issued."""


def timestamp(seconds: float) -> str:
    """A Unix time in RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fields(result: ProbeResult) -> dict[str, Any]:
    """Everything that is known of one attempt, as plain values; None is unknown."""
    outcome, evidence = result.outcome, result.evidence
    failure, refusal = outcome.failure, outcome.refusal
    code = refusal.code if refusal else None
    entry = code_entry(code) if code else None
    meaning, action = advice(failure, refusal) if failure else (None, None)
    return {
        "target": result.target.name,
        "credential": result.target.credential and result.target.credential.label,
        "success": outcome.success,
        "started_at": timestamp(result.started_at),
        "duration_seconds": round(result.duration, 6),
        "side": failure and failure.side,
        "category": failure and failure.category,
        "stage": failure and failure.fault.stage,
        "reason": failure and failure.fault.reason,
        "status": evidence.status,
        "code": code,
        "name": entry and entry.name,
        "error": (refusal and refusal.error) or None,
        "suberror": (refusal and refusal.suberror) or None,
        "trace_id": _trace_id(result),
        "correlation_id": (refusal and refusal.correlation_id) or None,
        "timestamp": (refusal and refusal.timestamp) or None,
        "request_id": evidence.request_id,
        "endpoint": evidence.endpoint,
        "address": evidence.address or None,
        "server": evidence.server or None,
        "clock_difference_seconds": evidence.clock_difference and round(evidence.clock_difference, 1),
        "token_lifetime_seconds": outcome.token_lifetime,
        "certificate_expiry": result.exchange.certificate_expiry and timestamp(result.exchange.certificate_expiry),
        "tls_version": result.exchange.tls_version or None,
        "cipher": result.exchange.cipher or None,
        "phases_seconds": _phases(result),
        "departures": [departure.sentence for departure in outcome.departures],
        "meaning": meaning,
        "action": action,
    }


def fields_of_success(result: ProbeResult) -> dict[str, Any]:
    """What of `fields` is worth its memory of an attempt that nobody will complain about."""
    return {
        "duration_seconds": round(result.duration, 6),
        "status": result.evidence.status,
        "trace_id": _trace_id(result),
        "phases_seconds": _phases(result),
    }


def _trace_id(result: ProbeResult) -> str | None:
    refusal = result.outcome.refusal
    return (refusal and refusal.trace_id) or result.evidence.server_request_id or None


def _phases(result: ProbeResult) -> dict[Phase, float]:
    return {phase: round(result.exchange.phases.get(phase, 0.0), 6) for phase in Phase}


def log_fields(result: ProbeResult) -> dict[str, Any]:
    """What of a result belongs on one log line."""
    nested = {"success", "started_at", "phases_seconds", "departures", "name", "meaning", "action"}
    if not result.target.is_rotated:
        nested.add("credential")
    known = {name: value for name, value in fields(result).items() if value is not None and name not in nested}
    return known | ({"departures": ",".join(result.outcome.departures)} if result.outcome.departures else {})


def verdict(result: ProbeResult) -> str:
    """The outcome in a few words."""
    outcome = result.outcome
    if outcome.failure is None:
        if outcome.refusal is None:
            return _WELL.get(result.target.grant, "token issued")
        return "waits for its user" if outcome.refusal.error in PENDING.errors else "refused as expected"
    code = outcome.refusal.code if outcome.refusal else None
    entry = code_entry(code) if code else None
    if entry is not None:
        return f"{code} {entry.name}"
    fault = outcome.failure.fault
    return code or (outcome.refusal.error if outcome.refusal else "") or f"{fault.stage}: {fault.reason}"


def advice(failure: Failure, refusal: ErrorResponse | None) -> tuple[str, str]:
    """What a failure means and what to do, by its code, else its OAuth error value, else how far it got."""
    entry = code_entry(refusal.code) if refusal and refusal.code else errors().get(refusal.error) if refusal else None
    if failure.fault.reason is Reason.CODE_EXPIRED_EARLY:
        # In its place the code means what it never says by itself.
        entry = None
    known = entry or hints()[failure.fault.stage, failure.fault.reason]
    return known.meaning, known.action


def conversation(result: ProbeResult) -> str:
    """The request and the answer as text, every secret and token masked."""
    return "\n".join((*_request_lines(result.request), "", *_answer_lines(result), ""))


def _request_lines(request: TokenRequest | None) -> Iterator[str]:
    if request is None:
        yield "No request was sent."
        return
    yield f"{request.method} {request.url}"
    for name, value in request.headers:
        yield f"{name}: {_shown(value)}"
    for name, value in request.form or ():
        yield f"  {name} = {_shown(value)}"


def _answer_lines(result: ProbeResult) -> Iterator[str]:
    outcome, evidence = result.outcome, result.evidence
    yield f"Verdict: {verdict(result)}" + (
        f" ({outcome.failure.category}, side: {outcome.failure.side})" if outcome.failure else ""
    )
    if evidence.status is not None:
        yield f"HTTP status: {evidence.status}"
    for name, value in fields(result).items():
        if name in {"address", "server", "trace_id", "correlation_id", "timestamp", "error", "suberror"} and value:
            yield f"{name}: {value}"
    yield "phases: " + ", ".join(f"{phase} {result.exchange.phases.get(phase, 0.0):.4f}s" for phase in Phase)
    for departure in outcome.departures:
        yield f"departs from the standard: {departure.sentence}"
    if evidence.body:
        yield ""
        yield evidence.body


def _shown(value: str | Secret) -> str:
    return MASK if isinstance(value, Secret) else value
