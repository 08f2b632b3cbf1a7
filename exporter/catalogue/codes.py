"""The catalogue of error codes, read once from `codes.yaml` beside this module."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from exporter.catalogue.sets import SERVICE_CATEGORIES, Category

_LONG = re.compile(r"AADSTS[0-9]{6,7}")
_BASE_LENGTH = len("AADSTS50000")


@dataclass(frozen=True, slots=True)
class Code:
    """One error code: the reference's name for it, its category, and what it means and asks for in our words."""

    code: str
    name: str
    category: Category
    meaning: str
    action: str


@cache
def codes() -> Mapping[str, Code]:
    """Every code of the catalogue, by its full spelling such as `AADSTS50000`."""
    text = files(__package__).joinpath("codes.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    return {
        code: Code(code, entry["name"], Category(entry["category"]), entry["meaning"], entry["action"])
        for code, entry in entries.items()
    }


def code_entry(code: str) -> Code | None:
    """The entry of a code, else of its 5-digit base: Entra splits codes by appending digits."""
    found = codes().get(code)
    if found is None and _LONG.fullmatch(code):
        return codes().get(code[:_BASE_LENGTH])
    return found


@cache
def watched(prefix: str) -> tuple[str, ...]:
    """The codes of this prefix that say the service itself fails."""
    return tuple(c.code for c in codes().values() if c.category in SERVICE_CATEGORIES and c.code.startswith(prefix))
