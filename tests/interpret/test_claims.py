"""What a token must say to be what a target asks for."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Reason
from exporter.interpret import Moment, judge_claims, judge_lifetime
from exporter.model import TokenCheck

NOW = 1_700_000_000.0
ISSUED = Moment(NOW, NOW + 10)
ISSUERS = ("https://sso.example", "https://login.example/{tenantid}/v2.0")
TENANT = "0f5c9e8a-4d41-4a6b-9a5e-6d1c2b3a4f00"
CLAIMS: dict[str, Any] = {
    "iss": "https://sso.example",
    "aud": "api://orders",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 3600,
}
PLAIN = TokenCheck()
ABSENT = object()


def judge(check: TokenCheck = PLAIN, changes: Mapping[str, object] = CLAIMS) -> Reason | None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ABSENT}
    return judge_claims(claims, check, ISSUERS, ISSUED)


def test_a_token_that_says_what_it_should_stands() -> None:
    assert judge() is None
    assert judge(PLAIN, {"nbf": ABSENT, "iat": ABSENT}) is None


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://sso.example"}, None),
        ({"iss": "https://sso.example/"}, Reason.WRONG_ISSUER),
        ({"iss": "https://evil.example"}, Reason.WRONG_ISSUER),
        ({"iss": ["https://sso.example"]}, Reason.WRONG_ISSUER),
        ({"iss": None}, Reason.WRONG_ISSUER),
        ({"iss": ABSENT}, Reason.WRONG_ISSUER),
        ({"iss": f"https://login.example/{TENANT}/v2.0", "tid": TENANT}, None),
        ({"iss": f"https://login.example/{TENANT}/v2.0"}, Reason.WRONG_ISSUER),
        ({"iss": f"https://login.example/{TENANT}/v2.0", "tid": "another"}, Reason.WRONG_ISSUER),
        ({"iss": f"https://login.example/{TENANT}/v2.0", "tid": 7}, Reason.WRONG_ISSUER),
    ],
)
def test_the_issuer_is_the_providers_to_the_letter(claims: dict[str, object], reason: Reason | None) -> None:
    """Of all tenants together, each token names that of its own."""
    assert judge(PLAIN, claims) is reason


def test_without_an_issuer_to_compare_with_any_will_do() -> None:
    assert judge_claims({**CLAIMS, "iss": "https://evil.example"}, PLAIN, (), ISSUED) is None


FOR_ORDERS = TokenCheck(audience=frozenset({"api://orders", "orders"}))


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        ("api://orders", None),
        ("orders", None),
        (["other", "orders"], None),
        ("other", Reason.WRONG_AUDIENCE),
        ("orders ", Reason.WRONG_AUDIENCE),
        ("other orders", Reason.WRONG_AUDIENCE),
        ([], Reason.WRONG_AUDIENCE),
        (["other"], Reason.WRONG_AUDIENCE),
        ([["orders"]], Reason.WRONG_AUDIENCE),
        ({"orders": 1}, Reason.WRONG_AUDIENCE),
        (None, Reason.WRONG_AUDIENCE),
        (ABSENT, Reason.WRONG_AUDIENCE),
    ],
)
def test_the_audience_is_one_or_several(aud: object, reason: Reason | None) -> None:
    """RFC 7519 section 4.1.3."""
    assert judge(FOR_ORDERS, {"aud": aud}) is reason


UNTIMELY: tuple[object, ...] = ("1700003600", None, True, [], 10**400, -(10**400), math.inf)
TIMES = [
    pytest.param({"exp": NOW - 59.9}, None, id="ended within the allowance"),
    pytest.param({"exp": NOW - 60}, Reason.EXPIRED, id="ended"),
    pytest.param({"exp": NOW - 1e9}, Reason.EXPIRED, id="ended long ago"),
    pytest.param({"nbf": NOW + 70}, None, id="begins within the allowance"),
    pytest.param({"nbf": NOW + 70.1}, Reason.NOT_YET_VALID, id="begins later"),
    pytest.param({"iat": NOW + 70}, None, id="issued while it was asked for"),
    pytest.param({"iat": NOW + 70.1}, Reason.NOT_YET_VALID, id="issued in the future"),
    pytest.param({"iat": 0, "nbf": 0}, None, id="issued long ago"),
    pytest.param({"exp": ABSENT}, Reason.CLAIM_MISSING, id="without an end"),
    *[
        pytest.param({name: value}, Reason.CLAIM_MISSING, id=f"{name} {value!r}"[:40])
        for name in ("exp", "nbf", "iat")
        for value in UNTIMELY
    ],
]


@pytest.mark.parametrize(("claims", "reason"), TIMES)
def test_the_times_are_right_but_for_the_allowance(claims: dict[str, object], reason: Reason | None) -> None:
    assert judge(PLAIN, claims) is reason


@pytest.mark.parametrize(
    ("skew", "exp", "nbf", "reason"),
    [
        (0.001, NOW + 0.1, NOW + 10, None),
        (0.001, NOW - 0.1, NOW, Reason.EXPIRED),
        (0.001, NOW + 60, NOW + 10.1, Reason.NOT_YET_VALID),
        (300.0, NOW - 299, NOW + 309, None),
    ],
)
def test_the_allowance_is_the_targets(skew: float, exp: float, nbf: float, reason: Reason | None) -> None:
    assert judge(TokenCheck(clock_skew=skew), {"exp": exp, "nbf": nbf}) is reason


BOUNDED = TokenCheck(min_lifetime=600.0, max_lifetime=4000.0)


@pytest.mark.parametrize(
    ("lifetime", "reason"),
    [
        (539.9, Reason.LIFETIME_TOO_SHORT),
        (540.0, None),
        (600.0, None),
        (4000.0, None),
        (4070.0, None),
        (4070.1, Reason.LIFETIME_TOO_LONG),
        (1e10, Reason.LIFETIME_TOO_LONG),
    ],
)
def test_a_tokens_own_end_keeps_to_the_bounds(lifetime: float, reason: Reason | None) -> None:
    """As far as can be told: it was issued within ten seconds, by a clock that may differ."""
    assert judge(BOUNDED, {"exp": NOW + lifetime}) is reason


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        (599.9, Reason.LIFETIME_TOO_SHORT),
        (600.0, None),
        (4000.0, None),
        (4000.1, Reason.LIFETIME_TOO_LONG),
        (None, None),
    ],
)
def test_the_stated_lifetime_keeps_to_the_bounds(stated: float | None, reason: Reason | None) -> None:
    """To the second: no clock is in it."""
    assert judge_lifetime(stated, BOUNDED) is reason


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (TokenCheck(signature=False, min_lifetime=1.0), Reason.CLAIM_MISSING),
        (TokenCheck(signature=False, max_lifetime=1.0), Reason.CLAIM_MISSING),
        (TokenCheck(signature=False), None),
        (TokenCheck(signature=False, roles=frozenset({"a"}), min_lifetime=1.0), None),
    ],
)
def test_a_lifetime_that_is_bounded_must_be_told_somewhere(check: TokenCheck, reason: Reason | None) -> None:
    """By an opaque token it can be told in the answer only."""
    assert judge_lifetime(None, check) is reason


def with_claim(name: str, *values: str) -> TokenCheck:
    return TokenCheck(claims=((name, frozenset(values)),))


@pytest.mark.parametrize(
    ("check", "claims", "reason"),
    [
        (with_claim("tid"), {"tid": ""}, None),
        (with_claim("tid"), {"tid": 0}, None),
        (with_claim("tid"), {"tid": None}, Reason.CLAIM_MISSING),
        (with_claim("tid"), {}, Reason.CLAIM_MISSING),
        (with_claim("tid", TENANT), {"tid": TENANT}, None),
        (with_claim("tid", "x", TENANT), {"tid": TENANT}, None),
        (with_claim("tid", TENANT), {"tid": TENANT.upper()}, Reason.CLAIM_MISSING),
        (with_claim("tid", TENANT), {"tid": [TENANT, "x"]}, None),
        (with_claim("tid", TENANT), {"tid": {TENANT: 1}}, Reason.CLAIM_MISSING),
        (with_claim("azpacr", "1"), {"azpacr": "1"}, None),
        (with_claim("azpacr", "1"), {"azpacr": 1}, None),
        (with_claim("azpacr", "1"), {"azpacr": True}, Reason.CLAIM_MISSING),
        (with_claim("active", "true"), {"active": True}, None),
        (with_claim("scp", "Orders.Read"), {"scp": "openid Orders.Read"}, None),
        (with_claim("scp", "Orders.Read"), {"scp": "openid Orders.ReadAll"}, Reason.CLAIM_MISSING),
        (with_claim("scope", "read"), {"scope": "write read"}, None),
        (with_claim("scope", "read"), {"scope": ["write", "read"]}, None),
        (with_claim("name", "read"), {"name": "write read"}, Reason.CLAIM_MISSING),
        (with_claim("realm_access.roles", "prober"), {"realm_access": {"roles": ["prober"]}}, None),
        (with_claim("realm_access.roles", "prober"), {"realm_access": {"roles": ["x"]}}, Reason.CLAIM_MISSING),
        (with_claim("realm_access.roles", "prober"), {"realm_access": ["prober"]}, Reason.CLAIM_MISSING),
        (with_claim("https://x.example/a"), {"https://x.example/a": "b"}, None),
    ],
)
def test_a_claim_is_there_and_says_one_of_the_values(
    check: TokenCheck, claims: dict[str, object], reason: Reason | None
) -> None:
    """A name with dots may lead inward; a list of words is one in the claims that are defined so."""
    assert judge(check, claims) is reason


@pytest.mark.parametrize(
    ("roles", "reason"),
    [
        (["Orders.Read", "Orders.Write", "x"], None),
        (["Orders.Read"], Reason.ROLE_MISSING),
        ("Orders.Read", Reason.ROLE_MISSING),
        ([["Orders.Read", "Orders.Write"]], Reason.ROLE_MISSING),
        ([], Reason.ROLE_MISSING),
        (ABSENT, Reason.ROLE_MISSING),
    ],
)
def test_all_roles_are_there(roles: object, reason: Reason | None) -> None:
    assert judge(TokenCheck(roles=frozenset({"Orders.Read", "Orders.Write"})), {"roles": roles}) is reason


def test_who_issued_it_is_told_before_what_it_says() -> None:
    """One token has one reason: the gravest."""
    check = TokenCheck(audience=frozenset({"x"}), roles=frozenset({"x"}))
    assert judge(check, {"iss": "https://evil.example", "exp": 0}) is Reason.WRONG_ISSUER
    assert judge(check, {"exp": 0}) is Reason.WRONG_AUDIENCE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "tid", "roles", "scp", "a", "a.b"])
CHECKS = st.builds(
    TokenCheck,
    audience=st.frozensets(st.text(max_size=3), max_size=2),
    roles=st.frozensets(st.text(max_size=3), max_size=2),
    claims=st.lists(st.tuples(NAMES, st.frozensets(st.text(max_size=3), max_size=2)), max_size=2).map(tuple),
    min_lifetime=st.floats(0, 1e6),
    max_lifetime=st.floats(0, 1e6),
)


@given(st.dictionaries(NAMES, JSON, max_size=8), CHECKS)
def test_no_claims_raise(claims: dict[str, object], check: TokenCheck) -> None:
    assert judge_claims(claims, check, ISSUERS, ISSUED) in {None, *Reason}
    assert judge_claims(CLAIMS | claims, check, (), ISSUED) in {None, *Reason}
