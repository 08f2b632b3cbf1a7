"""What the catalogue says of the codes that targets have, in series of their own."""

from collections import Counter

from exporter.catalogue import Category, code_entry
from exporter.metrics.families import Families


class CodeSeries:
    """Describes each code that a target has; one that no target has any more is described no longer."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._of: dict[str, set[str]] = {}
        self._holders: Counter[str] = Counter()

    def describe(self, target: str, code: str) -> None:
        """A target has this code in its series from now on."""
        codes = self._of.setdefault(target, set())
        if code not in codes:
            codes.add(code)
            self._holders[code] += 1
            self._families.series(self._families.error_info, *_description(code)).set(1)

    def forget(self, target: str) -> None:
        """A target has no series any more."""
        for code in self._of.pop(target, ()):
            self._holders[code] -= 1
            if not self._holders[code]:
                del self._holders[code]
                self._families.error_info.remove(*_description(code))


def _description(code: str) -> tuple[str, str, str, str]:
    known = code_entry(code)
    category = known.category if known else Category.UNKNOWN
    return code, known.name if known else "", category, category.side
