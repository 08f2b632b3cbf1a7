"""The exporter's own HTTP side."""

from exporter.web.connections import Limits
from exporter.web.evidence import Records
from exporter.web.lifecycle import Reload
from exporter.web.probe import ProbeReport
from exporter.web.protection import Protection
from exporter.web.server import Listener, Ports, make_app
from exporter.web.status import Standings

__all__ = ["Limits", "Listener", "Ports", "ProbeReport", "Protection", "Records", "Reload", "Standings", "make_app"]
