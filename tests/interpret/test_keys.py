"""Which keys of a provider are sound."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import KINDS, Party, jwks

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret import judge_keys, read_keys
from exporter.interpret.keys import MAX_KEYS
from exporter.model import Fault, Outcome, TokenResponse, TransportFailure

ONE, EC, OKP = Party(), Party("ES256", kid="two"), Party("EdDSA", kid="three")
INVALID = Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.KEYS_INVALID)
FOREIGN = {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA", "kid": "later"}
ENCRYPTING = {**Party(number=1).jwk(), "use": "enc", "kid": "enc"}


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_key_of_each_kind_is_a_key(algorithm: str) -> None:
    assert judge_keys(jwks(Party(algorithm).jwk())) == Outcome(signing_keys=frozenset({"one"}))


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ((ONE.jwk(), EC.jwk(), OKP.jwk()), {"one", "two", "three"}),
        ((ONE.jwk(), ENCRYPTING), {"one"}),
        ((ONE.jwk(), FOREIGN), {"one"}),
        ((ONE.jwk(), {"kty": "OKP", "crv": "X25519", "x": "AAAA"}), {"one"}),
        ((ONE.jwk(), {"kty": "EC", "crv": "secp256k1", "x": "A", "y": "A"}), {"one"}),
        ((ONE.jwk(use=None, key_ops=["verify"]), EC.jwk(use=None, key_ops=["encrypt"])), {"one"}),
        ((ONE.jwk(), ONE.jwk()), {"one"}),
        ((ONE.jwk(alg=None, x5c=["AAAA"], x5t="AAAA"),), {"one"}),
    ],
)
def test_keys_for_signatures_are_counted_by_their_ids(keys: tuple[object, ...], found: set[str]) -> None:
    """What is meant for something else, or not understood, is left aside (RFC 7517 section 5)."""
    assert judge_keys(jwks(*keys)) == Outcome(signing_keys=frozenset(found))


def test_a_key_without_an_id_is_known_by_its_numbers() -> None:
    """So that a rollover is seen all the same."""
    first, again, other = (judge_keys(jwks(Party(number=n).jwk(kid=None))).signing_keys for n in (0, 0, 1))
    assert first == again != other
    assert len(first or ()) == 1


@pytest.mark.parametrize("keys", [(), (ENCRYPTING,), (FOREIGN,)])
def test_without_a_key_for_signatures_no_token_can_be_checked(keys: tuple[object, ...]) -> None:
    outcome = judge_keys(jwks(*keys))
    assert outcome.failure == Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.NO_KEYS).failure
    assert outcome.signing_keys == frozenset()


@pytest.mark.parametrize(
    "keys",
    [
        ["text"],
        [None],
        [ONE.jwk(), []],
        [ONE.jwk(), ONE.jwk(n=None)],
        [ONE.jwk(), ONE.jwk(n="_" * 2000)],
        [ONE.jwk(), ONE.jwk(e="_" * 12)],
        [ONE.jwk(), EC.jwk(x="A" * 43)],
        [ONE.jwk(), EC.jwk(y=None)],
        [ONE.jwk(), OKP.jwk(x="AAAA")],
        [ONE.jwk(), Party(size=1024).jwk()],
        [{**ONE.jwk(), "d": "AAAA"}],
        [ONE.jwk(), {"kty": "oct", "k": "AAAA"}],
        [ONE.jwk()] * (MAX_KEYS + 1),
        [{}] * 10_000,
    ],
    ids=[
        "text",
        "null",
        "list",
        "no modulus",
        "long modulus",
        "long exponent",
        "not on the curve",
        "half a point",
        "short key",
        "weak key",
        "a private key",
        "a secret key",
        "too many",
        "10,000",
    ],
)
def test_a_broken_key_is_told_even_among_good_ones(keys: list[object]) -> None:
    assert judge_keys(jwks(*keys)) == INVALID


@pytest.mark.parametrize("body", [b"{}", b'{"keys": {}}', b'{"keys": "none"}', b'{"keys": null}', b'{"Keys": []}'])
def test_what_is_no_list_of_keys_is_none(body: bytes) -> None:
    answer = TokenResponse(status=200, body=body)
    assert judge_keys(answer) == read_keys(answer) == INVALID


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            TransportFailure(fault=Fault(Stage.TLS, Reason.CERT_EXPIRED)),
            Outcome.failed(Category.NETWORK, Stage.TLS, Reason.CERT_EXPIRED),
        ),
        (
            TokenResponse(status=404, body=b"<html>"),
            Outcome.failed(Category.PROTOCOL, Stage.HTTP, Reason.CLIENT_ERROR),
        ),
        (TokenResponse(status=502), Outcome.failed(Category.SERVICE_FAULT, Stage.HTTP, Reason.SERVER_ERROR)),
        (TokenResponse(status=200, body=b"<html>"), Outcome.failed(Category.PROTOCOL, Stage.PARSE, Reason.NOT_JSON)),
    ],
)
def test_no_answer_is_judged_like_any_other(answer: TokenResponse | TransportFailure, outcome: Outcome) -> None:
    assert judge_keys(answer) == read_keys(answer) == outcome


def test_private_keys_are_never_built() -> None:
    """Their numbers could keep us busy for hours; only the public ones are looked at."""
    (key,) = read_keys(jwks({**ONE.jwk(), "d": "____" * 400, "p": "x"}))  # type: ignore[misc]
    assert key["d"]
    assert judge_keys(jwks(key)) == INVALID


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
KEYS = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]) | VALUES,
        "crv": st.sampled_from(["P-256", "P-521", "Ed25519", "X25519"]) | VALUES,
        **dict.fromkeys(("n", "e", "x", "y"), st.sampled_from([ONE.jwk()["n"], "AQAB", "A" * 43, "_" * 43]) | VALUES),
        **dict.fromkeys(("kid", "use", "key_ops", "alg"), st.sampled_from(["sig", "RS256", ["verify"]]) | VALUES),
    },
)
DOCUMENTS = (st.fixed_dictionaries({"keys": st.lists(KEYS, max_size=4) | VALUES}) | VALUES).map(
    lambda document: json.dumps(document).encode()
)


@given(DOCUMENTS | st.binary(max_size=100))
def test_no_keys_raise(body: bytes) -> None:
    outcome = judge_keys(TokenResponse(status=200, body=body))
    assert outcome.success == bool(outcome.signing_keys)
