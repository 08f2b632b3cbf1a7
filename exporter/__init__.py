"""Probe OAuth 2.0 token endpoints and tell Prometheus every error code."""

__version__ = "0.1.0"
