"""Certificates with their keys, as people keep them, and as they come when something went wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import EXPIRES, PASSWORD, Pair, make_pair, rsa_pair

from exporter.certificates import parse_certificate
from exporter.model import Certificate, Secret, Unreadable

PAIR, OTHER = make_pair(), make_pair()
WHERE = "/run/secrets/tls.crt"

GOOD: list[tuple[str, Pair, bytes, bytes | None, str]] = [
    ("two PEM files", PAIR, PAIR.chain, PAIR.key, ""),
    ("one PEM file", PAIR, PAIR.chain + PAIR.key, None, ""),
    ("one PEM file, the key first", PAIR, PAIR.key + PAIR.chain, None, ""),
    ("one PEM file with words between", PAIR, b"key of ours\r\n" + PAIR.key + b"\nchain\n" + PAIR.chain, None, ""),
    ("a locked key in PEM", PAIR, PAIR.chain, PAIR.locked_key(), PASSWORD),
    ("PKCS#12 with a password", PAIR, PAIR.pkcs12(), None, PASSWORD),
    ("PKCS#12 without", PAIR, PAIR.pkcs12(""), None, ""),
    ("RSA", rsa_pair(), rsa_pair().chain, rsa_pair().key, ""),
    ("RSA in PKCS#12", rsa_pair(), rsa_pair().pkcs12(), None, PASSWORD),
]


def parse(certificate: bytes, key: bytes | None, password: str) -> Certificate | Unreadable:
    return parse_certificate(certificate, key, Secret(password) if password else None, WHERE)


@pytest.mark.parametrize(
    ("pair", "certificate", "key", "password"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD]
)
def test_a_pair_is_read(pair: Pair, certificate: bytes, key: bytes | None, password: str) -> None:
    """Whole, its own certificate first, with the moment at which that ends."""
    read = parse(certificate, key, password)

    assert isinstance(read, Certificate)
    assert read == pair.certificate
    assert len(read.chain) == 2
    assert read.private_key.public_key() == pair.certificates[0].public_key()
    assert (read.begins, read.expires) == (pair.certificates[0].not_valid_before_utc.timestamp(), EXPIRES.timestamp())


WRONG_PASSWORD = "is no PEM, and no PKCS#12 that opens with this password"
BAD: list[tuple[str, bytes, bytes | None, str, str]] = [
    ("nothing", b"", None, "", "is no PEM, and no PKCS#12 that opens without a password"),
    ("something else", b"s3cret", None, "", "is no PEM, and no PKCS#12 that opens without a password"),
    ("a certificate alone", PAIR.chain, None, "", "is no PEM of a certificate and its private key"),
    ("a key alone", PAIR.key, None, "", "is no PEM of a certificate and its private key"),
    ("a torn certificate", PAIR.chain[:300], PAIR.key, "", "is no PEM of a certificate and its private key"),
    ("a torn key", PAIR.chain, PAIR.key[:100], "", "is no PEM of a certificate and its private key"),
    ("somebody else's key", PAIR.chain, OTHER.key, "", "the private key belongs to another certificate"),
    ("a torn PKCS#12", PAIR.pkcs12()[:200], None, PASSWORD, WRONG_PASSWORD),
    ("a wrong password for PKCS#12", PAIR.pkcs12(), None, "b4d p4ss", WRONG_PASSWORD),
    ("no password for PKCS#12", PAIR.pkcs12(), None, "", "is no PEM, and no PKCS#12 that opens without a password"),
    (
        "a wrong password for PEM",
        PAIR.chain,
        PAIR.locked_key(),
        "b4d p4ss",
        "is no PEM of a certificate and its private key, or the password is wrong",
    ),
    ("no password for PEM", PAIR.chain, PAIR.locked_key(), "", "the private key needs a password"),
    ("a password that nothing needs", PAIR.chain, PAIR.key, "b4d p4ss", "was given one that it does not need"),
    ("two swapped files", PAIR.key, PAIR.chain, "", "is no PEM of a certificate and its private key"),
]


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    ("certificate", "key", "password", "problem"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_what_is_wrong_is_told(certificate: bytes, key: bytes | None, password: str, problem: str) -> None:
    """With the file, and with not a word of what stands in it."""
    read = parse(certificate, key, password)

    assert isinstance(read, Unreadable)
    assert read.problem.startswith(f"{WHERE}: ")
    assert problem in read.problem
    assert not password or password not in read.problem


def test_a_certificate_shows_neither_key_nor_chain() -> None:
    """Whoever prints it sees when it ends."""
    shown = repr(PAIR.certificate)
    assert "PrivateKey" not in shown
    assert "b'" not in shown


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.one_of(st.none(), st.binary(max_size=200)), st.text(max_size=5), st.booleans())
def test_no_content_brings_it_down(certificate: bytes, key: bytes | None, password: str, pem: bool) -> None:
    """Whatever stands in the files."""
    head = b"-----BEGIN CERTIFICATE-----\n" if pem else b""
    assert isinstance(parse(head + certificate, key, password), Unreadable)


@pytest.mark.fault(67)
@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PAIR.key + PAIR.chain)), st.binary(max_size=20))
def test_a_half_written_pair_is_no_pair(cut: int, after: bytes) -> None:
    """However much of it was written: all of it, or it is told."""
    whole = PAIR.key + PAIR.chain
    read = parse(whole[:cut] + after, None, "")
    first = whole.index(b"-----END CERTIFICATE-----")
    assert isinstance(read, Unreadable) or (cut >= first and read.chain[0] == PAIR.certificate.chain[0])
