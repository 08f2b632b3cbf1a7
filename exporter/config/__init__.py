"""YAML to a frozen Config, with every problem listed at once."""

from exporter.config.load import load_config, parse_config
from exporter.config.schema import json_schema

__all__ = ["json_schema", "load_config", "parse_config"]
