"""From a document to the model of it, or to everything that is wrong with it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from exporter.document import Complaint, Document, Problem

Entry = TypeVar("Entry", bound=BaseModel)

Complaints = Callable[[Mapping[str, Any]], Iterator[Complaint]]
"""What the parts of a document demand of each other."""


def read_entry(
    document: Document, model: type[Entry], known: Collection[str], complaints: Complaints
) -> Entry | list[Problem]:
    """The document as the model has it, or every problem in the order of its lines. `known` are all its keys."""
    problems = list(document.problems)
    entry: Entry | None = None
    if document.root is not None:
        try:
            entry = model.model_validate(document.root)
        except ValidationError as error:
            misread = {(p.line, p.path) for p in problems}
            invalid = document.invalid(error, known)
            # A value that YAML misread would be reported once more for the type that it then has.
            problems += (p for p in invalid if (p.line, p.path) not in misread)
        if isinstance(document.root, dict):
            problems += (document.problem(path, message) for path, message in complaints(document.root))
    return sorted(problems) if entry is None or problems else entry
