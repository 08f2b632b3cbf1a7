"""The codes that targets have in their series, and what the catalogue says of each."""

from collections import Counter

from exporter.catalogue import Category, code_entry
from exporter.metrics.families import Families
from exporter.metrics.labels import OTHER

CODE_BUDGET = 20
"""Codes without a catalogue entry that get a series of their own for one target; further ones share `other`."""


class CodeSeries:
    """Describes each code that a target has; one that no target has any more is described no longer."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._of: dict[str, set[str]] = {}
        self._unknown: Counter[str] = Counter()
        self._holders: Counter[str] = Counter()

    def labels(self, target: str, code: str) -> tuple[str, str]:
        """The code and category labels of a code that a target is answered with; the unknown ones have a budget."""
        known = code_entry(code)
        if (known is None or known.code != code) and code not in self._of.get(target, ()):
            if self._unknown[target] >= CODE_BUDGET:
                self._families.code_overflow.inc()
                return OTHER, Category.UNKNOWN
            self._unknown[target] += 1
        return self.describe(target, code)

    def describe(self, target: str, code: str) -> tuple[str, str]:
        """A target has this code in its series from now on, with these code and category labels."""
        codes = self._of.setdefault(target, set())
        if code not in codes:
            codes.add(code)
            self._holders[code] += 1
            self._families.series(self._families.error_info, *_description(code)).set(1)
        return code, _category(code)

    def forget(self, target: str) -> None:
        """A target has no series any more."""
        self._unknown.pop(target, None)
        for code in self._of.pop(target, ()):
            self._holders[code] -= 1
            if not self._holders[code]:
                del self._holders[code]
                self._families.error_info.remove(*_description(code))


def _description(code: str) -> tuple[str, str, str, str]:
    known, category = code_entry(code), _category(code)
    return code, known.name if known else "", category, category.side


def _category(code: str) -> Category:
    known = code_entry(code)
    return known.category if known else Category.UNKNOWN
