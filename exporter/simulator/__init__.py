"""An Entra-shaped token service to probe, to demonstrate with, and to rehearse outages on."""

from exporter.simulator.refusals import Ids, Reply, refuse
from exporter.simulator.scenario import QUIET, Entry, Play, Scenario, load_scenario, parse_scenario
from exporter.simulator.server import Simulator

__all__ = [
    "QUIET",
    "Entry",
    "Ids",
    "Play",
    "Reply",
    "Scenario",
    "Simulator",
    "load_scenario",
    "parse_scenario",
    "refuse",
]
