"""A registry's samples as text."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import generate_latest as text_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest

# The moment a series was made tells nothing here, and would double what a scrape carries.
disable_created_metrics()  # type: ignore[no-untyped-call]


def exposition(registry: CollectorRegistry, *, openmetrics: bool) -> bytes:
    """All samples of a registry in OpenMetrics 1.0 or in Prometheus's text format 0.0.4."""
    latest: Callable[[CollectorRegistry], bytes] = openmetrics_latest if openmetrics else text_latest
    return latest(registry)
