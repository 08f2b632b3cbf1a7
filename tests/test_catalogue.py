"""The error codes as data."""

import re

import pytest

from exporter.catalogue import REASONS, REGISTERED_ERRORS, Category, Entry, code_entry, codes, errors, hints

EVERYTHING = {**codes(), **errors()}


def test_the_catalogue_covers_what_is_published() -> None:
    """The official reference names 345 codes of Entra's and 128 of B2C's; AD FS has no complete list."""
    assert sum(code.startswith("AADSTS") for code in codes()) >= 379
    assert sum(code.startswith("AADB2C") for code in codes()) == 128
    assert any(code.startswith("MSIS") for code in codes())


@pytest.mark.parametrize("entry", EVERYTHING.values(), ids=lambda entry: entry.code)
def test_an_entry_is_complete_and_short(entry: Entry) -> None:
    """A name, one line of meaning, one line of what to do."""
    assert re.fullmatch(r"(AADSTS[0-9]{5,7}|AADB2C[0-9]{5}|MSIS[0-9]{4}|[a-z_]+)", entry.code)
    assert re.fullmatch(r"[A-Za-z0-9_]+", entry.name)
    assert 10 <= len(entry.meaning) <= 160
    assert 10 <= len(entry.action) <= 240
    assert entry.meaning.endswith(".")
    assert entry.meaning != entry.action
    assert "\n" not in entry.meaning + entry.action


def test_only_what_is_an_attempts_own_failure_has_a_category() -> None:
    """Verdicts on the wire and on tokens are no code's."""
    on_the_wire = {
        Category.PROTOCOL,
        Category.TOKEN_INVALID,
        Category.CONTRACT_BROKEN,
        Category.NETWORK,
        Category.LOCAL,
        Category.UNKNOWN,
    }

    assert not on_the_wire & {entry.category for entry in EVERYTHING.values()}


@pytest.mark.parametrize(
    ("code", "name", "category"),
    [
        ("AADSTS50000", "TokenIssuanceError", Category.SERVICE_FAULT),
        ("AADSTS90033", "MsodsServiceUnavailable", Category.SERVICE_TRANSIENT),
        ("AADSTS7000222", "InvalidClientSecretExpiredKeysProvided", Category.CREDENTIAL_EXPIRED),
        ("AADSTS50196", "LoopDetected", Category.THROTTLED),
        ("AADSTS53003", "BlockedByConditionalAccess", Category.POLICY_BLOCKED),
    ],
)
def test_well_known_codes(code: str, name: str, category: Category) -> None:
    """As the reference names them."""
    entry = codes()[code]

    assert (entry.name, entry.category) == (name, category)


def test_a_long_code_falls_back_to_its_five_digit_base() -> None:
    """Entra splits codes by appending digits; a code with an entry of its own needs no base."""
    assert code_entry("AADSTS5000042") is codes()["AADSTS50000"]
    assert code_entry("AADSTS700016") is codes()["AADSTS700016"]
    assert code_entry("AADSTS12345") is None
    assert code_entry("AADSTS1234567") is None
    assert code_entry("AADB2C900370") is None


def test_every_registered_error_is_explained() -> None:
    """The label values and the catalogue are the same set."""
    assert set(REGISTERED_ERRORS) == errors().keys()


def test_every_reason_of_every_stage_has_a_hint() -> None:
    """Help where there is no code to look up."""
    assert hints().keys() == {(stage, reason) for stage, reasons in REASONS.items() for reason in reasons}
    for hint in hints().values():
        assert hint.meaning.endswith(".")
        assert hint.action.endswith(".")
