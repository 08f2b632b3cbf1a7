"""The pages that people read: rendered on the server, escaped, without a script."""

from collections.abc import Iterable
from importlib.resources import files

import jinja2

from exporter import __version__
from exporter.model import Target

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("exporter.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

STYLE = files("exporter.web").joinpath("templates", "style.css").read_text(encoding="utf-8")


def landing(targets: Iterable[Target]) -> str:
    """The page at `/`: where everything is."""
    return _TEMPLATES.get_template("landing.html").render(targets=tuple(targets), version=__version__)
