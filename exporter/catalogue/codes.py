"""The catalogue of error codes, OAuth error values and faults, read once from the files beside this module."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from exporter.catalogue.sets import SERVICE_CATEGORIES, Category, Reason, Stage

_LONG = re.compile(r"AADSTS[0-9]{6,7}")
_BASE_LENGTH = len("AADSTS50000")


@dataclass(frozen=True, slots=True)
class Entry:
    """One code or error value: its symbolic name, its category, and what it means and asks for in our words."""

    code: str
    name: str
    category: Category
    meaning: str
    action: str


@cache
def codes() -> Mapping[str, Entry]:
    """Every error code of the catalogue, by its full spelling such as `AADSTS50000`."""
    return _load("codes.yaml")


@cache
def errors() -> Mapping[str, Entry]:
    """Every OAuth error value of the catalogue, such as `invalid_client`."""
    return _load("errors.yaml")


@dataclass(frozen=True, slots=True)
class Hint:
    """What a fault means and asks for, in our words."""

    meaning: str
    action: str


@cache
def hints() -> Mapping[tuple[Stage, Reason], Hint]:
    """What is to be said of every reason of every stage."""
    return {
        (Stage(stage), Reason(reason)): Hint(**hint)
        for stage, reasons in _read("faults.yaml").items()
        for reason, hint in reasons.items()
    }


def _load(file: str) -> Mapping[str, Entry]:
    return {
        code: Entry(code, entry.get("name", code), Category(entry["category"]), entry["meaning"], entry["action"])
        for code, entry in _read(file).items()
    }


def _read(file: str) -> dict[str, Any]:
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    return content


def code_entry(code: str) -> Entry | None:
    """The entry of a code, else of its 5-digit base: Entra splits codes by appending digits."""
    found = codes().get(code)
    if found is None and _LONG.fullmatch(code):
        return codes().get(code[:_BASE_LENGTH])
    return found


@cache
def watched(prefix: str) -> tuple[str, ...]:
    """The codes of this prefix that say the service itself fails."""
    return tuple(c.code for c in codes().values() if c.category in SERVICE_CATEGORIES and c.code.startswith(prefix))
