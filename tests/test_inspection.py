"""What `check` sees without asking anybody."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from fakes import make_target
from pairs import make_pair

from exporter.inspection import Findings, inspect
from exporter.model import (
    NEXT,
    AssertionSource,
    CertificateSource,
    Credential,
    FileSecret,
    InlineSecret,
    Secret,
    SecretSource,
    Target,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = Findings((), ())


def seen(target: Target) -> Findings:
    return inspect(target, NOW.timestamp())


def with_certificate(folder: Path, password: SecretSource | None = None) -> Target:
    source = CertificateSource(folder / "tls.crt", folder / "tls.key", password)
    return make_target(credential=Credential("private_key_jwt", source))


def private(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o600)


def test_a_target_with_everything_in_order_has_no_findings(tmp_path: Path) -> None:
    """A secret in the config, and a certificate with its key."""
    make_pair(expires=NOW + DAY).write(tmp_path)
    private(tmp_path)

    assert seen(make_target()) == GOOD
    assert seen(with_certificate(tmp_path)) == GOOD


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    ("begins", "ends", "problem"),
    [
        (NOW - 9 * DAY, NOW - DAY, "its certificate ended at 2029-12-31 00:00 UTC"),
        (
            NOW + DAY,
            NOW + 9 * DAY,
            "its certificate begins at 2030-01-02 00:00 UTC; is the clock of this machine right?",
        ),
    ],
    ids=["ended", "not yet valid"],
)
def test_a_certificate_out_of_its_time(tmp_path: Path, begins: datetime, ends: datetime, problem: str) -> None:
    make_pair(begins=begins, expires=ends).write(tmp_path)
    private(tmp_path)

    assert seen(with_certificate(tmp_path)) == Findings((problem,), ())


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    make_pair(expires=NOW + DAY).write(tmp_path)
    (tmp_path / "tls.key").write_bytes(make_pair(expires=NOW + DAY).key)
    private(tmp_path)

    (problem,) = seen(with_certificate(tmp_path)).problems
    assert problem.startswith("its secret cannot be read: ")
    assert "another certificate" in problem


def test_the_next_credential_is_looked_at_too() -> None:
    """And named; a secret that the config itself says has ended is of no use."""
    ended = Credential("client_secret_post", InlineSecret(Secret("x")), expires=NOW.timestamp() - 60, label=NEXT)

    assert seen(make_target(next_credential=ended)).problems == (
        "its next secret ended at 2029-12-31 23:59 UTC, as the config says",
    )


def test_an_assertion_that_nobody_renews(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(jwt.encode({"exp": NOW.timestamp() - 60}, "k" * 32, "HS256"))
    private(tmp_path)

    (problem,) = seen(make_target(credential=Credential("federated_assertion", AssertionSource(file)))).problems
    assert problem == "its assertion ended at 2029-12-31 23:59 UTC; whoever writes the file has stopped renewing it"


@pytest.mark.fault(68)
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
def test_a_file_that_everybody_may_read_is_unwise(tmp_path: Path, mode: int, warned: bool) -> None:
    """Of a certificate only the key matters."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    secret.chmod(mode)
    make_pair(expires=NOW + DAY).write(tmp_path)
    (tmp_path / "tls.crt").chmod(0o644)
    (tmp_path / "tls.key").chmod(mode)

    for target, path in (
        (make_target(credential=Credential("client_secret_post", FileSecret(secret))), secret),
        (with_certificate(tmp_path), tmp_path / "tls.key"),
        (make_target(secrets=(("password", FileSecret(secret)),)), secret),
    ):
        findings = seen(target)
        assert findings.problems == ()
        warning = f"{path} may be read by everybody on this machine; chmod o-r"
        assert findings.warnings == ((warning,) if warned else ())


def test_no_finding_shows_a_secret(tmp_path: Path) -> None:
    """Whatever is wrong with it."""
    file = tmp_path / "secret"
    file.write_text("s3cret" * 20_000)
    wrong = CertificateSource(file, None, InlineSecret(Secret("p4ss")))

    for source in (FileSecret(file), wrong):
        findings = inspect(make_target(credential=Credential("private_key_jwt", source)), time.time())
        assert findings.problems
        assert "s3cret" not in str(findings)
        assert "p4ss" not in str(findings)
