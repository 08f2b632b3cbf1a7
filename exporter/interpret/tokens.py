"""A token that was issued: is it a JWT that its provider signed (RFC 7515, RFC 7519)?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jwt import PyJWS
from jwt.algorithms import OKPAlgorithm
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_decode

from exporter.catalogue import Reason
from exporter.interpret.keys import KEY_OF, Jwk, PublicKey, fits, public_key
from exporter.interpret.parse import parse_object
from exporter.model import Answer, Secret, TokenResponse

MAX_TOKEN = 64 * 1024
"""Characters of a token; no server takes a header of so many."""

MAX_TRIED = 8
"""Keys that are tried on a token that names none, or whose key id several have."""

_BASE64URL = r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?"
_COMPACT = re.compile(rf"{_BASE64URL}\.{_BASE64URL}\.{_BASE64URL}")  # RFC 7515 section 7.1
_JWS = PyJWS(algorithms=tuple(KEY_OF))
_JWS.register_algorithm("Ed25519", OKPAlgorithm())


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JWT of which nothing is verified: its text, the algorithm and key id of its header, and its claims."""

    text: Secret
    algorithm: str
    kid: str | None
    claims: Mapping[str, Any] = field(repr=False)


def issued_token(answer: Answer) -> Secret:
    """The token that an answer holds; an empty one where it holds none."""
    content = parse_object(answer.body) if isinstance(answer, TokenResponse) else None
    token = content.get("access_token") if isinstance(content, dict) else None
    return Secret(token if isinstance(token, str) else "")


def read_jwt(token: Secret) -> Jwt | Reason:
    """A token as a signed JWT, or why it is none that may be verified."""
    text = token.reveal()
    if len(text) > MAX_TOKEN:
        return Reason.TOO_LARGE
    if not _COMPACT.fullmatch(text):
        return Reason.NOT_JWT
    parts = text.split(".")
    header = _part(parts[0])
    if not isinstance(header, dict):
        return Reason.NOT_JWT
    # Whoever does not understand what is critical must refuse it (RFC 7515 section 4.1.11, RFC 7797 section 3).
    if "crit" in header or "b64" in header or "zip" in header:
        return Reason.BAD_HEADER
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_OF:
        return Reason.BAD_ALGORITHM
    claims = _part(parts[1])
    if not isinstance(claims, dict) or not isinstance(kid, str | None):
        return Reason.NOT_JWT
    return Jwt(token, algorithm, kid, claims)


def verify(token: Jwt, keys: Sequence[Jwk]) -> Reason | None:
    """Why a token is not signed with one of these keys; None where it is."""
    named = [key for key in keys if token.kid is None or key.get("kid") == token.kid]
    meant = [key for key in named if fits(key, token.algorithm)]
    if named and not meant:
        return Reason.BAD_ALGORITHM
    usable = [key for key in (public_key(key) for key in meant[:MAX_TRIED]) if key is not None]
    if not usable:
        return Reason.KEY_MISSING
    return None if any(_signed(token, key) for key in usable) else Reason.BAD_SIGNATURE


def _signed(token: Jwt, key: PublicKey) -> bool:
    """Whether a token is signed with a key (RFC 7515 section 5.2); what is critical was refused before."""
    text, _, signature = token.text.reveal().rpartition(".")
    algorithm = _JWS.get_algorithm_by_name(token.algorithm)
    try:
        return algorithm.verify(text.encode(), algorithm.prepare_key(key), base64url_decode(signature))
    except PyJWTError:
        return False


def _part(text: str) -> dict[str, Any] | Reason:
    return parse_object(base64url_decode(text))
