"""Measurements of the exporter; docs/performance.md has their results."""
