"""Which tokens are signed with a provider's keys. They are made by another library than the one that checks them."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import KINDS, Party, key_for, signed_as, signed_with_text, written

from exporter.catalogue import Reason
from exporter.interpret import Jwt, issued_token, read_jwt, verify
from exporter.interpret.keys import MAX_KEYS, Jwk
from exporter.interpret.tokens import MAX_TOKEN, MAX_TRIED
from exporter.model import Secret, TokenResponse

ONE = Party()
CLAIMS = {"iss": "https://sso.example", "aud": "api://orders", "exp": 2_000_000_000}
GOOD = ONE.sign(CLAIMS)


def verdict(token: str, *keys: Jwk) -> Reason | None:
    read = read_jwt(Secret(token))
    return read if isinstance(read, Reason) else verify(read, keys)


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_token_of_each_algorithm_is_known_by_its_key(algorithm: str) -> None:
    party, other = Party(algorithm), Party(algorithm, number=1)
    token = party.sign(CLAIMS)

    read = read_jwt(Secret(token))

    assert isinstance(read, Jwt)
    assert (read.algorithm, read.kid, read.claims) == (algorithm, "one", CLAIMS)
    assert verdict(token, other.jwk(kid="other"), party.jwk()) is None
    assert verdict(token, party.jwk(alg=None, use=None)) is None
    assert verdict(token, other.jwk()) is Reason.BAD_SIGNATURE


def test_the_old_and_the_new_name_of_an_algorithm_mean_the_same() -> None:
    """EdDSA and Ed25519, RFC 9864."""
    old, new = Party("EdDSA"), Party("Ed25519")
    assert verdict(new.sign(CLAIMS), new.jwk(alg="EdDSA")) is None
    assert verdict(old.sign(CLAIMS), old.jwk(alg="Ed25519")) is None


PEM = key_for("RS256").as_pem(private=False)
REFUSED = [
    pytest.param("", Reason.NOT_JWT, id="nothing"),
    pytest.param("0.AQABAAAAAAD--DLA3VO7QrddgJg7Wevr", Reason.NOT_JWT, id="opaque"),
    pytest.param("a.b.c", Reason.NOT_JWT, id="no base64"),
    pytest.param(GOOD + "=", Reason.NOT_JWT, id="padding"),
    pytest.param(GOOD + ".", Reason.NOT_JWT, id="a part too many"),
    pytest.param("e30.e30.e30.e30.e30", Reason.NOT_JWT, id="encrypted"),
    pytest.param(" " + GOOD, Reason.NOT_JWT, id="space"),
    pytest.param(GOOD + "\n", Reason.NOT_JWT, id="line"),
    pytest.param(written([], CLAIMS), Reason.NOT_JWT, id="header is no object"),
    pytest.param(written({"alg": "RS256"}, "text"), Reason.NOT_JWT, id="claims are no object"),
    pytest.param(ONE.sign_bytes(GOOD.encode(), cty="JWT"), Reason.NOT_JWT, id="nested"),
    pytest.param(ONE.sign_bytes(b'{"iss": "a", "iss": "b"}'), Reason.NOT_JWT, id="claim twice"),
    pytest.param(ONE.sign_bytes(b"[" * 20_000), Reason.NOT_JWT, id="deep"),
    pytest.param(written({"alg": "RS256", "kid": 1}, CLAIMS), Reason.NOT_JWT, id="kid is a number"),
    pytest.param(written({"alg": "none"}, CLAIMS, ""), Reason.BAD_ALGORITHM, id="alg none"),
    pytest.param(written({"alg": "None"}, CLAIMS, ""), Reason.BAD_ALGORITHM, id="alg None"),
    pytest.param(written({"alg": "none"}, CLAIMS), Reason.BAD_ALGORITHM, id="alg none, signed"),
    pytest.param(written({}, CLAIMS), Reason.BAD_ALGORITHM, id="no alg"),
    pytest.param(written({"alg": ["RS256"]}, CLAIMS), Reason.BAD_ALGORITHM, id="alg is a list"),
    pytest.param(signed_with_text(PEM, CLAIMS), Reason.BAD_ALGORITHM, id="HS256 with the public key"),
    pytest.param(written({"alg": "RS256", "crit": ["x"], "x": 1}, CLAIMS), Reason.BAD_HEADER, id="crit"),
    pytest.param(written({"alg": "RS256", "crit": []}, CLAIMS), Reason.BAD_HEADER, id="crit without a name"),
    pytest.param(written({"alg": "RS256", "b64": False, "crit": ["b64"]}, CLAIMS), Reason.BAD_HEADER, id="b64 false"),
    pytest.param(written({"alg": "RS256", "b64": True}, CLAIMS), Reason.BAD_HEADER, id="b64 true"),
    pytest.param(written({"alg": "RS256", "zip": "DEF"}, CLAIMS), Reason.BAD_HEADER, id="zip"),
    pytest.param("A" * (MAX_TOKEN + 1), Reason.TOO_LARGE, id="too large"),
    pytest.param(ONE.sign({**CLAIMS, "groups": "g" * (1 << 20)}), Reason.TOO_LARGE, id="1 MB"),
]


@pytest.mark.parametrize(("token", "reason"), REFUSED)
def test_what_may_not_be_verified_is_refused_before_any_key_is_looked_at(token: str, reason: Reason) -> None:
    assert read_jwt(Secret(token)) is reason
    assert verdict(token, ONE.jwk()) is reason


def test_the_largest_token_is_still_read() -> None:
    room = MAX_TOKEN - len(GOOD)
    token = ONE.sign({**CLAIMS, "groups": "g" * (room // 4 * 3 - 40)})
    assert MAX_TOKEN - 100 < len(token) <= MAX_TOKEN
    assert verdict(token, ONE.jwk()) is None


PSS, FORGER = Party("PS256"), Party(number=1)
RS256 = {"alg": "RS256", "kid": "one"}
ADVISORIES = [
    pytest.param(signed_as(ONE, RS256 | {"crit": ["x"], "x": 1}, CLAIMS), id="CVE-2026-32597 crit of PyJWT"),
    pytest.param(signed_as(ONE, RS256 | {"crit": ["exp"]}, CLAIMS), id="CVE-2025-59420 crit of Authlib"),
    pytest.param(signed_with_text(json.dumps(ONE.jwk()).encode(), CLAIMS), id="CVE-2026-48526 JWK as HMAC key"),
    pytest.param(signed_with_text(PEM, CLAIMS), id="CVE-2024-37568 PEM as HMAC key"),
    pytest.param(
        signed_with_text(key_for("RS256").as_der(private=False), CLAIMS), id="python-jose 419 DER as HMAC key"
    ),
    pytest.param(signed_as(PSS, RS256, CLAIMS), id="CVE-2026-48523 signed by another algorithm than it says"),
    pytest.param(signed_as(FORGER, RS256 | {"jwk": FORGER.jwk()}, CLAIMS), id="CVE-2026-27962 jwk in the header"),
    pytest.param(written({"alg": "none", "kid": "one"}, CLAIMS, ""), id="CVE-2026-28802 alg none"),
]
"""Tokens that verifiers took for signed with the key of RS256 or PS256 that they knew."""


@pytest.mark.parametrize("token", ADVISORIES)
def test_no_forgery_that_another_verifier_took_is_taken(token: str) -> None:
    """Whether the key says which algorithm it is for or leaves it open."""
    for known in (ONE.jwk(), ONE.jwk(alg=None), PSS.jwk(), PSS.jwk(alg=None)):
        assert verdict(token, known) in {Reason.BAD_HEADER, Reason.BAD_ALGORITHM, Reason.BAD_SIGNATURE}


def test_forgeries_are_signed_as_they_say() -> None:
    """So that nothing but what the advisory is about is in their way."""
    assert verdict(signed_as(ONE, RS256, CLAIMS), ONE.jwk()) is None
    assert verdict(signed_as(PSS, RS256 | {"alg": "PS256"}, CLAIMS), PSS.jwk()) is None


HEAD, BODY, SIGNATURE = GOOD.split(".")
CHANGED = {
    "claims": f"{HEAD}.{Party().sign({**CLAIMS, 'aud': 'other'}).split('.')[1]}.{SIGNATURE}",
    "header": f"{Party().sign(CLAIMS, typ='at+jwt').split('.')[0]}.{BODY}.{SIGNATURE}",
    "signature": f"{HEAD}.{BODY}.{SIGNATURE[:-4]}AAAA",
    "no signature": f"{HEAD}.{BODY}.",
    "half a signature": f"{HEAD}.{BODY}.{SIGNATURE[: len(SIGNATURE) // 8 * 4]}",
}


@pytest.mark.parametrize("token", CHANGED.values(), ids=CHANGED.keys())
def test_whatever_is_changed_breaks_the_signature(token: str) -> None:
    assert token != GOOD
    assert verdict(token, ONE.jwk()) is Reason.BAD_SIGNATURE


EC, OKP, STRANGER = Party("ES256"), Party("EdDSA"), Party(number=1)
FOUND = [
    pytest.param(GOOD, (), Reason.KEY_MISSING, id="no keys"),
    pytest.param(GOOD, (STRANGER.jwk(kid="two"),), Reason.KEY_MISSING, id="kid unknown"),
    pytest.param(GOOD, (ONE.jwk(kid=None),), Reason.KEY_MISSING, id="the key has no kid"),
    pytest.param(GOOD, (ONE.jwk(kid=["one"]),), Reason.KEY_MISSING, id="the key's kid is a list"),
    pytest.param(GOOD, (STRANGER.jwk(), ONE.jwk()), None, id="kid twice"),
    pytest.param(GOOD, (ONE.jwk(), ONE.jwk()), None, id="the same key twice"),
    pytest.param(GOOD, (STRANGER.jwk(),), Reason.BAD_SIGNATURE, id="another key of this kid"),
    pytest.param(ONE.sign(CLAIMS, kid=None), (STRANGER.jwk(), ONE.jwk()), None, id="no kid, found"),
    pytest.param(ONE.sign(CLAIMS, kid=None), (EC.jwk(), OKP.jwk()), Reason.BAD_ALGORITHM, id="no kid, other kinds"),
    pytest.param(ONE.sign(CLAIMS, kid=None), (STRANGER.jwk(),), Reason.BAD_SIGNATURE, id="no kid, another's"),
    pytest.param(ONE.sign(CLAIMS, kid=""), (ONE.jwk(kid=""),), None, id="kid of no letters"),
    pytest.param(GOOD, (ONE.jwk(alg="PS256"),), Reason.BAD_ALGORITHM, id="key of another algorithm"),
    pytest.param(GOOD, (ONE.jwk(alg=7),), Reason.BAD_ALGORITHM, id="key's algorithm is a number"),
    pytest.param(GOOD, (EC.jwk(),), Reason.BAD_ALGORITHM, id="key of another kind"),
    pytest.param(EC.sign(CLAIMS), (Party("ES384").jwk(alg=None),), Reason.BAD_ALGORITHM, id="key of another curve"),
    pytest.param(GOOD, (ONE.jwk(kty="oct", k="AAAA"),), Reason.BAD_ALGORITHM, id="symmetric key"),
    pytest.param(GOOD, (ONE.jwk(n="AQAB"),), Reason.KEY_MISSING, id="short modulus"),
    pytest.param(GOOD, (ONE.jwk(n="_" * 2000),), Reason.KEY_MISSING, id="long modulus"),
    pytest.param(GOOD, (ONE.jwk(e="_" * 12),), Reason.KEY_MISSING, id="long exponent"),
    pytest.param(GOOD, (ONE.jwk(n=None),), Reason.KEY_MISSING, id="no modulus"),
    pytest.param(GOOD, (ONE.jwk(n=7, e=[]),), Reason.KEY_MISSING, id="numbers that are none"),
    pytest.param(GOOD, (ONE.jwk(e="AA"),), Reason.KEY_MISSING, id="exponent 0"),
    pytest.param(EC.sign(CLAIMS), (EC.jwk(x="A" * 43),), Reason.KEY_MISSING, id="not on the curve"),
    pytest.param(GOOD, (ONE.jwk(x5c=["x"], x5u="https://evil.example", jku="x"),), None, id="other ways to keys"),
]


@pytest.mark.parametrize(("token", "keys", "reason"), FOUND)
def test_the_key_is_found_by_id_and_kind(token: str, keys: tuple[Jwk, ...], reason: Reason | None) -> None:
    assert verdict(token, *keys) is reason


def test_a_key_that_a_token_brings_along_is_not_believed() -> None:
    """Not `jwk`, nor where `jku` or `x5u` lead: whoever made the token chose them."""
    stranger = Party(number=1, kid="mine")
    token = stranger.sign(CLAIMS, jwk=stranger.jwk(), jku="https://evil.example/keys")
    assert verdict(token, ONE.jwk()) is Reason.KEY_MISSING


def test_a_weak_key_is_none() -> None:
    """RFC 7518 section 3.3: 2048 bits or more."""
    weak = Party(size=1024)
    assert verdict(weak.sign(CLAIMS), weak.jwk()) is Reason.KEY_MISSING


def test_the_work_is_bounded() -> None:
    """As many keys as a JWKS may have, all of a size that takes long, and all fit for a token that names none."""
    large = ONE.jwk(n="_" * 1364, e="_____w")
    token = written({"alg": "RS256"}, CLAIMS, "A" * 1364)

    begun = time.perf_counter()
    assert verdict(token, *[large] * MAX_KEYS) is Reason.BAD_SIGNATURE
    assert verdict(ONE.sign(CLAIMS, kid=None), *[STRANGER.jwk()] * MAX_TRIED, ONE.jwk()) is Reason.BAD_SIGNATURE
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (b'{"access_token": "abc"}', "abc"),
        (b'{"access_token": 7}', ""),
        (b"[]", ""),
        (b"<html>", ""),
    ],
)
def test_the_token_is_taken_out_of_the_answer(body: bytes, token: str) -> None:
    """And does not show itself."""
    issued = issued_token(TokenResponse(status=200, body=body))
    assert issued == Secret(token)
    assert "abc" not in repr(issued)


TEXTS = st.text() | st.text(alphabet="eyJ0.-_=AQab", max_size=80) | st.binary().map(lambda raw: raw.decode("latin-1"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from([*KINDS, "none", "HS256"]) | JSON},
    optional={"kid": st.sampled_from(["one", "two"]) | JSON, "crit": JSON, "b64": JSON, "typ": JSON, "x": JSON},
)
MEMBERS = st.sampled_from([ONE.jwk()["n"], "AQAB", "", "A" * 43, "A" * 5000]) | JSON
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]) | JSON,
        "crv": st.sampled_from(["P-256", "P-384", "P-521", "Ed25519", "X25519", "secp256k1"]) | JSON,
        **dict.fromkeys(("n", "e", "x", "y", "d", "k"), MEMBERS),
        "kid": st.sampled_from(["one", "two"]) | JSON,
        "use": st.sampled_from(["sig", "enc"]) | JSON,
        "alg": st.sampled_from(sorted(KINDS)) | JSON,
    },
)


@given(TEXTS | st.builds(written, HEADERS, JSON, st.sampled_from(["", "c2ln", SIGNATURE])), st.lists(KEYS, max_size=3))
def test_no_text_and_no_key_raises_or_passes(token: str, keys: list[Jwk]) -> None:
    """Nothing that nobody signed is ever taken for signed."""
    assert isinstance(verdict(token, *keys), Reason)


@given(st.data())
def test_a_good_token_among_strange_keys_is_still_known(data: st.DataObject) -> None:
    """Whatever else stands in the JWKS under other ids."""
    keys = [{**key, "kid": "other"} for key in data.draw(st.lists(KEYS, max_size=3))]
    keys.insert(data.draw(st.integers(0, len(keys))), ONE.jwk())
    assert verdict(GOOD, *keys) is None
