"""The pages that people read: rendered on the server, escaped; a script only shows them anew."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

import jinja2

from exporter import __version__
from exporter.durations import milliseconds, show_duration, span
from exporter.explain import Explanation
from exporter.history import Entry
from exporter.report import timestamp
from exporter.status import State, TargetDetail, TargetStatus, clock_time, matching, service_statuses, worst_first
from exporter.web.pictures import segments, strip

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("exporter.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["version"] = __version__
_TEMPLATES.filters["timestamp"] = timestamp
_TEMPLATES.filters["clock_time"] = clock_time
_TEMPLATES.filters["span"] = span
_TEMPLATES.filters["duration"] = show_duration
_TEMPLATES.filters["milliseconds"] = milliseconds
_TEMPLATES.filters["strip"] = strip
_TEMPLATES.filters["segments"] = segments


def _asset(name: str) -> str:
    return files("exporter.web").joinpath("templates", name).read_text(encoding="utf-8")


ASSETS: Mapping[str, tuple[str, str]] = {
    name: (_asset(name), content_type)
    for name, content_type in (
        ("style.css", "text/css"),
        ("refresh.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    )
}
"""What the pages load, with its content type."""

PAGE_SIZE = 200
"""Targets on one page."""

MOST_RECENT = 40
"""Attempts that a target's page lists."""


def overview(statuses: Sequence[TargetStatus], now: float, wanted: str, number: int) -> str:
    """The page at `/`: what is wrong, and how every target stands; a part of them where something is wanted."""
    listed = worst_first(matching(statuses, wanted))
    last = max(1, -(-len(listed) // PAGE_SIZE))
    number = min(number, last)
    return _TEMPLATES.get_template("overview.html").render(
        now=now,
        services=service_statuses(statuses),
        counts=Counter(status.state for status in statuses),
        states=tuple(State),
        statuses=listed[(number - 1) * PAGE_SIZE : number * PAGE_SIZE],
        found=len(listed),
        total=len(statuses),
        wanted=wanted,
        number=number,
        last=last,
    )


def target(detail: TargetDetail, now: float) -> str:
    """The page at `/targets/NAME`: everything that is known of one target."""
    return _TEMPLATES.get_template("target.html").render(
        now=now, detail=detail, status=detail.status, most_recent=MOST_RECENT
    )


def failures(entries: Iterable[Entry], wanted: str) -> str:
    """The page at `/failures`: what failed lately, newest first; what was looked for."""
    return _TEMPLATES.get_template("failures.html").render(entries=tuple(entries), wanted=wanted)


def failure(entry: Entry) -> str:
    """The page at `/failures/ID`: everything that is known of one failure."""
    return _TEMPLATES.get_template("failure.html").render(entry=entry)


def code(explanation: Explanation) -> str:
    """The page at `/codes/CODE`: what a code means and what to do."""
    return _TEMPLATES.get_template("code.html").render(explanation=explanation)
