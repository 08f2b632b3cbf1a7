"""What is kept of an attempt for the people who must mend it: redacted, bounded, printable."""

import html
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import quote_plus

from exporter.httpdate import parse_http_date
from exporter.model import MASK, Answer, Evidence, Secret, TokenRequest, TokenResponse

MAX_BODY = 4096
MAX_HEADER = 256
HALF_A_SECOND = 0.5

_TOKENS = re.compile(
    # The name as a JSON string, also one within a string, or as a form parameter; then the value up to its end.
    r"""((?:_token|device_code|user_code|assertion|password)(?:\\*(["'])\s*:\s*\\*\2|=))"""
    r"""(?(2)(?:(?!\2)[^\\]|\\.)*|[^&\s]*)""",
    re.DOTALL,
)


# From the beginning of a word and without looking back, so that the time grows with the text and no faster.
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]++\.[\w-]*+")

_UNTOUCHED = re.compile(r"[A-Za-z0-9]+")

NOT_KEPT = "(not kept: an answer with a 2xx status may hold a token)"


def collect(request: TokenRequest, answer: Answer, request_id: str, now: float, *, failed: bool) -> Evidence:
    """Gathers the evidence of one answer; the body only of a failure. `now` in Unix time."""
    date = answer.headers.get("date", "")
    secrets = request.secrets
    return Evidence(
        endpoint=request.url,
        request_id=request_id,
        status=answer.status,
        address=answer.exchange.address,
        server_request_id=_header(answer, "x-ms-request-id", secrets),
        server=_header(answer, "x-ms-ests-server", secrets),
        server_date=_header(answer, "date", secrets),
        retry_after=_header(answer, "retry-after", secrets),
        clock_difference=_clock_difference(date, now),
        body=_body(answer, secrets) if failed and isinstance(answer, TokenResponse) else "",
    )


def _body(answer: TokenResponse, secrets: Iterable[Secret]) -> str:
    text = answer.body.decode("utf-8", "replace")
    may_hold_token = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and '"error"' not in text
    if may_hold_token and text.lstrip()[:1] in {"{", "["}:
        return NOT_KEPT
    return redact(text, secrets)[:MAX_BODY]


def masked(answer: Answer, secrets: Iterable[Secret]) -> Answer:
    """The answer as everybody else may see it: no spelling of our secrets in its body or head.

    Before it is read, since a reader may keep a part of a secret that no longer looks like one.
    """
    body = answer.body.decode("utf-8", "surrogateescape") if isinstance(answer, TokenResponse) else ""
    pattern = _pattern(_suspects("\n".join((*answer.headers.values(), body)), secrets))
    if pattern is None:
        return answer
    headers = {name: pattern.sub(MASK, value) for name, value in answer.headers.items()}
    if not isinstance(answer, TokenResponse):
        return replace(answer, headers=headers)
    return replace(answer, headers=headers, body=pattern.sub(MASK, body).encode("utf-8", "surrogateescape"))


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Masks every secret in every spelling, and every token; replaces what does not print."""
    if not text:
        return ""
    return printable(_JWT.sub(MASK, _TOKENS.sub(rf"\1{MASK}", _without(text, secrets))))


def printable(text: str) -> str:
    """The text with a replacement character for every control, surrogate and mark that turns writing round."""
    lines = text.replace("\r\n", "\n")
    if lines.replace("\n", "").isprintable():
        return lines
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in lines)


def _without(text: str, secrets: Iterable[Secret]) -> str:
    """The text with every spelling of the secrets masked."""
    pattern = _pattern(_suspects(text, secrets))
    return pattern.sub(MASK, text) if pattern else text


def _suspects(text: str, secrets: Iterable[Secret]) -> frozenset[Secret]:
    """The secrets of which a part that is spelt alike everywhere stands in the text.

    A pattern takes milliseconds to make, and an assertion is a new secret each time: it is made of these only.
    """
    return frozenset(secret for secret in secrets if any(clue in text for clue in _clues(secret)))


@lru_cache(maxsize=1024)
def _clues(secret: Secret) -> frozenset[str]:
    """Of each spelling its longest part that no encoder touches; '' stands in every text."""
    return frozenset(max(_UNTOUCHED.findall(spelling), key=len, default="") for spelling in secret.spellings())


@lru_cache(maxsize=1024)
def _pattern(secrets: frozenset[Secret]) -> re.Pattern[str] | None:
    """A pattern for every spelling of these secrets; None where there is nothing to look for."""
    spellings = {spelling for secret in secrets for spelling in secret.spellings() if spelling}
    # Longest first: a spelling may contain a shorter one.
    patterns = ("".join(map(_escaped_or_not, s)) for s in sorted(spellings, key=len, reverse=True))
    return re.compile("|".join(patterns)) if spellings else None


def _escaped_or_not(character: str) -> str:
    """A pattern for one character as it stands, and as the encoders of URLs, JSON and HTML may write it."""
    if character.isascii() and character.isalnum():
        return character
    number = ord(character)
    percent = "".join(f"%{byte:02x}" for byte in character.encode())
    escapes = (
        *(percent, quote_plus(character), json.dumps(character)[1:-1], f"\\u{number:04x}", f"\\{character}"),
        *(html.escape(character), f"&#{number};", f"&#x{number:x};"),
    )
    # Each spelling once: equal branches would be tried over and over, twice as often with every character.
    spellings = dict.fromkeys(text.lower() if text.isascii() else text for text in (*escapes, character))
    return f"(?i:{'|'.join(map(re.escape, spellings))})"


def _header(answer: Answer, name: str, secrets: Iterable[Secret]) -> str:
    value = answer.headers.get(name)
    return redact(value, secrets)[:MAX_HEADER] if value else ""


def _clock_difference(date: str, now: float) -> float | None:
    """Seconds by which the server's clock is ahead of ours.

    Date has whole seconds (RFC 9110 section 6.6.1): the moment that it stands for is half a second later on average.
    """
    stated = parse_http_date(date)
    return None if stated is None else stated + HALF_A_SECOND - now
