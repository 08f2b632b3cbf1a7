"""What a token says of itself (RFC 7519 section 4.1, RFC 9068 section 2.2), held against what a target asks for."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.catalogue import Reason
from exporter.model import TENANT_ID, TokenCheck

Claims = Mapping[str, Any]

_SCOPES = frozenset({"scope", "scp"})
"""Claims whose text is a list of words (RFC 8693 section 4.2; Microsoft, "Access token claims reference")."""

_YEAR_9999 = 253402300800.0


@dataclass(frozen=True, slots=True)
class Moment:
    """When a token was issued: not before `begin` and not after `end`, in Unix time."""

    begin: float
    end: float


def judge_lifetime(stated: float | None, check: TokenCheck) -> Reason | None:
    """Why a token's stated lifetime is out of bounds; one that is asked for must be stated. Seconds."""
    if stated is None:
        bounded = check.min_lifetime > 0 or math.isfinite(check.max_lifetime)
        # A JWT says itself when it ends.
        return Reason.CLAIM_MISSING if bounded and not check.needs_jwt else None
    return _out_of_bounds(stated, stated, check)


def judge_claims(claims: Claims, check: TokenCheck, issuers: Collection[str], issued: Moment) -> Reason | None:
    """The first reason why a token's claims are not what is asked for; without `issuers` any may have issued it."""
    if issuers and not _names(claims, issuers):
        return Reason.WRONG_ISSUER
    if check.audience and check.audience.isdisjoint(_texts(claims.get("aud"))):
        return Reason.WRONG_AUDIENCE
    return _judge_times(claims, check, issued) or _judge_content(claims, check)


def _names(claims: Claims, issuers: Collection[str]) -> bool:
    """Whether a token names one of the issuers; of those with many tenants, as that of its own."""
    issuer, tenant = claims.get("iss"), claims.get("tid")
    if not isinstance(tenant, str):
        tenant = TENANT_ID
    return any(issuer == known.replace(TENANT_ID, tenant) for known in issuers)


def _judge_times(claims: Claims, check: TokenCheck, issued: Moment) -> Reason | None:
    ends = _time(claims.get("exp"))
    begins = [_time(claims[name]) for name in ("nbf", "iat") if name in claims]
    if ends is None or None in begins:
        return Reason.CLAIM_MISSING
    if any(begin > issued.end + check.clock_skew for begin in begins if begin is not None):
        return Reason.NOT_YET_VALID
    if ends <= issued.begin - check.clock_skew:
        return Reason.EXPIRED
    least, most = ends - issued.end - check.clock_skew, ends - issued.begin + check.clock_skew
    return _out_of_bounds(most, least, check)


def _out_of_bounds(most: float, least: float, check: TokenCheck) -> Reason | None:
    """Why a lifetime, of which only bounds may be known, is not what is asked for."""
    if most < check.min_lifetime:
        return Reason.LIFETIME_TOO_SHORT
    return Reason.LIFETIME_TOO_LONG if least > check.max_lifetime else None


def _judge_content(claims: Claims, check: TokenCheck) -> Reason | None:
    for name, wanted in check.claims:
        value = _claim(claims, name)
        said = _texts(value, split=name in _SCOPES)
        if value is None or (wanted and wanted.isdisjoint(said)):
            return Reason.CLAIM_MISSING
    return None if check.roles.issubset(_texts(claims.get("roles"))) else Reason.ROLE_MISSING


def _claim(claims: Claims, name: str) -> Any:
    """The claim of this name; a name with dots may lead into claims within claims, as Keycloak's realm_access.roles."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    within = claims.get(first)
    return _claim(within, rest) if dot and isinstance(within, dict) else None


def _texts(value: Any, *, split: bool = False) -> frozenset[str]:
    """What a claim says, in texts: one or several."""
    if isinstance(value, str) and split:
        return frozenset(value.split(" "))
    return frozenset(map(_text, value if isinstance(value, list) else [value]))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else ""


def _time(value: Any) -> float | None:
    """Unix time of a NumericDate (RFC 7519 section 2); None of what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before it is converted: a huge integer fits no float.
    return float(value) if abs(value) < _YEAR_9999 else None
