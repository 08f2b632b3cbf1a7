"""The support ticket: what fails since when and how often, the ids to hand over, and what else is affected."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.catalogue import code_entry
from exporter.history import Entry, Tally
from exporter.minutes import COUNTED_MINUTES
from exporter.report import timestamp

FORMATS = ("md", "json", "csv")
MAX_ROWS = 50
"""Attempts that a ticket lists; the counts are of all."""

COLUMNS = (
    "started_at",
    "target",
    "code",
    "error",
    "suberror",
    "status",
    "trace_id",
    "correlation_id",
    "request_id",
    "timestamp",
    "server",
    "address",
    "tenant",
    "client_id",
    "endpoint",
    "stage",
    "reason",
    "duration_seconds",
    "clock_difference_seconds",
)
"""What a support engineer asks for of each attempt."""

_SHOWN = ("started_at", "target", "code", "status", "trace_id", "correlation_id", "server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Failures of one kind. Moments in Unix time; tallies by target since `since`, to the minute.

    `failures` and `others` are those that are kept; the tallies count all.
    """

    code: str
    target: str
    since: float
    until: float
    failures: tuple[Entry, ...]
    tallies: Mapping[str, Tally]
    others: tuple[Entry, ...]

    @property
    def affected(self) -> tuple[str, ...]:
        """The targets that failed in this way."""
        return tuple(sorted({entry.target for entry in self.failures}))

    @property
    def otherwise_affected(self) -> tuple[str, ...]:
        """The targets that failed in another way only."""
        return tuple(sorted({entry.target for entry in self.others} - set(self.affected)))

    @property
    def healthy(self) -> tuple[str, ...]:
        """The targets that were attempted and did not fail."""
        return tuple(sorted(name for name, tally in self.tallies.items() if tally.attempts and not tally.failures))

    @property
    def count(self) -> int:
        """How many failures of this kind there were, kept or not."""
        tallies = [self.tallies[name] for name in self.affected if name in self.tallies]
        counted = sum(tally.codes.get(self.code, 0) if self.code else tally.failures for tally in tallies)
        return counted or len(self.failures)

    @property
    def attempts(self) -> int:
        """How many attempts the affected targets made."""
        return sum(self.tallies[name].attempts for name in self.affected if name in self.tallies)


def make_ticket(
    failures: Iterable[Entry], tallies: Mapping[str, Tally], *, code: str, target: str, since: float, until: float
) -> Ticket:
    """Sorts what failed since a moment into what the ticket is about and what else there was. Newest first.

    `code` is an error code or an OAuth error value.
    """
    listed = tuple(failures)
    about = tuple(
        e
        for e in listed
        if (not code or code in {e.values["code"], e.values.get("error")}) and (not target or e.target == target)
    )
    ids = {entry.id for entry in about}
    others = tuple(entry for entry in listed if entry.id not in ids)
    return Ticket(code=code, target=target, since=since, until=until, failures=about, tallies=tallies, others=others)


def render(ticket: Ticket, form: str) -> str:
    """The ticket as Markdown, JSON or CSV."""
    return {"md": _markdown, "json": _json, "csv": _csv}[form](ticket)


def _rows(ticket: Ticket) -> list[dict[str, Any]]:
    return [{name: entry.values.get(name) for name in COLUMNS} for entry in ticket.failures[:MAX_ROWS]]


def _json(ticket: Ticket) -> str:
    first, last = _span(ticket)
    document = {
        "code": ticket.code or None,
        "target": ticket.target or None,
        "since": timestamp(ticket.since),
        "until": timestamp(ticket.until),
        "failures": ticket.count,
        "kept": len(ticket.failures),
        "attempts": ticket.attempts,
        "first_failure": first,
        "last_failure": last,
        "affected": ticket.affected,
        "otherwise_affected": ticket.otherwise_affected,
        "healthy": ticket.healthy,
        "rows": _rows(ticket),
    }
    return json.dumps(document, indent=2) + "\n"


def _csv(ticket: Ticket) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in _rows(ticket))
    return out.getvalue()


def _inert(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value


def _span(ticket: Ticket) -> tuple[str | None, str | None]:
    if not ticket.failures:
        return None, None
    return timestamp(ticket.failures[-1].started_at), timestamp(ticket.failures[0].started_at)


def _markdown(ticket: Ticket) -> str:
    subject = ticket.code or "Failed token requests"
    entry = code_entry(ticket.code) if ticket.code else None
    first, last = _span(ticket)
    lines = [f"# {_cell(subject)}{f' {entry.name}' if entry else ''}", ""]
    if entry is not None:
        lines += [entry.meaning, ""]
    if not ticket.failures:
        return "\n".join([*lines, f"No such failure since {timestamp(ticket.since)}.", ""])
    lines += [
        f"- **What**: {ticket.count} of {ticket.attempts} token requests of the affected targets failed"
        + _counted(ticket),
        f"- **When**: since {first}{_earlier(ticket)}, last {last} (UTC; looked at since {timestamp(ticket.since)})",
        f"- **Affected**: {_names(ticket.affected)}",
        f"- **Failing otherwise**: {_names(ticket.otherwise_affected)}",
        f"- **Not affected**: {_names(ticket.healthy)}",
        *_identities(ticket),
        "",
        f"## Requests (the newest {min(len(ticket.failures), MAX_ROWS)} of {ticket.count})",
        "",
        "| UTC | target | code | HTTP | trace id | correlation id | server |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(_cell(row[name]) for name in _SHOWN) + " |" for row in _rows(ticket)]
    return "\n".join([*lines, ""])


def _earlier(ticket: Ticket) -> str:
    return " or earlier" if ticket.count > len(ticket.failures) else ""


def _counted(ticket: Ticket) -> str:
    """Since when attempts are counted, where that is later than what the ticket looks at."""
    begin = ticket.until - COUNTED_MINUTES * 60
    return f" since {timestamp(begin)}" if begin > ticket.since else ""


def _identities(ticket: Ticket) -> list[str]:
    """One line for each tenant, client and endpoint that failed; what a target does not have is left out."""
    headings = {"tenant": "Tenant", "client_id": "client", "endpoint": "endpoint"}
    lines = (
        ", ".join(f"**{heading}** {_cell(e.values[name])}" for name, heading in headings.items() if e.values.get(name))
        for e in ticket.failures
    )
    return [f"- {line}" for line in dict.fromkeys(lines)]


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _cell(value: object) -> str:
    """A value that cannot leave its cell."""
    text = "" if value is None else str(value)
    return "".join("\\" + c if c in "|`*_[]<>\\" else " " if c == "\n" else c for c in text)
