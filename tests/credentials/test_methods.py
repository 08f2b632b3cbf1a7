"""How clients prove who they are by more than a secret: what is sent, and what a library of others makes of it."""

import base64
import hashlib
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fakes import FakeClock, ScriptedSend, make_prober, make_target, token
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from pairs import Pair, make_pair, rsa_pair

from exporter.credentials import METHODS, Client, Needs
from exporter.credentials.private_key_jwt import LIFETIME
from exporter.model import Certificate, CertificateSource, Credential, Proof, Reading, Secret, Signing, TokenRequest

URL = "https://login.example/contoso/oauth2/v2.0/token"
NOW = 1_700_000_000.75
BEFORE = TokenRequest(url=URL, form=(("grant_type", "client_credentials"),))
ASSERTION_TYPE = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
EC_PAIR = make_pair()


def client(proof: Proof | None, **signing: Any) -> Client:
    ids = count(1)
    return Client(
        client_id="prober",
        proof=proof,
        audience=URL,
        now=NOW,
        new_id=lambda: f"id-{next(ids)}",
        signing=Signing(**signing),
    )


def signed(pair: Pair, **signing: Any) -> str:
    """The assertion that a client sends."""
    after = METHODS["private_key_jwt"].authenticate(BEFORE, client(pair.certificate, **signing))
    assertion = dict(after.form or ())["client_assertion"]
    assert isinstance(assertion, Secret)
    return assertion.reveal()


def verified(assertion: str, pair: Pair, algorithm: str) -> jwt.Token:
    """What joserfc reads, once it has checked the signature."""
    family: type[RSAKey | ECKey] = ECKey if algorithm == "ES256" else RSAKey
    registry = JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = 8192  # certificates take more than the default
    return jwt.decode(assertion, family.import_key(pair.key), registry=registry)


def thumbprint(pair: Pair, digest: str) -> str:
    der = pair.certificate.chain[0]
    return base64.urlsafe_b64encode(hashlib.new(digest, der).digest()).rstrip(b"=").decode()


CASES: list[tuple[str, Pair, Mapping[str, Any], str, str, str]] = [
    ("Entra's own way", rsa_pair(), {}, "PS256", "x5t#S256", "sha256"),
    ("PS256 by name", rsa_pair(), {"algorithm": "PS256"}, "PS256", "x5t#S256", "sha256"),
    ("older parties", rsa_pair(), {"algorithm": "RS256"}, "RS256", "x5t", "sha1"),
    ("an elliptic curve", EC_PAIR, {}, "ES256", "x5t#S256", "sha256"),
    ("ES256 by name", EC_PAIR, {"algorithm": "ES256"}, "ES256", "x5t#S256", "sha256"),
]
cases = pytest.mark.parametrize(
    ("pair", "signing", "algorithm", "header", "digest"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)


@cases
def test_an_assertion_is_what_entra_documents(
    pair: Pair, signing: Mapping[str, Any], algorithm: str, header: str, digest: str
) -> None:
    """These header parameters and claims, and no others."""
    read = verified(signed(pair, **signing), pair, algorithm)

    assert read.header == {"alg": algorithm, "typ": "JWT", header: thumbprint(pair, digest)}
    assert read.claims == {
        "aud": URL,
        "iss": "prober",
        "sub": "prober",
        "jti": "id-1",
        "nbf": 1_700_000_000,
        "iat": 1_700_000_000,
        "exp": 1_700_000_000 + LIFETIME,
    }
    assert 300 <= LIFETIME <= 600


@cases
def test_an_assertion_fits_its_key_only(
    pair: Pair, signing: Mapping[str, Any], algorithm: str, header: str, digest: str
) -> None:
    """And is worth nothing once a letter of it has changed."""
    head, claims, signature = signed(pair, **signing).split(".")
    _, of_another, _ = signed(pair, **signing, audience="https://sso.example").split(".")
    turned = signature[:9] + ("A" if signature[9] != "A" else "B") + signature[10:]

    for changed in (f"{head}.{claims}.{turned}", f"{head}.{of_another}.{signature}"):
        with pytest.raises(BadSignatureError):
            verified(changed, pair, algorithm)


def test_what_the_config_asks_for_is_added() -> None:
    """A key's id, the chain for parties that trust an issuer, another audience."""
    pair = rsa_pair()
    read = verified(signed(pair, key_id="2031-key", with_chain=True, audience="https://sso.example"), pair, "PS256")

    assert read.header["kid"] == "2031-key"
    assert [base64.b64decode(each) for each in read.header["x5c"]] == list(pair.certificate.chain)
    assert len(read.header["x5c"]) == 2
    assert read.claims["aud"] == "https://sso.example"


async def test_no_two_assertions_are_alike() -> None:
    """Not even within a second: a party may refuse an id that it has seen."""
    send = ScriptedSend([token()])
    target = make_target(credential=Credential("private_key_jwt", CertificateSource(Path("tls.crt"))))
    prober = make_prober(send, FakeClock(), read=lambda _: Reading(EC_PAIR.certificate))

    await prober.probe(target)
    await prober.probe(target)

    sent = [request.secrets[0].reveal() for request in send.requests]
    assert len({verified(assertion, EC_PAIR, "ES256").claims["jti"] for assertion in sent}) == 2


@pytest.mark.parametrize(
    ("method", "proof"),
    [("private_key_jwt", EC_PAIR.certificate), ("federated_assertion", Secret("eyJhbGciOi.eyJzdWIi.c2ln"))],
)
def test_an_assertion_is_a_form_parameter_and_a_secret(method: str, proof: Proof) -> None:
    """Beside the client's id and the type, RFC 7521 section 4.2."""
    after = METHODS[method].authenticate(BEFORE, client(proof))

    *others, (name, assertion) = after.form or ()
    assert others == [("grant_type", "client_credentials"), ("client_id", "prober"), ASSERTION_TYPE]
    assert name == "client_assertion"
    assert isinstance(assertion, Secret)
    assert after.secrets == (assertion,)
    assert assertion.reveal() not in f"{after!r}"
    assert (after.url, after.headers, after.client_certificate) == (URL, (), None)


def test_a_federated_assertion_is_sent_as_it_stands() -> None:
    """Somebody else signed it."""
    proof = Secret("eyJhbGciOi.eyJzdWIi.c2ln")
    assert (
        dict(METHODS["federated_assertion"].authenticate(BEFORE, client(proof)).form or ())["client_assertion"] == proof
    )


def test_a_certificate_goes_into_the_handshake() -> None:
    """And the client's id into the form, RFC 8705 section 2."""
    after = METHODS["tls_client_auth"].authenticate(BEFORE, client(EC_PAIR.certificate))

    assert after.form == (("grant_type", "client_credentials"), ("client_id", "prober"))
    assert after.client_certificate == EC_PAIR.certificate
    assert after.secrets == ()


def test_a_public_client_says_who_it_is_and_no_more() -> None:
    """As soon as it is anybody."""
    anybody = Client(client_id="", proof=None, audience=URL, now=NOW, new_id=str, signing=Signing())

    assert METHODS["none"].authenticate(BEFORE, client(None)).form == (*(BEFORE.form or ()), ("client_id", "prober"))
    assert METHODS["none"].authenticate(BEFORE, anybody) == BEFORE


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_takes_its_own_proof_only(method: str) -> None:
    """Anything else is a mistake of ours, not of the config's."""
    wrong: Proof = Secret("x") if METHODS[method].needs is Needs.CERTIFICATE else EC_PAIR.certificate
    if METHODS[method].needs is Needs.NOTHING:
        return
    with pytest.raises(TypeError):
        METHODS[method].authenticate(BEFORE, client(wrong))


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Certificate:
    return Certificate(chain=(b"x",), private_key=key, begins=0.0, expires=1.0)


UNFIT = [
    ("too short an RSA key", certificate_of(rsa.generate_private_key(65537, 1024)), "", "2048 bits"),
    (
        "a curve that JWS has no algorithm of ours for",
        certificate_of(ec.generate_private_key(ec.SECP384R1())),
        "",
        "P-256",
    ),
    ("RSA for a curve", EC_PAIR.certificate, "PS256", "cannot sign with PS256; set algorithm to ES256"),
    ("a curve for RSA", rsa_pair().certificate, "ES256", "cannot sign with ES256; set algorithm to PS256 or RS256"),
    ("what fits", rsa_pair().certificate, "RS256", ""),
    ("what fits by itself", EC_PAIR.certificate, "", ""),
]


@pytest.mark.parametrize(
    ("proof", "algorithm", "problem"), [case[1:] for case in UNFIT], ids=[case[0] for case in UNFIT]
)
def test_a_key_that_cannot_sign_is_told(proof: Certificate, algorithm: str, problem: str) -> None:
    """Before anything is sent."""
    said = METHODS["private_key_jwt"].unfit(proof, Signing(algorithm))
    assert problem in said
    assert bool(problem) is bool(said)
    assert METHODS["tls_client_auth"].unfit(proof, Signing(algorithm)) == ""
