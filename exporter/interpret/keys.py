"""A provider's signing keys (RFC 7517): which stand in its JWKS, and which of them fit a token."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret.judge import judge_document
from exporter.model import Answer, Outcome

MAX_KEYS = 100
"""Keys of a JWKS; providers have about ten."""

MAX_EXPONENT, MAX_NUMBER = 8, 1400
"""Base64 digits of an RSA exponent, and of any other number (8192 bits): long ones take long to check with."""

MAX_KID = 1024

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

Jwk = Mapping[str, Any]
"""A key as it stands in a JWKS."""

_RSA = ("kty", "n", "e")
_EC = ("kty", "crv", "x", "y")
_OKP = ("kty", "crv", "x")
_MEMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"RSA": _RSA, "EC": _EC, "OKP": _OKP})
"""What a public key consists of (RFC 7518 section 6, RFC 8037 section 2)."""

KEY_OF: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "ES512": ("EC", "P-521"),
        "Ed25519": ("OKP", "Ed25519"),
        "EdDSA": ("OKP", "Ed25519"),
    }
)
"""The algorithms that are accepted, each with its kind of key and curve: none that needs no private key to sign."""

_ALGORITHM_OF = {kind: algorithm for algorithm, kind in KEY_OF.items()}
_OLD_NAME = {"Ed25519": "EdDSA"}  # RFC 9864 section 4.1.2


def judge_keys(answer: Answer) -> Outcome:
    """The outcome of asking for a provider's keys: every one must be what it claims, and one at least must sign."""
    keys = read_keys(answer)
    if isinstance(keys, Outcome):
        return keys
    signing = [key for key in keys if _kind(key) in _ALGORITHM_OF]
    if any(map(_is_private, keys)) or any(public_key(key) is None for key in signing):
        return _invalid()
    found = frozenset(map(_identity, signing))
    outcome = Outcome() if found else Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.NO_KEYS)
    return Outcome(failure=outcome.failure, signing_keys=found)


def read_keys(answer: Answer) -> tuple[Jwk, ...] | Outcome:
    """The keys of a JWKS that are not meant for something else than signatures (RFC 7517 sections 4.2, 4.3 and 5)."""
    document = judge_document(answer)
    if isinstance(document, Outcome):
        return document
    keys = document.get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        return _invalid()
    return tuple(key for key in keys if _signs(key))


def fits(key: Jwk, algorithm: str) -> bool:
    """Whether a key is meant for an algorithm (RFC 7517 section 4.4)."""
    stated = key.get("alg", algorithm)
    same = isinstance(stated, str) and _OLD_NAME.get(stated, stated) == _OLD_NAME.get(algorithm, algorithm)
    return same and _kind(key) == KEY_OF[algorithm]


def public_key(key: Jwk) -> PublicKey | None:
    """The key itself; None where its numbers are none, too long, or too short."""
    kind = _kind(key)
    longest = {"e": MAX_EXPONENT}
    members: dict[str, str] = {}
    for name in _MEMBERS[kind[0]]:
        value = key.get(name)
        if not isinstance(value, str) or len(value) > longest.get(name, MAX_NUMBER):
            return None
        members[name] = value
    try:
        found = PyJWK(members, _ALGORITHM_OF[kind])
    except (PyJWTError, ValueError):
        return None
    # Weak keys (RFC 7518 section 3.3).
    return None if found.Algorithm.check_key_length(found.key) else cast(PublicKey, found.key)


def _is_private(key: Jwk) -> bool:
    """Whether a key holds what nobody but its owner may know."""
    return "d" in key or "k" in key


def _kind(key: Jwk) -> tuple[str, str]:
    """The kind of a key and its curve; what is no text is no kind."""
    kty, curve = key.get("kty"), key.get("crv")
    if not isinstance(kty, str):
        return "", ""
    return kty, "" if kty == "RSA" or not isinstance(curve, str) else curve


def _signs(key: Jwk) -> bool:
    operations = key.get("key_ops")
    return key.get("use") in (None, "sig") and (not isinstance(operations, list) or "verify" in operations)


def _identity(key: Jwk) -> str:
    """The id of a key; its thumbprint where it has none (RFC 7638)."""
    kid = key.get("kid")
    if isinstance(kid, str) and len(kid) <= MAX_KID:
        return kid
    members = {name: key[name] for name in sorted(_MEMBERS[_kind(key)[0]])}
    return hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).hexdigest()


def _invalid() -> Outcome:
    return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.KEYS_INVALID)
