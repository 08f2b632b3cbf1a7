"""Whose failure an error answer is: code, then suberror, then error, then status; a 5xx is the provider's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import PROVIDER_OWNED, REGISTERED_ERRORS, Category, Side, codes
from exporter.interpret.classify import by_code, by_status, categorize
from exporter.model import ErrorCode, ErrorResponse


def refusal(error: str = "", *numbers: int, suberror: str = "") -> ErrorResponse:
    return ErrorResponse(
        error=error, codes=tuple(ErrorCode(f"AADSTS{number}") for number in numbers), suberror=suberror
    )


BY_CODE = [
    (refusal("server_error", 50000), Category.SERVICE_FAULT),
    (refusal("invalid_grant", 50000), Category.SERVICE_FAULT),
    (refusal("temporarily_unavailable", 90033), Category.SERVICE_TRANSIENT),
    (refusal("invalid_request", 90033), Category.SERVICE_TRANSIENT),
    (refusal("invalid_grant", 50196), Category.THROTTLED),
    (refusal("invalid_client", 7000222), Category.CREDENTIAL_EXPIRED),
    (refusal("invalid_client", 7000215), Category.CREDENTIAL_INVALID),
    (refusal("invalid_client", 70002), Category.CREDENTIAL_INVALID),
    (refusal("unauthorized_client", 700016), Category.CONFIG),
    (refusal("invalid_client", 700016), Category.CONFIG),
    (refusal("invalid_request", 900144), Category.REQUEST_MALFORMED),
    (refusal("invalid_grant", 70008), Category.GRANT_INVALID),
    (refusal("unauthorized_client", 50053), Category.USER_ACCOUNT),
    (refusal("invalid_grant", 50076, suberror="client_mismatch"), Category.INTERACTION_REQUIRED),
    (refusal("invalid_grant", 53003, suberror="message_only"), Category.POLICY_BLOCKED),
    (refusal("invalid_grant", 50107), Category.EXTERNAL_IDP),
    # 70002 in front wraps the cause, which stands last; any other code in front is the cause.
    (refusal("invalid_client", 70002, 50012), Category.CREDENTIAL_INVALID),
    (refusal("invalid_grant", 70002, 50126), Category.USER_ACCOUNT),
    (refusal("invalid_grant", 50126, 70002), Category.USER_ACCOUNT),
    (refusal("invalid_grant", 50126, 7000222), Category.USER_ACCOUNT),
    # With invalid_grant these speak of what was presented, not of the request's form.
    (refusal("invalid_grant", 9002313), Category.GRANT_INVALID),
    (refusal("invalid_request", 9002313), Category.REQUEST_MALFORMED),
    (refusal("invalid_grant", 70000), Category.GRANT_INVALID),
    # A longer code that is not listed is a split of its 5-digit base.
    (refusal("invalid_client", 7000299), Category.CREDENTIAL_INVALID),
    (refusal("invalid_request", 9003399), Category.SERVICE_TRANSIENT),
    (refusal("invalid_request", 900339), Category.SERVICE_TRANSIENT),
]


@pytest.mark.parametrize(("said", "category"), BY_CODE, ids=str)
def test_the_code_decides_before_error_suberror_and_a_4xx(said: ErrorResponse, category: Category) -> None:
    assert by_code(said) is category
    assert [categorize(said, status) for status in (400, 401, 403, 429)] == [category] * 4


def test_the_splits_above_are_indeed_unlisted() -> None:
    assert codes().keys().isdisjoint({"AADSTS7000299", "AADSTS9003399", "AADSTS900339", "AADSTS90033999"})


BY_SUBERROR = [
    ("additional_action", Category.INTERACTION_REQUIRED),
    ("bad_token", Category.GRANT_INVALID),
    ("basic_action", Category.INTERACTION_REQUIRED),
    ("client_mismatch", Category.GRANT_INVALID),
    ("consent_required", Category.INTERACTION_REQUIRED),
    ("device_authentication_failed", Category.POLICY_BLOCKED),
    ("message_only", Category.INTERACTION_REQUIRED),
    ("protection_policy_required", Category.POLICY_BLOCKED),
    ("token_expired", Category.GRANT_INVALID),
    ("user_password_expired", Category.INTERACTION_REQUIRED),
]


@pytest.mark.parametrize(("suberror", "category"), BY_SUBERROR)
def test_without_a_known_code_the_suberror_decides(suberror: str, category: Category) -> None:
    assert categorize(refusal("invalid_client", suberror=suberror), 400) is category
    assert categorize(refusal("invalid_client", 99999, suberror=suberror), 429) is category


BY_ERROR = [
    ("access_denied", Category.POLICY_BLOCKED),
    ("authorization_pending", Category.PENDING),
    ("code_expired", Category.GRANT_INVALID),
    ("consent_required", Category.INTERACTION_REQUIRED),
    ("expired_token", Category.GRANT_INVALID),
    ("interaction_required", Category.INTERACTION_REQUIRED),
    ("invalid_client", Category.CREDENTIAL_INVALID),
    ("invalid_grant", Category.GRANT_INVALID),
    ("invalid_instance", Category.CONFIG),
    ("invalid_request", Category.REQUEST_MALFORMED),
    ("invalid_resource", Category.CONFIG),
    ("invalid_scope", Category.CONFIG),
    ("invalid_target", Category.CONFIG),
    ("invalid_tenant", Category.CONFIG),
    ("login_required", Category.INTERACTION_REQUIRED),
    ("server_error", Category.SERVICE_FAULT),
    ("slow_down", Category.THROTTLED),
    ("temporarily_unavailable", Category.SERVICE_TRANSIENT),
    ("unauthorized_client", Category.CONFIG),
    ("unsupported_grant_type", Category.REQUEST_MALFORMED),
    ("made_up", Category.UNKNOWN),
    ("", Category.UNKNOWN),
]


@pytest.mark.parametrize(("error", "category"), BY_ERROR)
def test_without_code_and_suberror_the_error_decides(error: str, category: Category) -> None:
    assert categorize(refusal(error), 400) is category
    assert categorize(refusal(error, 99999, suberror="xyz"), 400) is category


@pytest.mark.parametrize("code", [99999, 9999, 90033999])
def test_an_unknown_code_alone_is_unknown(code: int) -> None:
    said = refusal("made_up", code)
    assert by_code(said) is None
    assert categorize(said, 400) is Category.UNKNOWN


def test_no_code_has_no_category() -> None:
    assert by_code(refusal("invalid_client")) is None


@pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "slow_down", "made_up", ""])
def test_a_429_says_more_than_an_error_without_a_code(error: str) -> None:
    assert categorize(refusal(error), 429) is Category.THROTTLED


BY_STATUS = [
    (200, None),
    (302, None),
    (400, None),
    (404, None),
    (408, None),
    (429, Category.THROTTLED),
    (500, Category.SERVICE_FAULT),
    (502, Category.SERVICE_FAULT),
    (503, Category.SERVICE_TRANSIENT),
    (504, Category.SERVICE_FAULT),
    # What is no status at all counts as a 5xx (RFC 9110 section 15).
    (999, Category.SERVICE_FAULT),
]


@pytest.mark.parametrize(("status", "category"), BY_STATUS)
def test_a_status_alone_tells_only_of_throttling_and_of_the_provider(status: int, category: Category | None) -> None:
    assert by_status(status) is category


OWN_FAULTS = [
    (refusal("invalid_client", 7000215), 500, Category.SERVICE_FAULT),
    (refusal("invalid_client", 7000215), 503, Category.SERVICE_TRANSIENT),
    (refusal("invalid_grant", 50196), 503, Category.SERVICE_TRANSIENT),
    (refusal("invalid_client"), 502, Category.SERVICE_FAULT),
    (refusal("invalid_grant", suberror="bad_token"), 500, Category.SERVICE_FAULT),
    (refusal("server_error", 7000215), 400, Category.SERVICE_FAULT),
    (refusal("temporarily_unavailable", 7000215), 400, Category.SERVICE_TRANSIENT),
    (refusal("temporarily_unavailable", 7000215), 500, Category.SERVICE_TRANSIENT),
    (refusal("server_error", 700016), 503, Category.SERVICE_FAULT),
    # A code that is the provider's own says more than the status.
    (refusal("server_error", 90033), 500, Category.SERVICE_TRANSIENT),
    (refusal("temporarily_unavailable", 50000), 503, Category.SERVICE_FAULT),
]


@pytest.mark.parametrize(("said", "status", "category"), OWN_FAULTS, ids=str)
def test_a_provider_that_says_it_failed_is_believed_over_a_code_that_blames_another(
    said: ErrorResponse, status: int, category: Category
) -> None:
    assert categorize(said, status) is category


ANY_CODE = st.sampled_from(sorted(codes())) | st.from_regex(r"AADSTS[0-9]{4,8}", fullmatch=True)
ANY_REFUSAL = st.builds(
    ErrorResponse,
    error=st.sampled_from(REGISTERED_ERRORS) | st.text(max_size=8),
    codes=st.lists(ANY_CODE.map(ErrorCode), max_size=3).map(tuple),
    suberror=st.sampled_from(["", *(suberror for suberror, _ in BY_SUBERROR)]),
)


@given(ANY_REFUSAL, st.integers(500, 999))
def test_a_5xx_is_never_blamed_on_the_client_or_the_tenant(said: ErrorResponse, status: int) -> None:
    category = categorize(said, status)
    assert category in PROVIDER_OWNED
    assert category.side is Side.PROVIDER


@given(ANY_REFUSAL, st.integers(100, 499))
def test_every_refusal_has_a_category(said: ErrorResponse, status: int) -> None:
    assert categorize(said, status) in Category
