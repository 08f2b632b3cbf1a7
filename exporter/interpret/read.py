"""Reads what an error answer says of itself, wherever and however it says so.

Answers reach us as JSON, but also as query strings, HTML and SOAP, and people paste them out of logs, stack traces and
chats: escaped once or twice, cut off, wrapped in a library's own words. Every pattern here is linear in the text: what
repeats is bounded, possessive, or begins where it cannot begin again.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

from exporter.catalogue import REGISTERED_ERRORS
from exporter.interpret.parse import parse_object
from exporter.model import ErrorCode, ErrorResponse

MAX_ID = 128

AADSTS = "AADSTS"

# What a whole answer of Entra's may still hide from its fields: a suberror under another name.
_HINTS = re.compile(r"(?i:sub_?error(?:key)?[^\w])")

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NUMBER = re.compile(r"(?<![0-9.-])[0-9]{4,8}(?![0-9.])")

# A name begins here, the sign between it and its value, and what says of which type the value is: in JSON, query
# strings, prose, the reprs of Python, Ruby, PHP and Objective-C, and quotes that are doubled in C#.
_NAME = r"(?<![\w.-])"
_TYPE = r"""(?:string\([0-9]{1,5}\)\s*+)?+(?:[u@](?=["'`]))?+"""
_IS = rf"""["'`\]]{{0,2}}\s*+(?:=>|[:=])\s*+{_TYPE}"""
# Ids and stamps are known by their own shape, so tables and prose need no sign.
_NEAR = rf"""["'`\]]{{0,2}}\s*+(?:=>|[:=|\uff1a-])?+\s*+{_TYPE}["'`]{{0,2}}"""
_VALUE = r"""(?P<quote>["'`]{0,2})(?P<value>[A-Za-z][A-Za-z0-9_.-]{0,63})(?![\w.-])(?P=quote)"""

# --- Codes

# Nothing but a code is spelt AADSTS and digits, so whatever stands before it does not matter.
# Azure's first token service called itself ACS and counted as Entra still does.
_CODE = re.compile(
    r"(?:AADSTS|(?<![A-Za-z0-9])ACS)([0-9]{4,8})(?![0-9])"
    r"|(AADB2C[0-9]{5,6}|(?<![A-Za-z0-9])MSIS[0-9]{4,5})(?![0-9])"
)
_LOOSE_CODE = re.compile(r"(?i)(AADSTS|AADB2C)[\s:#_-]{0,2}([0-9]{5,7})(?![0-9])")
# The script of a sign-in page states a bare number; so does the address of the page that explains it.
_PAGE_CODE = re.compile(
    rf"""(?:{_NAME}[is]ErrorCode{_IS}["']?|login\.(?:microsoftonline|windows)\.[a-z.]{{2,12}}/error\?code=)"""
    r"([1-9][0-9]{4,6})(?![0-9])"
)
_ERROR_NUMBER = re.compile(rf"(?i:{_NAME}error code){_IS}([1-9][0-9]{{4,6}})(?![0-9])")
_CODE_LIST = re.compile(
    rf"{_NAME}error_codes{_IS}(?:"
    r"\[([^\[\]{}]{0,200})\]"
    r"|(?:array\([0-9]{1,3}\)\s*+)?+\{([^{}]{0,400})\}"
    r"|(?:Array\s*+)?+\(([^()]{0,400})\)"
    r"|(?:-\s*+)?+([0-9]{4,8})(?![0-9]))"
)

# --- Ids

# Older answers put nothing between an id and the next name, whose C looks like a digit.
_GUID = r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?!(?!Correlation)[0-9A-Fa-f-])"
_MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2}(?![0-9:]))?(?![0-9])"
)
# Headers such as X-Correlation-ID are of somebody else.
_TRACE_ID = re.compile(rf"(?i:(?<!-)trace[\s_-]?id){_NEAR}({_GUID})")
_REQUEST_ID = re.compile(rf"(?i:(?<![\w-])(?:request\s|x-ms-request-)id){_NEAR}({_GUID})")
_CORRELATION_ID = re.compile(rf"(?i:(?<!-)correlation[\s_-]?id(?:key)?){_NEAR}({_GUID})")
# A log's own stamp is often called @timestamp.
_TIMESTAMP = re.compile(rf"(?i:(?<!@)timestamp){_NEAR}({_MOMENT})")
# Entra translates the three names, never their order.
_BETWEEN = r"[\s.]{0,4}[^:\uff1a]{1,40}[:\uff1a]\s?"
_TRANSLATED = re.compile(rf"[:\uff1a]\s?({_GUID}){_BETWEEN}({_GUID}){_BETWEEN}({_MOMENT})")
_FIELD_IS = r"""["']{1,2}\s*+(?::|=>)\s*+[u@]?["']{1,2}"""
_TRACE_FIELD = re.compile(rf"""["']trace_id{_FIELD_IS}([^\s"'\\]{{1,128}}+)["']""")
_CORRELATION_FIELD = re.compile(rf"""["']correlation_id{_FIELD_IS}([^\s"'\\]{{1,128}}+)["']""")
_STAMP_FIELD = re.compile(rf"""["']timestamp{_FIELD_IS}([^\n"'\\]{{1,64}}+)["']""")

# --- Errors

_ERROR = re.compile(rf"{_NAME}[Ee]rror{_IS}{_VALUE}(?P<more>&?)")
_OAUTH_LIKE = re.compile(
    r"(?:bad|expired|incorrect|insufficient|invalid|unauthorized|unmet|unsupported)_[a-z_]{3,40}"
    r"|[a-z_]{3,40}_(?:declined|denied|disabled|mismatch|pending|required|unavailable)"
)
_ERROR_CODE = re.compile(rf"(?i:{_NAME}(?:error[ _]?code|protocol ?code|(?:msal)?oauth_?error(?:key)?)){_IS}{_VALUE}")
# MSAL for Node.js puts the number and the moment between the error value and the description.
_ERROR_BEFORE_CODE = re.compile(
    rf"""{_NAME}([a-z]++(?:_[a-z]++)++)[\s"'`:;,.()\[\]\u2013-]{{1,8}}+"""
    r"(?:(?:[0-9]{4,8}|undefined) - \[[^\[\]\n]{0,32}\]: )?+(?=AADSTS|ACS[0-9]|AADB2C|MSIS)"
)
_ERROR_ALONE = re.compile(r"""(?<=[:(\["'\s])([a-z]++(?:_[a-z]++)++)(?=["')\]:;,.\s]|\Z)""")
_SUBERROR = re.compile(rf"(?i:{_NAME}(?:msaloauth)?sub_?error(?:key)?){_IS}{_VALUE}")
_CLAIMS = re.compile(rf"""{_NAME}claims{_IS}(?:["']{{0,2}}\{{|["'][^"'\s]{{8,}}+["'])""")
_NOTHING = frozenset({"null", "none", "nil", "undefined", "true", "false"})

# --- Carriers

_QUERY = re.compile(r"(?<![a-z_])error(?:_description)?=")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
# A run of backslashes and what it escapes, however often the text was escaped.
_ESCAPE = re.compile(r"""(?<!\\)\\++(u[0-9A-Fa-f]{4}|[rnt"'/])""")
_ESCAPED: Mapping[str, str] = {"r": "\n", "n": "\n", "t": "\t"}
# Of bounded length, since Python refuses to convert numbers of thousands of digits.
_ENTITY = re.compile(r"&(?:amp;)*+(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,6});")
# Addresses are put between such brackets too.
_TAG = re.compile(r"<(?:input\s([^<>]*+)|/?(?!https?:)[A-Za-z][^<>]*+)>")
_ATTRIBUTE = re.compile(r"""(?<!\S)(name|value)=(?:"([^"]*+)"|'([^']*+)')""")


def read_answer(text: str, *, prefix: str = AADSTS, prose: bool = True) -> ErrorResponse:
    """Everything that an answer, or a text that quotes one, says of an error; never raises.

    `prefix` belongs to codes that are stated as bare numbers. In `prose` a mere mention of an error value counts, as in
    what people paste; of an endpoint's own answer it would make a firewall's page a refusal. What is not said is empty.
    """
    values = parse_object(text.encode("utf-8", "surrogatepass"))
    if isinstance(values, dict) and _matching(_WORD, values.get("error")):
        return _read_object(values, text, prefix)
    return _read_text(text, prefix, prose=prose and not isinstance(values, dict))


def _read_object(values: Mapping[str, Any], text: str, prefix: str) -> ErrorResponse:
    """The error that a JSON object states (RFC 6749 section 5.2, Entra's additions).

    A field stands for itself; what no field states is looked for in the text, of which the description is a part.
    """
    stated = ErrorResponse(
        error=_matching(_WORD, values.get("error")),
        codes=_stated_codes(values.get("error_codes"), prefix),
        suberror=_matching(_WORD, values.get("suberror")),
        trace_id=_id(values.get("trace_id")),
        correlation_id=_id(values.get("correlation_id")),
        timestamp=_id(values.get("timestamp")),
        claims=bool(values.get("claims")),
    )
    if stated.codes and stated.trace_id and stated.correlation_id and stated.timestamp and not _HINTS.search(text):
        return stated
    told = _read_text(text, prefix)
    return replace(
        stated,
        codes=stated.codes or told.codes,
        suberror=stated.suberror or told.suberror,
        trace_id=stated.trace_id or told.trace_id,
        correlation_id=stated.correlation_id or told.correlation_id,
        timestamp=stated.timestamp or told.timestamp,
    )


def _read_text(text: str, prefix: str, *, prose: bool = True) -> ErrorResponse:
    """The error that a page, log line or stack trace speaks of.

    In prose a mere mention of an error value counts; an object that means to state one states it.
    """
    plain = _plain(text)
    codes, suberror = _codes(plain, prefix), _stated_suberror(plain)
    trace_id, correlation_id, timestamp = _ids(plain, entra=bool(codes))
    return ErrorResponse(
        error=_stated_error(plain) or _mentioned_error(plain) or (_lone_error(plain, suberror) if prose else ""),
        codes=codes,
        suberror=suberror,
        trace_id=trace_id,
        correlation_id=correlation_id,
        timestamp=timestamp,
        claims=_CLAIMS.search(plain) is not None,
    )


def _plain(text: str) -> str:
    """The text without the escapes, encodings, tags and emphasis that carriers add."""
    plain = "".join(_decoded(word) for word in re.split(r"(\s+)", text))
    plain = _ESCAPE.sub(_unescaped, plain)
    for _ in range(2):  # pages are quoted within pages
        plain = _ENTITY.sub(_character, _TAG.sub(_without_tag, plain))
    return plain.replace("**", "")


def _decoded(word: str) -> str:
    """A word without percent-encoding, of which a plus is a part only where there is more of it."""
    for _ in range(2):  # addresses are passed on within addresses
        if _PERCENT.search(word) or ("+" in word and _QUERY.search(word)):
            word = unquote_plus(word)
    return word


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    return chr(int(escaped[1:], 16)) if len(escaped) > 1 else _ESCAPED.get(escaped, escaped)


def _character(match: re.Match[str]) -> str:
    return html.unescape(f"&{match[1]};")


def _without_tag(match: re.Match[str]) -> str:
    """Nothing, or what a field of a form holds: that is how Entra posts errors to applications."""
    fields = {name: double or single for name, double, single in _ATTRIBUTE.findall(match[1] or "")}
    return f' "{fields["name"]}": "{fields["value"]}" ' if len(fields) > 1 else " "


def _codes(text: str, prefix: str) -> tuple[ErrorCode, ...]:
    """The codes that a field lists, else those that the text names, each once, in the order of first mention."""
    return _listed_codes(text, prefix) or _named_codes(text) or _implied_codes(text)


def _listed_codes(text: str, prefix: str) -> tuple[ErrorCode, ...]:
    lists = ("".join(groups) for groups in _CODE_LIST.findall(text))
    return _unique(prefix + number for listed in lists for number in _NUMBER.findall(listed))


def _named_codes(text: str) -> tuple[ErrorCode, ...]:
    return _unique(AADSTS + number if number else code for number, code in _CODE.findall(text))


def _implied_codes(text: str) -> tuple[ErrorCode, ...]:
    """The codes of a text that does not spell them as Entra does."""
    if loose := _unique(family.upper() + number for family, number in _LOOSE_CODE.findall(text)):
        return loose
    numbers = _PAGE_CODE.findall(text)
    if not numbers and _CORRELATION_ID.search(text):  # others number their errors too
        numbers = _ERROR_NUMBER.findall(text)
    return _unique(AADSTS + number for number in numbers)


def _stated_codes(value: Any, prefix: str) -> tuple[ErrorCode, ...]:
    items = value if isinstance(value, list) else [value]
    numbers = (str(item) for item in items if isinstance(item, int | str))
    return _unique(prefix + number for number in numbers if _NUMBER.fullmatch(number))


def _unique(codes: Iterable[str]) -> tuple[ErrorCode, ...]:
    return tuple(dict.fromkeys(map(ErrorCode, codes)))


def _ids(text: str, *, entra: bool) -> tuple[str, str, str]:
    """The trace id, correlation id and timestamp of an answer."""
    # Beside a description, fields of these names are the answer's; elsewhere they are a log's.
    first = 0 if "error_description" in text else 1
    trace_id, correlation_id, timestamp = (
        _near_code(patterns[first:], text)
        for patterns in ((_TRACE_FIELD, _TRACE_ID), (_CORRELATION_FIELD, _CORRELATION_ID), (_STAMP_FIELD, _TIMESTAMP))
    )
    if entra or correlation_id:  # others have request ids too; Entra's pages call the trace id so
        trace_id = trace_id or _near_code((_REQUEST_ID,), text)
    if entra and not (trace_id or correlation_id) and (translated := _TRANSLATED.search(text)):
        return translated[1], translated[2], translated[3]
    return trace_id, correlation_id, timestamp


def _near_code(patterns: Iterable[re.Pattern[str]], text: str) -> str:
    """The first value after the first code, else the last one before it; the first pattern goes first on either side.

    Libraries log ids of their own before they quote an answer. Pages put the ids before the message.
    """
    code = _CODE.search(text)
    start = code.start() if code else 0
    before, after = [], []
    for pattern in patterns:
        last = ""
        for match in pattern.finditer(text):
            if match.start() >= start:
                after.append(match[1])
                break
            last = match[1]
        before.append(last)
    on_page = text[max(start - 20, 0) : start].rstrip().endswith("Message:")
    return next(filter(None, map(_id, before + after if on_page else after + before)), "")


def _stated_error(text: str) -> str:
    """What the text itself calls its error."""
    statements = [match for match in _ERROR.finditer(text) if match["value"].lower() not in _NOTHING]
    for said in statements:
        in_prose = ":" in said[0] and not said["quote"]  # where logs say "error: socket_closed" too
        if _is_oauth(said["value"]) or ("_" in said["value"] and not in_prose):
            return said["value"]
    if "error_description" not in text:
        return ""
    return next((said["value"] for said in statements if said["quote"] or said["more"]), "")


def _mentioned_error(text: str) -> str:
    """What a library calls the code of an error, or puts before the description."""
    for match in _ERROR_CODE.finditer(text):
        if match["value"] in REGISTERED_ERRORS:  # MSAL has many codes of its own
            return match["value"]
    return next(filter(_is_oauth, _ERROR_BEFORE_CODE.findall(text)), "")


def _lone_error(text: str, suberror: str) -> str:
    """The first registered error value that stands by itself."""
    alone = (error for error in _ERROR_ALONE.findall(text) if error != suberror)
    return next((error for error in alone if error in REGISTERED_ERRORS), "")


def _is_oauth(word: str) -> bool:
    """Whether a word is an error value, or is formed as OAuth forms them."""
    return word in REGISTERED_ERRORS or _OAUTH_LIKE.fullmatch(word) is not None


def _stated_suberror(text: str) -> str:
    match = _SUBERROR.search(text)
    return match["value"] if match and match["value"].lower() not in _NOTHING else ""


def _id(value: Any) -> str:
    """One short line, or nothing: ids and stamps go to logs and terminals as they are."""
    return value if isinstance(value, str) and len(value) <= MAX_ID and value.isprintable() else ""


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    return value if isinstance(value, str) and pattern.fullmatch(value) else ""
