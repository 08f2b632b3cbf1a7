"""The pages that people read: rendered on the server, escaped, without a script."""

from collections.abc import Iterable
from importlib.resources import files

import jinja2

from exporter import __version__
from exporter.explain import Explanation
from exporter.history import Entry
from exporter.model import Target
from exporter.report import timestamp

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("exporter.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["version"] = __version__
_TEMPLATES.filters["timestamp"] = timestamp

STYLE = files("exporter.web").joinpath("templates", "style.css").read_text(encoding="utf-8")


def landing(targets: Iterable[Target]) -> str:
    """The page at `/`: where everything is."""
    return _TEMPLATES.get_template("landing.html").render(targets=tuple(targets))


def failures(entries: Iterable[Entry]) -> str:
    """The page at `/failures`: what failed lately, newest first."""
    return _TEMPLATES.get_template("failures.html").render(entries=tuple(entries))


def failure(entry: Entry) -> str:
    """The page at `/failures/ID`: everything that is known of one failure."""
    return _TEMPLATES.get_template("failure.html").render(entry=entry)


def code(explanation: Explanation) -> str:
    """The page at `/codes/CODE`: what a code means and what to do."""
    return _TEMPLATES.get_template("code.html").render(explanation=explanation)
