"""Samples as text, by the library's own writers."""

from collections.abc import Callable

from prometheus_client import disable_created_metrics
from prometheus_client.exposition import generate_latest as text_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.registry import Collector

# The moment a series was made tells nothing here, and would double what a scrape carries.
disable_created_metrics()  # type: ignore[no-untyped-call]


def exposition(registry: Collector, *, openmetrics: bool) -> bytes:
    """All samples of a registry in OpenMetrics 1.0 or in Prometheus's text format 0.0.4."""
    latest: Callable[[Collector], bytes] = openmetrics_latest if openmetrics else text_latest
    return latest(registry)
