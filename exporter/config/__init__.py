"""YAML to a frozen Config, with every problem listed at once."""

from exporter.config.load import load_config, parse_config
from exporter.config.schema import json_schema
from exporter.config.web import load_web_config, parse_web_config

__all__ = ["json_schema", "load_config", "load_web_config", "parse_config", "parse_web_config"]
