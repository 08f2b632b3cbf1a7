"""Tables for people."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exporter.catalogue import Reason, Side
from exporter.durations import milliseconds, span
from exporter.explain import Explanation
from exporter.history import Entry
from exporter.model import ProbeResult
from exporter.report import advice, fields, verdict
from exporter.status import Level, State, TargetStatus, service_statuses, worst_first

PIPE_WIDTH = 200
"""Columns where nobody watches: a file or a pipe has no edge to fold lines at."""


def console() -> Console:
    """Standard output; colours only on a terminal, and there only without NO_COLOR."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_results(results: Iterable[ProbeResult], out: Console) -> None:
    """Prints one line a result, failures first, and under the table what to make of each failure."""
    listed = sorted(results, key=lambda result: (result.outcome.success, _tried(result)))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("TARGET", overflow="fold")
    table.add_column("RESULT", overflow="fold")
    table.add_column("SIDE")
    table.add_column("HTTP", justify="right")
    table.add_column("SECONDS", justify="right")
    for result in listed:
        table.add_row(*_row(result))
    out.print(table)
    for result in listed:
        for line in _remarks(result):
            out.print(Text(line), soft_wrap=True)
    failed = sum(not result.outcome.success for result in listed)
    out.print(f"\n{len(listed) - failed} of {len(listed)} probes succeeded", style="red" if failed else "green")


def print_explanation(explanation: Explanation, out: Console) -> None:
    """Prints what was read and what each code means."""
    refusal = explanation.refusal
    for entry in explanation.entries:
        out.print(Text(f"{entry.code} {entry.name}" if entry.name != entry.code else entry.code, "bold"))
        out.print(Text(f"  {entry.meaning}"), soft_wrap=True)
        out.print(Text(f"  What to do: {entry.action}"), soft_wrap=True)
        out.print(Text(f"  Category: {entry.category}, side: {entry.category.side}"), soft_wrap=True)
    for name, hint in explanation.faults.items():
        out.print(Text(name, "bold"))
        out.print(Text(f"  {hint.meaning}"), soft_wrap=True)
        out.print(Text(f"  What to do: {hint.action}"), soft_wrap=True)
    for code in explanation.unknown_codes():
        out.print(Text(f"{code} is not in the catalogue", "bold"))
    if explanation.empty:
        out.print("No error code, no OAuth error value and no fault of an attempt found.")
    said = {name: getattr(refusal, name) for name in ("error", "suberror", "trace_id", "correlation_id", "timestamp")}
    for name, value in said.items():
        if value:
            out.print(Text(f"{name}: {value}"), soft_wrap=True)
    if [explanation.category] != [entry.category for entry in explanation.entries] and explanation.category:
        out.print(Text(f"Taken together: {explanation.category}, side: {explanation.side}"), soft_wrap=True)


_LEVELS = {Level.DANGER: "bold red", Level.WARNING: "yellow", Level.GOOD: "green", Level.UNKNOWN: "dim"}
_STATES = {
    State.OUTAGE: "bold white on red",
    State.FAILING: "yellow",
    State.STALLED: "blue",
    State.UNSTEADY: "yellow",
    State.WAITING: "dim",
    State.OK: "green",
}
_SIDES: Mapping[str, str] = {Side.PROVIDER: "red", Side.NETWORK: "magenta", Side.PROBER: "blue"}


@contextmanager
def live_status(out: Console) -> Iterator[Callable[[Sequence[TargetStatus], float], None] | None]:
    """What draws the status table anew in its place, while the block runs; None where nobody watches."""
    if not out.is_terminal:
        yield None
        return
    with Live(console=out, auto_refresh=False) as live:
        yield lambda statuses, now: live.update(status_table(statuses, now), refresh=True)


def status_table(statuses: Sequence[TargetStatus], now: float) -> RenderableType:
    """How things stand: a sentence for each service, then the targets, the most worrying first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("STATE", "TARGET", "LAST FAILURE", "SIDE", "SINCE"):
        table.add_column(heading, overflow="fold")
    for heading in ("ATTEMPTS", "FAILED", "P95"):
        table.add_column(heading, justify="right")
    for status in worst_first(statuses):
        table.add_row(*_status_row(status, now))
    sentences = (Text(f"{s.name}: {s.sentence}", _LEVELS[s.level]) for s in service_statuses(statuses))
    return Group(*sentences, "", table)


def _status_row(status: TargetStatus, now: float) -> tuple[Text, ...]:
    failure, minutes = status.failure, status.standing.minutes if status.standing else ()
    return (
        Text(f" {status.state} ", _STATES[status.state]),
        Text(status.target.name),
        Text(_named(failure) if failure else ""),
        Text(status.side, _SIDES.get(status.side, "yellow")),
        Text("" if status.since is None else span(now - status.since)),
        Text(str(sum(attempts for attempts, _ in minutes))),
        Text(str(sum(failures for _, failures in minutes))),
        Text(milliseconds(status.latency(0.95))),
    )


def _named(failure: Entry) -> str:
    values = failure.values
    return f"{values['code']} {values['name'] or ''}" if values["code"] else f"{values['stage']}: {values['reason']}"


def _row(result: ProbeResult) -> tuple[Text, ...]:
    failure = result.outcome.failure
    style = "red" if failure else "green"
    return (
        Text("FAIL" if failure else "ok", style),
        Text(_tried(result)),
        Text(verdict(result), style),
        Text(failure.side if failure else ""),
        Text(str(result.evidence.status or "")),
        Text(f"{result.duration:.3f}"),
    )


def _tried(result: ProbeResult) -> str:
    return f"{result.target.name} (next)" if result.target.is_rotated else result.target.name


def _remarks(result: ProbeResult) -> Iterator[str]:
    failure, refusal = result.outcome.failure, result.outcome.refusal
    if failure is not None:
        meaning, action = advice(failure, refusal)
        yield f"\n{_tried(result)}: {failure.category}. {meaning}"
        yield f"  {action}"
        if failure.fault.reason is Reason.SECRET_UNREADABLE:
            yield f"  {result.evidence.body}"
        values = fields(result)
        ids = (f"{name.replace('_', ' ')} {values[name]}" for name in ("trace_id", "correlation_id") if values[name])
        yield "  " + ", ".join((*ids, f"at {values['started_at']}"))
    for departure in result.outcome.departures:
        yield f"\n{_tried(result)}: the server departs from the standard: {departure.sentence}"
