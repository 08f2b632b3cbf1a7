"""What a code or a pasted text means."""

import pytest

from exporter.explain import as_fields, explain_text, explain_word


@pytest.mark.parametrize(
    ("word", "provider", "name", "category", "codes"),
    [
        ("AADSTS50000", "entra", "TokenIssuanceError", "service_fault", [50000]),
        ("50000", "entra", "TokenIssuanceError", "service_fault", [50000]),
        ('"AADSTS50000:"', "entra", "TokenIssuanceError", "service_fault", [50000]),
        ("aadsts50000", "entra", "TokenIssuanceError", "service_fault", [50000]),
        ("AADB2C90037", "entra", "PolicyEngineFailure", "service_fault", [90037]),
        ("90037", "entra_b2c", "PolicyEngineFailure", "service_fault", [90037]),
        ("MSIS9605", "entra", None, None, []),
        ("invalid_client", "entra", "invalid_client", "credential_invalid", []),
        ("AADSTS5000099", "entra", "TokenIssuanceError", "service_fault", [5000099]),
    ],
)
def test_a_word_is_explained(
    word: str, provider: str, name: str | None, category: str | None, codes: list[int]
) -> None:
    """A code in any spelling, one split off from a known code, or an OAuth error value."""
    fields = as_fields(explain_word(word, provider=provider))

    assert fields["codes"] == codes
    assert fields["primary_code"] == (codes[0] if codes else None)
    if name is not None:
        assert (fields["name"], fields["category"]) == (name, category)
    assert fields["meaning"]
    assert fields["action"]


def test_an_unknown_code_is_unknown() -> None:
    """It is named, and the provider's."""
    explanation = explain_word("AADSTS99999")

    assert explanation.unknown_codes() == ("AADSTS99999",)
    assert (explanation.category, explanation.side) == ("unknown", "provider")
    assert not explanation.empty


@pytest.mark.parametrize("word", ["", "bogus", "AADSTS", "12", "https://evil.example"])
def test_what_is_no_code_explains_nothing(word: str) -> None:
    """And says so."""
    assert explain_word(word).empty


def test_every_code_of_a_stack_trace_is_explained() -> None:
    """In the order in which they stand."""
    explanation = explain_text("Boom: AADSTS50013: x\n at y: AADSTS700024: z AADSTS50013")

    assert [entry.code for entry in explanation.entries] == ["AADSTS50013", "AADSTS700024"]


@pytest.mark.parametrize(
    ("text", "status", "category"),
    [
        ("Too Many Requests", 429, "throttled"),
        ("<html>502</html>", 502, "service_fault"),
        ("", 503, "service_transient"),
        ("", None, None),
        ('{"error": "invalid_client"}', 500, "service_fault"),
        ('{"error": "invalid_client"}', 401, "credential_invalid"),
    ],
)
def test_the_status_decides_what_the_text_leaves_open(text: str, status: int | None, category: str | None) -> None:
    """As it does for a probe."""
    assert as_fields(explain_text(text, status))["category"] == category


def test_the_fields_are_complete() -> None:
    """Programs find the same names whatever was read."""
    assert list(as_fields(explain_text(""))) == [
        "error",
        "codes",
        "primary_code",
        "suberror",
        "trace_id",
        "correlation_id",
        "timestamp",
        "claims",
        "category",
        "side",
        "name",
        "meaning",
        "action",
        "faults",
    ]


@pytest.mark.parametrize(
    ("word", "faults"),
    [
        ("secret_unreadable", ["local/secret_unreadable"]),
        ("local/secret_unreadable", ["local/secret_unreadable"]),
        ("local: secret_unreadable", ["local/secret_unreadable"]),
        ("nxdomain", ["dns/nxdomain"]),
        ("no_keys", ["oauth/no_keys"]),
        ("untrusted", ["tls/untrusted"]),
        ("invalid_client", []),
    ],
)
def test_a_fault_is_explained(word: str, faults: list[str]) -> None:
    """By its reason, or with its stage as metrics, log and `once` have them; an OAuth error value goes first."""
    explained = as_fields(explain_word(word))["faults"]

    assert [fault["fault"] for fault in explained] == faults
    assert all(fault["meaning"] and fault["action"] for fault in explained)


def test_a_reason_of_several_stages_is_explained_for_each() -> None:
    """What to do depends on how far an attempt got."""
    assert {"dns/timeout", "connect/timeout"} <= set(explain_word("timeout").faults)


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("level=warning target=a side=network stage=dns reason=nxdomain request_id=x", ["dns/nxdomain"]),
        ('{"side": "network", "stage": "dns", "reason": "nxdomain"}', ["dns/nxdomain"]),
        ("stage=oauth reason=refused code=AADSTS50000", []),
        ("stage=moon reason=nxdomain", []),
    ],
)
def test_a_line_of_the_exporters_log_is_explained(line: str, faults: list[str]) -> None:
    """Unless it has a code, which says more."""
    explanation = explain_text(line)

    assert list(explanation.faults) == faults
    assert bool(explanation.entries) is ("AADSTS50000" in line)


def test_the_status_counts_for_a_word_too() -> None:
    """A provider that says it failed itself is believed."""
    assert explain_word("invalid_client", 500).category == "service_fault"
