"""What is known: the error codes as data, and the closed sets."""

from exporter.catalogue.codes import Entry, Hint, code_entry, codes, errors, hints, watched
from exporter.catalogue.sets import (
    FAILURE_CATEGORIES,
    PROVIDER_OWNED,
    REASONS,
    REGISTERED_ERRORS,
    RFC6749_ERRORS,
    SERVICE_CATEGORIES,
    WATCHED_ERRORS,
    Category,
    Departure,
    Phase,
    Reason,
    Side,
    Skip,
    Stage,
)

__all__ = [
    "FAILURE_CATEGORIES",
    "PROVIDER_OWNED",
    "REASONS",
    "REGISTERED_ERRORS",
    "RFC6749_ERRORS",
    "SERVICE_CATEGORIES",
    "WATCHED_ERRORS",
    "Category",
    "Departure",
    "Entry",
    "Hint",
    "Phase",
    "Reason",
    "Side",
    "Skip",
    "Stage",
    "code_entry",
    "codes",
    "errors",
    "hints",
    "watched",
]
