"""An Entra-shaped token service to probe, to demonstrate with, and to rehearse outages on."""

from exporter.simulator.scenario import QUIET, Scenario, load_scenario, parse_scenario
from exporter.simulator.server import Simulator

__all__ = ["QUIET", "Scenario", "Simulator", "load_scenario", "parse_scenario"]
