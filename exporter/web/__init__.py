"""The exporter's own HTTP side."""

from exporter.web.evidence import Records
from exporter.web.lifecycle import Reload
from exporter.web.probe import ProbeReport
from exporter.web.server import Listener, Ports, make_app
from exporter.web.status import Standings

__all__ = ["Listener", "Ports", "ProbeReport", "Records", "Reload", "Standings", "make_app"]
