"""What a code, an error value, a fault, or a text that quotes them means: in fields, for people and for programs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from exporter.catalogue import Category, Entry, Hint, Side, code_entry, errors, hints
from exporter.interpret import categorize, read_answer
from exporter.model import ErrorCode, ErrorResponse

PREFIXES = {"entra": "AADSTS", "entra_external_id": "AADSTS", "oidc": "AADSTS", "entra_b2c": "AADB2C", "adfs": "MSIS"}
"""What stands before a bare number in the codes of each provider."""

_BARE = re.compile(r"[0-9]{4,8}")
_CODE = re.compile(r"(?:AADSTS|AADB2C|MSIS)[0-9]{4,8}")
_LOGGED = re.compile(r"""\bstage["=: ]+([a-z]+)[", ]+reason["=: ]+([a-z0-9_]+)""")
_NUMBERED = re.compile(r"(?:AADSTS|AADB2C)([0-9]+)")


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was read, what it amounts to, and an entry for each code or else for the error value.

    Where there is neither: what is to be said of each fault, by its name such as `dns/timeout`.
    """

    refusal: ErrorResponse
    category: Category | None
    entries: tuple[Entry, ...]
    faults: Mapping[str, Hint] = field(default_factory=dict)

    @property
    def side(self) -> Side | None:
        """The side that can mend it."""
        return self.category.side if self.category else None

    @property
    def empty(self) -> bool:
        """Whether nothing was found that could be explained."""
        return not self.refusal.codes and not self.refusal.error and not self.faults

    def unknown_codes(self) -> tuple[ErrorCode, ...]:
        """The codes that the catalogue does not have, not even by their base."""
        return tuple(code for code in self.refusal.codes if code_entry(code) is None)


def explain_word(word: str, status: int | None = None, provider: str = "entra") -> Explanation:
    """Explains one code (`AADSTS50000`, `50000`, `AADB2C90037`) or one OAuth error value (`invalid_client`).

    Else a fault of an attempt: `timeout` at every stage, or `dns/timeout` as `once` writes it, too (`dns: timeout`).
    """
    word = word.strip(" \t\r\n:;,.\"'`")
    code = word.upper()
    if _BARE.fullmatch(word):
        code = PREFIXES[provider] + word
    if _CODE.fullmatch(code):
        return _explain(ErrorResponse(codes=(ErrorCode(code),)), status or 0)
    if word in errors():
        return _explain(ErrorResponse(error=word), status or 0)
    sought = word.replace(": ", "/")
    faults = {name: hint for name, hint in _faults().items() if sought in {name, name.partition("/")[2]}}
    return _explain(ErrorResponse(), status or 0, faults)


def explain_text(text: str, status: int | None = None, provider: str = "entra") -> Explanation:
    """Explains an answer, log line or stack trace; the HTTP status decides where the text leaves it open."""
    logged = ("/".join(found) for found in _LOGGED.findall(text))
    faults = {name: _faults()[name] for name in logged if name in _faults()}
    return _explain(read_answer(text, prefix=PREFIXES[provider]), status or 0, faults)


@cache
def _faults() -> Mapping[str, Hint]:
    return {f"{stage}/{reason}": hint for (stage, reason), hint in hints().items()}


def _explain(refusal: ErrorResponse, status: int, faults: Mapping[str, Hint] | None = None) -> Explanation:
    known = tuple(entry for code in refusal.codes if (entry := code_entry(code)) is not None)
    of_error = errors().get(refusal.error)
    entries = known or ((of_error,) if of_error else ())
    judged = categorize(refusal, status)
    something = refusal.codes or refusal.error or judged is not Category.UNKNOWN
    said = refusal.codes or refusal.error
    return Explanation(refusal, judged if something else None, entries, {} if said else faults or {})


def as_fields(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain values; None is absent."""
    refusal = explanation.refusal
    numbers = [int(match[1]) for code in refusal.codes if (match := _NUMBERED.fullmatch(code))]
    entry = explanation.entries[0] if explanation.entries else None
    return {
        "error": refusal.error or None,
        "codes": numbers,
        "primary_code": numbers[0] if numbers else None,
        "suberror": refusal.suberror or None,
        "trace_id": refusal.trace_id or None,
        "correlation_id": refusal.correlation_id or None,
        "timestamp": refusal.timestamp or None,
        "claims": refusal.claims,
        "category": explanation.category,
        "side": explanation.side,
        "name": entry and entry.name,
        "meaning": entry and entry.meaning,
        "action": entry and entry.action,
        "faults": [
            {"fault": name, "meaning": hint.meaning, "action": hint.action} for name, hint in explanation.faults.items()
        ],
    }
