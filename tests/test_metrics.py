"""From results to samples."""

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_rotating_target, make_target, refusal, token
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import EXPIRES, make_pair
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue import (
    FAILURE_CATEGORIES,
    KEYS_REASONS,
    METADATA_REASONS,
    MUTUAL_TLS_FAULTS,
    REASONS,
    REGISTERED_ERRORS,
    RFC6749_ERRORS,
    TOKEN_CHECK_REASONS,
    Category,
    Reason,
    Side,
    Skip,
    Stage,
)
from exporter.catalogue import codes as catalogue
from exporter.grants import GRANTS
from exporter.interpret import judge_token
from exporter.metrics import Recorder, exposition, probe_registry
from exporter.metrics.codes import CODE_BUDGET
from exporter.metrics.families import LATENCY_BUCKETS
from exporter.model import (
    Answer,
    Certificate,
    CertificateSource,
    Credential,
    ErrorCode,
    ErrorResponse,
    Evidence,
    Exchange,
    Expectation,
    Failure,
    Fault,
    FileSecret,
    InlineSecret,
    Issuer,
    Outcome,
    ProbeResult,
    Proof,
    Reading,
    Secret,
    Target,
    TokenCheck,
    TokenRequest,
    TokenResponse,
    TransportFailure,
    Unreadable,
)
from exporter.probe import ReadProof
from exporter.providers import PROVIDERS
from exporter.windows import SIZES

OF_GRANTS = frozenset().union(*(grant.reasons for grant in GRANTS.values()))
BY_TLS = Credential("tls_client_auth", CertificateSource(Path("client.pem")))
OF_SOME = METADATA_REASONS | TOKEN_CHECK_REASONS | MUTUAL_TLS_FAULTS | OF_GRANTS
"""What only some targets can come to."""


class Board:
    """A recorder and the registry that it writes to."""

    def __init__(self, *targets: Target) -> None:
        self.registry = CollectorRegistry()
        self.recorder = Recorder(self.registry, targets or (make_target(),))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"target": "contoso"} | labels)

    def total(self, name: str, target: str = "contoso") -> float:
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and sample.labels.get("target") == target
        )

    async def probe(self, *answers: Answer, target: Target | None = None) -> None:
        prober = make_prober(ScriptedSend(answers), FakeClock())
        for _ in answers:
            self.recorder.record(await prober.probe(target or make_target()))


def result_of(outcome: Outcome, **changes: object) -> ProbeResult:
    """A result with this outcome."""
    values: dict[str, object] = {
        "target": make_target(),
        "started_at": 1_700_000_000.0,
        "duration": 0.2,
        "outcome": outcome,
        "evidence": Evidence(endpoint="https://login.example/", request_id="r"),
        "exchange": Exchange(),
    }
    return ProbeResult(**(values | changes))  # type: ignore[arg-type]


def failed(code: str, category: Category = Category.UNKNOWN) -> ProbeResult:
    """A refusal with this code."""
    failure = Failure(category, Fault(Stage.OAUTH, Reason.REFUSED))
    return result_of(Outcome(failure=failure, refusal=ErrorResponse(error="x", codes=(ErrorCode(code),))))


def test_everything_that_can_be_known_starts_at_zero() -> None:
    """The first scrape has every counter of a target that any alert may look at."""
    board = Board(make_target(expect=Expectation(codes=frozenset({ErrorCode("AADSTS900144")}))))

    assert board.value("token_probe_attempts_total") == 0
    for category in FAILURE_CATEGORIES:
        assert board.value("token_probe_failures_total", side=category.side, category=category) == 0
    for code in PROVIDERS["entra"].watched:
        assert board.total("token_probe_errors_total") == 0
        assert any(
            board.value("token_probe_errors_total", code=code, category=c) == 0
            for c in (Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT)
        )
    assert board.value("token_probe_errors_total", code="AADSTS900144", category="request_malformed") == 0
    for error in (*RFC6749_ERRORS, "server_error", "temporarily_unavailable"):
        assert board.value("token_probe_oauth_errors_total", error=error) == 0
    for stage, reasons in REASONS.items():
        for reason in reasons:
            answered = stage is Stage.OAUTH and reason in {Reason.REFUSED, Reason.ERROR_IN_200}
            expected = None if answered or (stage, reason) in OF_SOME else 0
            assert board.value("token_probe_transport_failures_total", stage=stage, reason=reason) == expected
    for skip in Skip:
        assert board.value("token_probe_skipped_total", reason=skip) == 0
    assert board.value("token_probe_duration_seconds_count", outcome="failure") == 0


@pytest.mark.parametrize(
    ("target", "special"),
    [
        pytest.param(make_target(), frozenset(), id="plain"),
        pytest.param(make_target(provider="oidc", endpoint=Issuer("https://a.example")), METADATA_REASONS, id="issuer"),
        pytest.param(make_target(expect=Expectation(token=TokenCheck())), TOKEN_CHECK_REASONS, id="token check"),
        pytest.param(make_target(credential=BY_TLS), MUTUAL_TLS_FAULTS, id="certificate"),
        pytest.param(make_target(next_credential=BY_TLS), MUTUAL_TLS_FAULTS, id="next certificate"),
        pytest.param(make_target(grant="jwks"), KEYS_REASONS, id="keys"),
        *(
            pytest.param(
                make_target(grant=grant.name),
                grant.reasons | (METADATA_REASONS if grant.discovers else set()),
                id=grant.name,
            )
            for grant in GRANTS.values()
        ),
    ],
)
def test_what_only_some_targets_can_come_to_has_series_there_alone(
    target: Target, special: frozenset[tuple[Stage, Reason]]
) -> None:
    """A target pays for what it uses."""
    board = Board(target)
    series = {
        (stage, reason)
        for stage, reason in OF_SOME
        if board.value("token_probe_transport_failures_total", stage=stage, reason=reason) == 0
    }
    assert series == special


def test_keys_are_counted_and_a_change_of_them_is_remembered() -> None:
    """The first sight is none, or every restart would look like a rollover; an answer without keys changes nothing."""
    board, target = Board(make_target(grant="jwks")), make_target(grant="jwks")
    rollover = "token_probe_jwks_last_rollover_timestamp_seconds"
    seen = []
    for at, keys in enumerate([{"a", "b"}, {"a", "b"}, None, {"b", "c"}, {"b", "c"}, set()]):
        found = None if keys is None else frozenset(keys)
        lost = Outcome.failed(Category.NETWORK, Stage.DNS, Reason.TIMEOUT)
        outcome = lost if keys is None else Outcome(failure=None if keys else lost.failure, signing_keys=found)
        board.recorder.record(result_of(outcome, target=target, started_at=float(at)))
        seen.append((board.value("token_probe_jwks_keys"), board.value(rollover)))

    assert seen == [(2, None), (2, None), (2, None), (2, 3.0), (2, 3.0), (0, 5.0)]


def test_the_state_of_a_target_is_unknown_before_its_first_attempt() -> None:
    """A target that was never probed neither fails nor succeeds."""
    board = Board()

    assert board.value("token_probe_success") is None
    assert board.value("token_probe_last_success_timestamp_seconds") is None


async def test_a_success_counts_and_resets() -> None:
    """A success ends the run of failures and stamps its moment."""
    board = Board()

    await board.probe(refusal(50000, "server_error", 500), refusal(50000, "server_error", 500), token())

    assert board.value("token_probe_attempts_total") == 3
    assert board.value("token_probe_success") == 1
    assert board.value("token_probe_consecutive_failures") == 0
    assert board.value("token_probe_last_success_timestamp_seconds") == 1_700_000_000
    assert board.value("token_probe_token_lifetime_seconds") == 3599
    assert board.value("token_probe_duration_seconds_count", outcome="success") == 1
    assert board.value("token_probe_duration_seconds_count", outcome="failure") == 2


async def test_a_code_counts_once_under_its_side_code_and_error() -> None:
    """One failure is one in each view of it."""
    board = Board()

    await board.probe(refusal(50000, "server_error", 500))

    assert board.value("token_probe_failures_total", side="provider", category="service_fault") == 1
    assert board.value("token_probe_errors_total", code="AADSTS50000", category="service_fault") == 1
    assert board.value("token_probe_oauth_errors_total", error="server_error") == 1
    assert board.total("token_probe_transport_failures_total") == 0
    assert board.value("token_probe_consecutive_failures") == 1


async def test_a_failure_on_the_wire_counts_by_stage_and_reason() -> None:
    """It has no code and no OAuth error."""
    board = Board()

    await board.probe(TransportFailure(fault=Fault(Stage.TLS, Reason.CERT_EXPIRED)))

    assert board.value("token_probe_transport_failures_total", stage="tls", reason="cert_expired") == 1
    assert board.value("token_probe_failures_total", side="network", category="network") == 1
    assert board.total("token_probe_errors_total") == board.total("token_probe_oauth_errors_total") == 0


@pytest.mark.fault(66)
async def test_an_unreadable_secret_shows_on_its_own_gauge() -> None:
    """And on it alone is the credential blamed."""
    board = Board()
    broken = make_prober(ScriptedSend([token()]), FakeClock(), read=lambda _: Unreadable("gone"))

    board.recorder.record(await broken.probe(make_target()))

    assert board.value("token_probe_credential_readable", credential="current") == 0
    assert board.value("token_probe_failures_total", side="prober", category="local") == 1
    await board.probe(token())
    assert board.value("token_probe_credential_readable", credential="current") == 1


async def test_a_value_that_stands_in_for_what_cannot_be_read_shows_on_the_gauge_alone() -> None:
    """Probing goes on as if nothing had happened."""
    board = Board()
    stale = Reading(Secret("s3cret"), stale="/run/secrets/x is empty")

    board.recorder.record(await make_prober(ScriptedSend([token()]), FakeClock(), lambda _: stale).probe(make_target()))

    assert board.value("token_probe_credential_readable", credential="current") == 0
    assert board.value("token_probe_success") == 1


async def test_what_a_grant_presents_has_a_gauge_of_its_own() -> None:
    """A password that cannot be read is not the client's credential."""
    target = make_target(secrets=(("password", InlineSecret(Secret("pa55"))), ("assertion", FileSecret(Path("gone")))))
    board = Board(target)

    board.recorder.record(await make_prober(ScriptedSend([token()]), FakeClock()).probe(target))

    gauges = {label: board.value("token_probe_credential_readable", credential=label) for label in LABELS}
    assert gauges == {"current": 1, "next": None, "password": 1, "assertion": 0}


LABELS = ("current", "next", "password", "assertion")
SOON, LATER = 1_800_000_000.0, EXPIRES.timestamp()


@pytest.mark.parametrize(
    ("stated", "proof", "end"),
    [
        (None, Secret("s3cret"), None),
        (SOON, Secret("s3cret"), SOON),
        (None, make_pair().certificate, LATER),
        (SOON, make_pair().certificate, SOON),
        (LATER + 1, make_pair().certificate, LATER),
    ],
    ids=["nobody knows", "a secret, as stated", "a certificate, by itself", "stated earlier", "stated later"],
)
async def test_the_earlier_end_of_a_credential_counts(stated: float | None, proof: Proof, end: float | None) -> None:
    """That of the config is there from the first scrape on, that of a certificate once it was read."""
    method = "private_key_jwt" if isinstance(proof, Certificate) else "client_secret_post"
    target = make_target(credential=Credential(method, CertificateSource(Path("tls.pem")), stated))
    board = Board(target)
    before = board.value("token_probe_credential_expiry_timestamp_seconds", credential="current")

    prober = make_prober(ScriptedSend([token()]), FakeClock(), lambda _: Reading(proof))
    board.recorder.record(await prober.probe(target))

    assert before == stated
    assert board.value("token_probe_credential_expiry_timestamp_seconds", credential="current") == end


def reading(proof: Proof) -> ReadProof:
    """Reads this, whatever is asked for."""
    return lambda _: Reading(proof)


@pytest.mark.fault(69)
async def test_a_renewed_certificate_moves_its_end() -> None:
    """With the next attempt."""
    target = make_target(credential=Credential("private_key_jwt", CertificateSource(Path("tls.pem"))))
    board = Board(target)
    for expires in (datetime(2030, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)):
        certificate = make_pair(expires=expires).certificate
        prober = make_prober(ScriptedSend([token()]), FakeClock(), reading(certificate))
        board.recorder.record(await prober.probe(target))
        end = board.value("token_probe_credential_expiry_timestamp_seconds", credential="current")
        assert end == expires.timestamp()


OF_A_ROTATION = (
    "token_probe_credential_success",
    "token_probe_credential_attempts_total",
    "token_probe_credential_failures_total",
)


async def test_a_target_without_a_next_credential_has_no_series_of_a_rotation() -> None:
    """They would double those that every target has."""
    board = Board()
    await board.probe(token(), refusal(7000215, "invalid_client", 401))
    assert not any(sample.name in OF_A_ROTATION for family in board.registry.collect() for sample in family.samples)


def test_the_series_of_a_rotation_start_at_zero() -> None:
    """For both credentials, by every kind of failure."""
    board = Board(make_rotating_target())
    for label in ("current", "next"):
        assert board.value("token_probe_credential_attempts_total", credential=label) == 0
        assert board.value("token_probe_credential_success", credential=label) is None
        for category in FAILURE_CATEGORIES:
            labels = {"credential": label, "side": category.side, "category": category}
            assert board.value("token_probe_credential_failures_total", **labels) == 0


@pytest.mark.parametrize(
    ("target", "meets_it"),
    [
        (make_target(), False),
        (make_target(credential=Credential("tls_client_auth", CertificateSource(Path("tls.pem")))), True),
        (make_target(next_credential=Credential("tls_client_auth", CertificateSource(Path("x")), label="next")), True),
    ],
    ids=["shows none", "shows a certificate", "shall show one"],
)
def test_who_shows_a_certificate_is_ready_for_its_refusal(target: Target, meets_it: bool) -> None:
    """Nobody else needs the series before it happens."""
    found = Board(target).value(
        "token_probe_transport_failures_total", stage="tls", reason="client_certificate_refused"
    )
    assert found == (0 if meets_it else None)


async def test_an_expected_refusal_is_no_error() -> None:
    """It counts as a success and in no error counter."""
    target = make_target(expect=Expectation(errors=frozenset({"invalid_client"})))
    board = Board(target)

    await board.probe(refusal(7000215, "invalid_client", 401), target=target)

    assert board.value("token_probe_success") == 1
    assert board.total("token_probe_failures_total") == board.total("token_probe_oauth_errors_total") == 0


async def test_attempts_are_successes_and_failures() -> None:
    """Whatever comes back, every attempt is counted on exactly one side."""
    board = Board()
    answers: list[Answer] = [
        token(),
        refusal(50000, "server_error", 500),
        refusal(7000215, "invalid_client", 401),
        refusal(999999, "strange"),
        TransportFailure(fault=Fault(Stage.DNS, Reason.NXDOMAIN)),
        token(status=404),
    ]

    await board.probe(*answers)

    successes = board.value("token_probe_duration_seconds_count", outcome="success")
    assert successes == 1
    assert board.value("token_probe_attempts_total") == 6 == successes + board.total("token_probe_failures_total")


@pytest.mark.fault(70)
def test_unknown_codes_have_a_budget() -> None:
    """After it is used up they share `other`, and that is counted."""
    board = Board()

    for number in range(CODE_BUDGET + 5):
        board.recorder.record(failed(f"AADSTS{9990000 + number}"))
    board.recorder.record(failed("AADSTS9990000"))

    assert board.value("token_probe_errors_total", code="AADSTS9990000", category="unknown") == 2
    assert board.value("token_probe_errors_total", code="other", category="unknown") == 5
    assert board.registry.get_sample_value("token_exporter_code_overflow_total") == 5


def test_a_code_that_the_config_watches_needs_no_budget() -> None:
    """Though the catalogue does not know it, and others have used the budget up."""
    board = Board(make_target(watch=(ErrorCode("AADSTS9999999"),)))

    for number in range(CODE_BUDGET):
        board.recorder.record(failed(f"AADSTS{9990000 + number}"))
    board.recorder.record(failed("AADSTS9999999"))

    assert board.value("token_probe_errors_total", code="AADSTS9999999", category="unknown") == 1
    assert board.registry.get_sample_value("token_exporter_code_overflow_total") == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.from_regex(r"AADSTS[0-9]{4,8}", fullmatch=True), max_size=300))
def test_no_number_of_strange_codes_exceeds_the_bound(codes: list[str]) -> None:
    """Beside the catalogue's codes a target has at most the budget's, and `other`."""
    board = Board()

    for code in codes:
        board.recorder.record(failed(code))

    series = {
        sample.labels["code"]: sample.value
        for family in board.registry.collect()
        for sample in family.samples
        if sample.name == "token_probe_errors_total"
    }
    assert board.value("token_probe_attempts_total") == len(codes)
    assert len(series.keys() - catalogue().keys()) <= CODE_BUDGET + 1


def test_the_targets_own_labels_stand_on_its_info_series() -> None:
    """A label that only some targets have is empty on the others."""
    board = Board(make_target("a", labels=(("team", "identity"),)), make_target("b"))

    text = exposition(board.registry, openmetrics=False).decode()

    infos = [line for line in text.splitlines() if line.startswith("token_probe_target_info{")]
    assert ['team="identity"' in line for line in infos] == [True, False]


@pytest.mark.parametrize("openmetrics", [False, True])
async def test_the_strict_parsers_read_every_line(*, openmetrics: bool) -> None:
    """Both exposition formats are what they claim to be."""
    board = Board()
    await board.probe(token(), refusal(50000, "server_error", 500))

    text = exposition(board.registry, openmetrics=openmetrics).decode()

    families = list((parse_openmetrics if openmetrics else parse_text)(text))
    assert any(family.name.startswith("token_probe_errors") for family in families)


def test_the_latency_buckets_fit_token_endpoints() -> None:
    """From 0.05 to 30 seconds, rising."""
    assert (LATENCY_BUCKETS[0], LATENCY_BUCKETS[-1]) == (0.05, 30.0)
    assert list(LATENCY_BUCKETS) == sorted(set(LATENCY_BUCKETS))


async def test_a_probe_on_demand_answers_in_blackbox_exporters_names() -> None:
    """Rules written for blackbox_exporter find what they look for."""
    result = await make_prober(ScriptedSend([refusal(50000, "server_error", 500)]), FakeClock()).probe(make_target())

    registry = probe_registry(result)

    assert registry.get_sample_value("probe_success") == 0
    assert registry.get_sample_value("probe_http_status_code") == 500
    assert registry.get_sample_value("probe_duration_seconds") == 0
    for phase in ("resolve", "connect", "tls", "processing", "transfer"):
        assert registry.get_sample_value("probe_http_duration_seconds", {"phase": phase}) == 0
    labels = {
        "side": Side.PROVIDER,
        "category": Category.SERVICE_FAULT,
        "stage": "oauth",
        "reason": "refused",
        "code": "AADSTS50000",
        "error": "server_error",
    }
    assert registry.get_sample_value("token_probe_failure_info", labels) == 1


async def test_ids_are_exemplars_of_errors_and_latency() -> None:
    """A click on a spike leads to the trace id; both ids fit the 128 characters that OpenMetrics allows."""
    board = Board()
    await board.probe(refusal(50000, "server_error", 500))

    text = exposition(board.registry, openmetrics=True).decode()

    ids = (
        '# {correlation_id="00000000-0000-4000-8000-00000000000b",trace_id="00000000-0000-4000-8000-00000000000a"} 1.0'
    )
    (error,) = (line for line in text.splitlines() if "errors_total" in line and 'code="AADSTS50000"' in line)
    assert ids in error
    assert any(
        line.startswith("token_probe_duration_seconds_bucket") and "trace_id" in line for line in text.split("\n")
    )
    assert "trace_id" not in exposition(board.registry, openmetrics=False).decode()


@pytest.mark.parametrize("evil", ["x" * 200, 'a"b', "new\nline", "\ud800", "a b", "é", ""])
def test_an_id_that_is_not_safe_is_no_exemplar(evil: str) -> None:
    """Nor does it harm the scrape."""
    board = Board()
    failure = Failure(Category.SERVICE_FAULT, Fault(Stage.OAUTH, Reason.REFUSED))
    refused = ErrorResponse(error="x", codes=(ErrorCode("AADSTS50000"),), trace_id=evil, correlation_id=evil)

    board.recorder.record(result_of(Outcome(failure=failure, refusal=refused)))

    assert "# {" not in exposition(board.registry, openmetrics=True).decode()


@pytest.mark.parametrize("evil", ["\ud800", "a\nb", "a\x00b", "\u202eb", 'a"b\\c'])
def test_no_label_value_breaks_the_scrape(evil: str) -> None:
    """One guard stands before every label."""
    target = make_target(evil, labels=(("team", evil),), tenant=evil)
    board = Board(target)
    board.recorder.record(result_of(Outcome(), target=target))

    for openmetrics, parse in ((True, parse_openmetrics), (False, parse_text)):
        assert list(parse(exposition(board.registry, openmetrics=openmetrics).decode()))


async def test_a_scrape_sees_whole_attempts_only() -> None:
    """While one is rendered results wait; then they count."""
    board = Board()
    with board.recorder.held():
        await board.probe(token(), refusal(50000, "server_error", 500))
        assert board.value("token_probe_attempts_total") == 0

    assert board.value("token_probe_attempts_total") == 2
    assert board.total("token_probe_failures_total") == 1


async def test_every_code_that_is_counted_is_described() -> None:
    """A join with token_error_info loses no error."""
    board = Board()
    await board.probe(refusal(7000222, "invalid_client", 401), refusal(999999, "invalid_request"))

    for code, name, category, side in (
        ("AADSTS7000222", "InvalidClientSecretExpiredKeysProvided", "credential_expired", "client"),
        ("AADSTS999999", "", "unknown", "provider"),
    ):
        labels = {"code": code, "name": name, "category": category, "side": side}
        assert board.registry.get_sample_value("token_error_info", labels) == 1


async def test_a_code_is_described_as_long_as_a_target_has_it() -> None:
    """Endpoints that make codes up leave none behind, however often their targets come and go."""
    first, second = make_target("first"), make_target("second")
    board = Board(first, second)
    before = described(board)
    made_up, shared = (refusal(code, "invalid_request") for code in (999_998, 999_999))
    await board.probe(made_up, shared, target=first)
    await board.probe(shared, target=second)
    assert described(board) == before | {"AADSTS999998", "AADSTS999999"}

    board.recorder.retarget([second])
    assert described(board) == before | {"AADSTS999999"}
    board.recorder.retarget([make_target("second", interval=60.0)])
    assert described(board) == before
    board.recorder.retarget([])
    assert described(board) == set()


def described(board: Board) -> set[str]:
    """The codes of token_error_info."""
    families = (family for family in board.registry.collect() if family.name == "token_error_info")
    return {sample.labels["code"] for family in families for sample in family.samples}


async def test_text_of_a_provider_is_no_label_of_a_probe_on_demand() -> None:
    """An error value that is not registered is `other` there too."""
    result = await make_prober(ScriptedSend([refusal(50000, "made_up_by_someone", 500)]), FakeClock()).probe(
        make_target()
    )

    text = exposition(probe_registry(result), openmetrics=False).decode()

    assert 'error="other"' in text
    assert "made_up" not in text


def test_an_error_of_ours_is_a_failure_on_our_side() -> None:
    """It is an attempt with an outcome, and nobody else is blamed."""
    board = Board()

    board.recorder.crashed(make_target(), 1_700_000_000.0)

    assert board.registry.get_sample_value("token_exporter_internal_errors_total") == 1
    assert board.value("token_probe_attempts_total") == 1
    assert board.value("token_probe_success") == 0
    assert board.value("token_probe_failures_total", side="prober", category="local") == 1
    assert board.value("token_probe_transport_failures_total", stage="local", reason="internal") == 1


@pytest.mark.fault(70)
def test_a_hundred_thousand_random_answers_stay_within_the_bound_of_the_docs() -> None:
    """Whatever codes and errors an endpoint makes up (docs/configuration.md, How many series)."""
    chance = random.Random(0)
    board = Board()
    request, expect = TokenRequest(url="https://login.example/token"), Expectation()
    errors = (*RFC6749_ERRORS, "server_error", "made_up", "x" * 64, "")
    for _ in range(100_000):
        code = ErrorCode(f"AADSTS{chance.randrange(10_000, 10_000_000)}")
        body = f'{{"error": "{chance.choice(errors)}", "error_description": "{code}: {chance.random()}"}}'.encode()
        outcome = judge_token(TokenResponse(status=400, body=body), request, expect)
        board.recorder.record(result_of(outcome))

    series = Counter(sample.name for family in board.registry.collect() for sample in family.samples)
    catalogued = sum(code.startswith("AADSTS") for code in catalogue())
    assert board.value("token_probe_attempts_total") == 100_000
    assert series["token_probe_errors_total"] <= catalogued + CODE_BUDGET + 1
    assert series["token_probe_window_errors"] <= len(SIZES) * (catalogued + CODE_BUDGET + 1)
    assert series["token_probe_code_last_seen_timestamp_seconds"] <= catalogued + CODE_BUDGET + 1
    assert series["token_probe_window_failures"] <= len(SIZES) * len(FAILURE_CATEGORIES)
    assert series["token_error_info"] <= catalogued + CODE_BUDGET
    assert series["token_probe_oauth_errors_total"] <= len(REGISTERED_ERRORS) + 1
    assert series["token_probe_failures_total"] == len(FAILURE_CATEGORIES)
