"""What must hold whatever happens: each function tells, in words, what does not. The numbers are those of issue 8."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from soak.figures import Faults, Figures, Held, Kept, Note

GRACE = 0.25
"""Seconds that an attempt may take beyond its timeout."""

MOST_GROWTH = 20 << 20
"""Bytes by which the process may grow once it is warm."""

STOOD_STILL = "1.0"
"""Seconds of lag, as a bucket names them, after which an attempt may have been missed."""

OF_A_CODE, OF_A_KIND = 4, 2
"""Series that a code, and a kind of failure, add to a target's."""


def miscounted(now: Figures, stalled: Mapping[str, int]) -> Iterator[str]:
    """I1: each attempt of a target has one outcome. Durations are missing of attempts that a stall disturbed."""
    for target in now.targets():
        attempts, failures, refused, broken, timed = (
            now.total(f"token_probe_{name}", target=target)
            for name in (
                "attempts_total",
                "failures_total",
                "oauth_errors_total",
                "transport_failures_total",
                "duration_seconds_count",
            )
        )
        if failures != refused + broken:
            yield f"I1: {target} failed {failures:g} times, for {refused:g} + {broken:g} reasons"
        if failures > attempts:
            yield f"I1: {target} failed {failures:g} times in {attempts:g} attempts"
        if not 0 <= attempts - timed <= stalled.get(target, 0):
            yield f"I1: {target} made {attempts:g} attempts, of which {timed:g} have a duration"
        if now.total("token_probe_success", target=target) and now.total(
            "token_probe_consecutive_failures", target=target
        ):
            yield f"I1: {target} succeeds and fails"


def unaccounted(now: Figures, kept: Mapping[str, Kept]) -> Iterator[str]:
    """I1: what is counted is what the history has."""
    for target, had in kept.items():
        counted = Kept(
            int(now.total("token_probe_attempts_total", target=target)),
            int(now.total("token_probe_failures_total", target=target)),
        )
        if counted != had:
            yield f"I1: {target} is counted as {counted}, the history has {had}"


def overdue(notes: Iterable[Note]) -> Iterator[str]:
    """I2: no attempt takes longer than its timeout, but for what the machine gave it no core."""
    for note in notes:
        if note.seconds - note.lost > note.timeout + GRACE and not note.stalled:
            yield f"I2: an attempt of {note.target} took {note.seconds:.3f} s, of {note.timeout:g} s"


def leaked(sink: str, content: bytes, canaries: Iterable[bytes]) -> Iterator[str]:
    """I3: no secret is shown anywhere, however it is spelt."""
    if any(canary in content for canary in canaries):
        yield f"I3: a secret in {sink}"


def overgrown(now: Figures, first: Figures, bounds: Mapping[str, int]) -> Iterator[str]:
    """I4: there are no more series than documented. `bounds` are those of each target before it failed at all."""
    for target in now.targets():
        series = len(now.of(target))
        codes = len(now.named("token_probe_code_last_seen_timestamp_seconds", target=target))
        kinds = len({sample.labels["category"] for sample in now.named("token_probe_window_failures", target=target)})
        if series > (most := bounds[target] + OF_A_CODE * codes + OF_A_KIND * kinds):
            yield f"I4: {target} has {series} series, with {codes} codes and {kinds} kinds of failure: more than {most}"
    explained = {sample.labels["code"] for sample in now.named("token_probe_errors_total")}
    described = {sample.labels["code"] for sample in now.named("token_error_info")}
    if strays := described - explained - {sample.labels["code"] for sample in first.named("token_error_info")}:
        yield f"I4: {len(strays)} codes are described that no target has: {sorted(strays)[:3]}"
    if (own := _own(now)) > _own(first):
        yield f"I4: the exporter's own series grew from {_own(first)} to {own}"


def _own(figures: Figures) -> int:
    """Series of no target and no code."""
    return sum(
        "target" not in sample.labels
        for name, samples in figures.samples.items()
        if name != "token_error_info"
        for sample in samples
    )


def is_excused(note: Note, faults: Faults) -> bool:
    """Whether an attempt of a target that is well may fail: by a fault of the machine, and told as such."""
    if note.side == "prober":
        return note.stalled or any(begin <= note.ended <= end for begin, end in faults.starved)
    return note.side == "network" and any(
        begin <= note.ended and note.ended - note.seconds <= end for begin, end in faults.late
    )


def unwell(now: Figures, excused: Mapping[str, int], healthy: Collection[str]) -> Iterator[str]:
    """I5: what others meet is not felt: no target that is well fails more often than is excused."""
    for target in healthy:
        failures = now.total("token_probe_failures_total", target=target)
        if failures > excused.get(target, 0):
            yield f"I5: {target} failed {failures:g} times, of which {excused.get(target, 0)} are excused"


def skipped(now: Figures, before: Figures, healthy: Collection[str]) -> Iterator[str]:
    """I5: nothing that is due is left out, unless the loop stood still for longer than most intervals."""
    if _stood_still(now) > _stood_still(before):
        return
    for target in healthy:
        metric = "token_probe_skipped_total"
        if more := now.total(metric, target=target) - before.total(metric, target=target):
            yield f"I5: {target} was skipped {more:g} times"


def _stood_still(figures: Figures) -> float:
    metric = "token_exporter_event_loop_lag_seconds"
    return figures.total(f"{metric}_count") - figures.total(f"{metric}_bucket", le=STOOD_STILL)


def unpunctual(now: Figures, first: Figures, healthy: Collection[str]) -> Iterator[str]:
    """I5: no attempt is lost: each tick of the schedule is an attempt or a skip."""
    for target in healthy:
        attempts, left_out, passed = (
            now.total(f"token_probe_{name}", target=target) - first.total(f"token_probe_{name}", target=target)
            for name in ("attempts_total", "skipped_total", "last_attempt_timestamp_seconds")
        )
        due = passed / now.total("token_probe_interval_seconds", target=target)
        if abs(attempts + left_out - due) > 1:
            yield f"I5: {target} was due {due:.1f} times, attempted {attempts:g} times and skipped {left_out:g} times"


def misattributed(now: Figures, excused: Mapping[str, int], own: Collection[str]) -> Iterator[str]:
    """I8: of targets whose provider is well all failures are the prober's own, but for what our servers excuse."""
    for target in own:
        failures = now.named("token_probe_failures_total", target=target)
        others = sum(failed.value for failed in failures if failed.labels["side"] != "prober")
        if others > excused.get(target, 0):
            sides = {failed.labels["side"] for failed in failures if failed.value}
            yield f"I8: {target} failed {others:g} times by no fault of our own, but on the side of {sorted(sides)}"


def swollen(now: int, warm: int) -> Iterator[str]:
    """I6: memory stays as it is."""
    if now - warm > MOST_GROWTH:
        yield f"I6: memory grew by {(now - warm) >> 20} MiB"


def left_over(end: Held, start: Held) -> Iterator[str]:
    """I7: no task, thread or descriptor is there that was not at the start."""
    for kind, now, before in (
        ("descriptors", end.descriptors, start.descriptors),
        ("tasks", end.tasks, start.tasks),
        ("threads", end.threads, start.threads),
    ):
        if more := now - before:
            yield f"I7: {more.total()} {kind} are left: {dict(more)}"
