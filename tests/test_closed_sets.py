"""Every label value and every verdict is a member of a closed set, and the sets fit together."""

import re
from itertools import product

import pytest

from exporter.catalogue import (
    FAILURE_CATEGORIES,
    PROVIDER_OWNED,
    REASONS,
    REGISTERED_ERRORS,
    RFC6749_ERRORS,
    SERVICE_CATEGORIES,
    WATCHED_ERRORS,
    Category,
    Departure,
    Phase,
    Reason,
    Side,
    Skip,
    Stage,
)
from exporter.model import Failure, Fault, Outcome

SIDES = {
    "service_fault": "provider",
    "service_transient": "provider",
    "throttled": "client",
    "credential_expired": "client",
    "credential_invalid": "client",
    "config": "client",
    "request_malformed": "client",
    "grant_invalid": "client",
    "user_account": "tenant",
    "interaction_required": "tenant",
    "policy_blocked": "tenant",
    "external_idp": "tenant",
    "protocol": "provider",
    "token_invalid": "provider",
    "contract_broken": "provider",
    "network": "network",
    "local": "prober",
    "unknown": "provider",
    "pending": "tenant",
}

PAIRS = [(stage, reason) for stage in Stage for reason in REASONS[stage]]
STRANGERS = sorted(set(product(Stage, Reason)) - set(PAIRS))


def test_every_category_has_the_side_that_can_mend_it() -> None:
    assert {str(category): str(category.side) for category in Category} == SIDES
    assert {category.side for category in Category} == set(Side)


def test_pending_is_the_one_category_that_is_no_failure() -> None:
    assert set(Category) - set(FAILURE_CATEGORIES) == {Category.PENDING}
    assert len(set(FAILURE_CATEGORIES)) == len(FAILURE_CATEGORIES)


def test_the_provider_owns_its_service_failures_and_what_only_it_can_mend() -> None:
    assert {Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT} == SERVICE_CATEGORIES
    assert SERVICE_CATEGORIES < PROVIDER_OWNED
    assert {category.side for category in PROVIDER_OWNED} == {Side.PROVIDER}
    assert {category.side for category in set(Category) - PROVIDER_OWNED} == set(Side) - {Side.PROVIDER}


def test_every_stage_has_reasons_and_every_reason_a_stage() -> None:
    assert set(REASONS) == set(Stage)
    assert {reason for _, reason in PAIRS} == set(Reason)
    assert all(REASONS[stage] for stage in Stage)
    assert len(set(PAIRS)) == len(PAIRS)


@pytest.mark.parametrize(("stage", "reason"), PAIRS, ids=str)
def test_a_fault_is_a_stage_and_one_of_its_reasons(stage: Stage, reason: Reason) -> None:
    fault = Fault(stage, reason)
    assert (fault.stage, fault.reason) == (stage, reason)


@pytest.mark.parametrize("stage", Stage, ids=str)
def test_a_fault_refuses_the_reasons_of_other_stages(stage: Stage) -> None:
    others = [reason for other, reason in STRANGERS if other is stage]
    assert len(others) == len(Reason) - len(REASONS[stage])
    for reason in others:
        with pytest.raises(ValueError, match=f"^{stage} has no reason {reason}$"):
            Fault(stage, reason)


def test_an_outcome_fails_with_its_category_side_stage_and_reason() -> None:
    outcome = Outcome.failed(Category.NETWORK, Stage.DNS, Reason.NXDOMAIN)
    assert outcome.failure == Failure(Category.NETWORK, Fault(Stage.DNS, Reason.NXDOMAIN))
    assert (outcome.success, outcome.failure.side) == (False, Side.NETWORK)
    assert Outcome().success


@pytest.mark.parametrize("members", [Category, Side, Stage, Reason, Phase, Skip, Departure])
def test_every_member_is_a_plain_word(
    members: type[Category | Side | Stage | Reason | Phase | Skip | Departure],
) -> None:
    for member in members:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", member)
        assert member == member.name.lower()


def test_the_names_that_rules_and_dashboards_use_stand() -> None:
    assert " ".join(Stage) == "local dns connect tls send headers body http parse oauth token"
    assert " ".join(Phase) == "resolve connect tls processing transfer"
    assert " ".join(Skip) == "overlap throttled missed"


def test_the_watched_errors_are_rfc_6749s_and_the_two_of_a_failing_server() -> None:
    assert (*RFC6749_ERRORS, "server_error", "temporarily_unavailable") == WATCHED_ERRORS
    assert len(RFC6749_ERRORS) == 6
    assert set(WATCHED_ERRORS) < set(REGISTERED_ERRORS)
    assert len(set(REGISTERED_ERRORS)) == len(REGISTERED_ERRORS)


@pytest.mark.parametrize("error", REGISTERED_ERRORS)
def test_a_registered_error_is_fit_to_be_a_label_value(error: str) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{0,63}", error)


@pytest.mark.parametrize("departure", Departure, ids=str)
def test_a_departure_names_the_section_that_it_departs_from(departure: Departure) -> None:
    assert re.search(r"\(RFC [0-9]+ section|\(RFC [0-9]+ appendix", departure.sentence)
