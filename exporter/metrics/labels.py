"""The one way to a series: every label value of the exporter passes here."""

from functools import lru_cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, Summary

from exporter.catalogue import REGISTERED_ERRORS
from exporter.metrics import internals

OTHER = "other"
"""Stands for label values that have no series of their own."""

Family = TypeVar("Family", Counter, Gauge, Histogram, Summary)


def child(family: Family, *values: str) -> Family:
    """The series of a family with these label values."""
    return labelled(family, tuple(map(safe, values)))


def labelled(family: Family, labels: tuple[str, ...]) -> Family:
    """The series of a family with label values that are safe."""
    return internals.child(family, labels) or family.labels(*labels)


@lru_cache(maxsize=65536)
def safe(value: str) -> str:
    """A label value that no scraper chokes on: valid UTF-8, without control characters.

    One lone surrogate in a label would make every scrape fail until the series is gone.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)


def error_label(error: str) -> str:
    """The label value of an OAuth error value: itself where it is registered; text of a provider never."""
    return error if error in REGISTERED_ERRORS else OTHER
