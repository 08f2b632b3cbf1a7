"""The series of /metrics."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from exporter.catalogue import (
    FAILURE_CATEGORIES,
    WATCHED_ERRORS,
    Category,
    Phase,
    Reason,
    Skip,
    Stage,
)
from exporter.metrics.codes import CodeSeries
from exporter.metrics.credentials import CredentialSeries
from exporter.metrics.families import Families
from exporter.metrics.holding import Holding, held_up
from exporter.metrics.labels import OTHER, error_label
from exporter.metrics.possible import possible_faults
from exporter.model import DRILL_TARGET, Evidence, Exchange, Outcome, ProbeResult, Target
from exporter.providers import PROVIDERS
from exporter.shard import Shard
from exporter.windows import Windows

_EXEMPLAR = re.compile(r"[A-Za-z0-9_.:-]{1,48}")
"""What an id must look like to be an exemplar: with both ids and their names it stays within 128 characters."""


@dataclass(slots=True)
class _Watched:
    """What is remembered of one target between its results."""

    target: Target
    consecutive_failures: int = 0
    signing_keys: frozenset[str] | None = None
    errors: Windows[tuple[str, str]] = field(default_factory=Windows)
    failures: Windows[Category] = field(default_factory=Windows)


class Recorder(Holding):
    """Holds every series of /metrics; the registry is an argument, so that tests and replays have their own.

    Whatever changes series while they are held, waits, and happens in its order afterwards.
    """

    def __init__(self, registry: CollectorRegistry, targets: Iterable[Target]) -> None:
        super().__init__()
        self._targets: dict[str, _Watched] = {}
        self._families = Families(registry)
        self._series = self._families.series
        self.touched = self._families.touched
        self._codes = CodeSeries(self._families)
        self._credentials = CredentialSeries(self._families)
        self.retarget(targets)

    @held_up
    def record(self, result: ProbeResult) -> None:
        """Counts one finished attempt."""
        name, outcome = result.target.name, result.outcome
        if name not in self._targets:
            return
        self._series(self._families.attempts, name).inc()
        self._series(self._families.last_attempt, name).set(result.started_at)
        self._series(self._families.success, name).set(outcome.success)
        if not result.disturbed:
            self._time(result)
        if result.exchange.certificate_expiry is not None:
            self._series(self._families.certificate_expiry, name).set(result.exchange.certificate_expiry)
        if result.evidence.clock_difference is not None:
            self._series(self._families.clock_skew, name).set(result.evidence.clock_difference)
        self._credentials.record(result)
        if outcome.signing_keys is not None:
            self._record_keys(name, outcome.signing_keys, result.started_at)
        if outcome.success:
            self._record_success(result)
        else:
            self._record_failure(result)

    def _record_keys(self, name: str, keys: frozenset[str], now: float) -> None:
        """Counts a provider's keys; what the first sight shows is no rollover, or every restart would look like one."""
        before, self._targets[name].signing_keys = self._targets[name].signing_keys, keys
        self._series(self._families.jwks_keys, name).set(len(keys))
        if before is not None and keys != before:
            self._series(self._families.jwks_last_rollover, name).set(now)

    def _time(self, result: ProbeResult) -> None:
        name = result.target.name
        duration = self._series(self._families.duration, name, "success" if result.outcome.success else "failure")
        duration.observe(result.duration, _exemplar(result))
        for phase, seconds in result.exchange.phases.items():
            self._series(self._families.phases, name, phase).observe(seconds)

    def _slide_windows(self, name: str, category: Category | None, code: tuple[str, str] | None) -> None:
        """Moves the windows of the last attempts on by one attempt, which failed in this way, if it failed."""
        watched = self._targets[name]
        for kind, size, count in watched.failures.add(category):
            self._series(self._families.window_failures, name, kind.side, kind, str(size)).set(count)
        for (said, meant), size, count in watched.errors.add(code):
            self._series(self._families.window_errors, name, said, meant, str(size)).set(count)

    def _record_success(self, result: ProbeResult) -> None:
        name = result.target.name
        self._targets[name].consecutive_failures = 0
        self._series(self._families.consecutive_failures, name).set(0)
        self._series(self._families.last_success, name).set(result.started_at)
        self._slide_windows(name, None, None)
        if result.outcome.token_lifetime is not None:
            self._series(self._families.token_lifetime, name).set(result.outcome.token_lifetime)

    def _record_failure(self, result: ProbeResult) -> None:
        name, failure, refusal = result.target.name, result.outcome.failure, result.outcome.refusal
        if failure is None:
            return
        watched = self._targets[name]
        watched.consecutive_failures += 1
        self._series(self._families.consecutive_failures, name).set(watched.consecutive_failures)
        self._series(self._families.failures, name, failure.side, failure.category).inc()
        code = self._codes.labels(name, refusal.code) if refusal and refusal.code else None
        self._slide_windows(name, failure.category, code)
        if refusal is None:
            self._series(self._families.transport_failures, name, failure.fault.stage, failure.fault.reason).inc()
            return
        if code is not None:
            self._series(self._families.errors, name, *code).inc(1, _exemplar(result))
            self._series(self._families.code_last_seen, name, code[0]).set(result.started_at)
        if refusal.error:
            self._series(self._families.oauth_errors, name, error_label(refusal.error)).inc()

    @held_up
    def restore_code(self, name: str, code: str | None, moment: float) -> None:
        """A target failed with a code in an earlier run, at this Unix time."""
        if name in self._targets and code:
            label, _ = self._codes.labels(name, code)
            self._series(self._families.code_last_seen, name, label).set(moment)

    @held_up
    def confirmed(self, result: ProbeResult) -> None:
        """An extra attempt was made to be sure; it counts as nothing else."""
        outcome = "success" if result.outcome.success else "failure"
        self._series(self._families.confirmations, result.target.name, outcome).inc()

    @held_up
    def rotated(self, result: ProbeResult) -> None:
        """An attempt was made with a target's next credential; it counts in the series of that alone."""
        if result.target.name in self._targets:
            self._credentials.record(result)

    @held_up
    def tested(self, target: Target, evidence: float, *, certain: bool) -> None:
        """What the sequential test makes of a target: the evidence for an outage, and the verdict."""
        self._series(self._families.outage_evidence, target.name).set(evidence)
        self._series(self._families.outage, target.name).set(certain)

    @held_up
    def scheduled(self, target: Target, next_attempt: float) -> None:
        """The target's next attempt, in Unix time."""
        self._series(self._families.next_attempt, target.name).set(next_attempt)

    @held_up
    def started(self, delay: float) -> None:
        """An attempt began so many seconds after it was due."""
        self._families.start_delay.observe(delay)

    @held_up
    def skipped(self, target: Target, reason: Skip, count: int) -> None:
        """So many attempts were not made."""
        self._series(self._families.skipped, target.name, reason).inc(count)

    @held_up
    def extra_crashed(self) -> None:
        """An attempt beside the timetable ended in an error of ours."""
        self._families.internal_errors.inc()

    @held_up
    def crashed(self, target: Target, at: float) -> None:
        """An attempt ended in an error of ours, which is a failure on the prober's side."""
        self._families.internal_errors.inc()
        self.record(
            ProbeResult(
                target=target,
                started_at=at,
                duration=0.0,
                outcome=Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.INTERNAL),
                evidence=Evidence(endpoint=target.endpoint.url, request_id=""),
                exchange=Exchange(),
            )
        )

    @held_up
    def loop_lagged(self, seconds: float) -> None:
        """The event loop came back so many seconds late."""
        self._families.event_loop_lag.observe(seconds)

    def history_writable(self, writable: bool) -> None:
        """The history's file could, or could not, be written.

        Called by the archive's thread, and waits for nothing: one number on its own is always whole.
        """
        self._families.history_writable.set(writable)

    def log_line_lost(self) -> None:
        """A log line could not be written. Called by any thread, and waits for nothing, as `history_writable`."""
        self._families.log_lines_lost.inc()

    @held_up
    def config_loaded(self, now: float) -> None:
        """A config was read without a problem."""
        self._families.reload_successful.set(1)
        self._families.reload_timestamp.set(now)

    @held_up
    def config_refused(self) -> None:
        """A config was read that has problems; the one before goes on."""
        self._families.reload_successful.set(0)

    @held_up
    def sharded(self, shard: Shard, configured: int) -> None:
        """Which exporter this is of how many, and how many targets are to be probed by all of them."""
        self._series(self._families.shard_info, str(shard.index), str(shard.count)).set(1)
        self._families.configured_targets.set(configured)

    @held_up
    def watch(self, target: Target) -> None:
        """Makes every series of a target that can be known before it is needed."""
        name = target.name
        self._targets[name] = _Watched(target)
        self._series(self._families.attempts, name)
        self._series(self._families.consecutive_failures, name)
        self._watch_failures(target)
        for skip in Skip:
            self._series(self._families.skipped, name, skip)
        for outcome in ("success", "failure"):
            self._series(self._families.duration, name, outcome)
            self._series(self._families.confirmations, name, outcome)
        self.tested(target, 0.0, certain=False)
        for phase in Phase:
            self._series(self._families.phases, name, phase)
        self._series(self._families.interval, name).set(target.interval)
        self._credentials.watch(target)
        self._inform(target)

    @held_up
    def retarget(self, targets: Iterable[Target]) -> None:
        """Watches these targets from now on: series of those that went or changed end, all others go on."""
        listed = {target.name: target for target in targets}
        own_labels = tuple(sorted({name for target in listed.values() for name, _ in target.labels}))
        for name, watched in tuple(self._targets.items()):
            if name != DRILL_TARGET and listed.get(name) != watched.target:
                self.forget(name)
        if own_labels != self._families.own_labels:
            self._families.relabel(own_labels)
            for watched in self._targets.values():
                self._inform(watched.target)
        for target in listed.values():
            if target.name not in self._targets:
                self.watch(target)
        self._families.target_count.set(len(listed))

    def _inform(self, target: Target) -> None:
        stated = dict(target.labels)
        own = (stated.get(label, "") for label in self._families.own_labels)
        self._series(self._families.info, *_identity(target), *own).set(1)

    def _watch_failures(self, target: Target) -> None:
        name = target.name
        for category in FAILURE_CATEGORIES:
            self._series(self._families.failures, name, category.side, category)
        for code in (*PROVIDERS[target.provider].watched, *target.watch, *sorted(target.expect.codes)):
            self._series(self._families.errors, name, *self._codes.describe(name, code))
        for error in (*WATCHED_ERRORS, OTHER):
            self._series(self._families.oauth_errors, name, error)
        for stage, reason in possible_faults(target):
            self._series(self._families.transport_failures, name, stage, reason)

    @held_up
    def forget(self, name: str) -> None:
        """Ends every series of a target, and of the codes that no other target has."""
        self._targets.pop(name, None)
        self._families.forget(name)
        self._codes.forget(name)


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
