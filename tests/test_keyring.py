"""A keyring reads at each use, and holds on to what was good when it cannot."""

from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from pairs import PASSWORD, make_pair

from exporter.model import (
    AssertionSource,
    CertificateSource,
    EnvironmentSecret,
    FileSecret,
    ProofSource,
    Reading,
    Secret,
    Unreadable,
)
from exporter.secrets import Keyring

VARIABLE = "AADSTS_EXPORTER_TEST_SECRET"
FIRST, SECOND = make_pair(), make_pair()


def assertion(subject: str) -> str:
    """A JWT, whoever signed it."""
    return jwt.encode({"sub": subject, "exp": 1_900_000_000}, "k" * 32, "HS256")


def proof(keyring: Keyring, source: ProofSource) -> object:
    """What is read; an Unreadable where nothing was ever read."""
    read = keyring.read(source)
    return read.proof if isinstance(read, Reading) else read


def swap_links(folder: Path, version: str, files: dict[str, bytes]) -> None:
    """Puts all files in place at once, as Kubernetes does with a volume of secrets."""
    (folder / version).mkdir()
    for name, content in files.items():
        (folder / version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").replace(folder / "..data")


def vanish(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def turn_into_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def grow(file: Path) -> None:
    file.write_bytes(b"x" * (1 << 17))


def garble(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")


def tear(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:30])


LOSSES: list[Callable[[Path], None]] = [vanish, empty, turn_into_folder, grow, garble]
SOURCES = ["secret", "assertion", "certificate", "key", "password"]


@pytest.mark.fault(66, 68)
@pytest.mark.parametrize("lost", SOURCES)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_the_last_good_value_stands_in_for_what_is_lost(
    tmp_path: Path, lost: str, loss: Callable[[Path], None]
) -> None:
    """And it is told why; once the file is good again, so is what is read."""
    FIRST.write(tmp_path, "certificate", "key")
    (tmp_path / "key").write_bytes(FIRST.locked_key())
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "secret").write_text("first")
    (tmp_path / "assertion").write_text(assertion("first"))
    pair = CertificateSource(tmp_path / "certificate", tmp_path / "key", FileSecret(tmp_path / "password"))
    sources: dict[str, ProofSource] = {
        "secret": FileSecret(tmp_path / "secret"),
        "assertion": AssertionSource(tmp_path / "assertion"),
    }
    keyring, source = Keyring(), sources.get(lost, pair)
    before, content = keyring.read(source), (tmp_path / lost).read_bytes()

    loss(tmp_path / lost)
    after = keyring.read(source)
    if (tmp_path / lost).is_dir():
        (tmp_path / lost).rmdir()
    (tmp_path / lost).write_bytes(content)

    assert isinstance(before, Reading)
    assert isinstance(after, Reading)
    assert (before.stale, after.proof) == ("", before.proof)
    assert str(tmp_path) in after.stale
    assert keyring.read(source) == before
    assert isinstance(Keyring().read(source), Reading)


@pytest.mark.fault(67)
@pytest.mark.parametrize("torn", ["assertion", "certificate", "key"])
def test_what_is_half_written_is_not_taken(tmp_path: Path, torn: str) -> None:
    """Nobody can tell of a plain secret; of these anybody can."""
    FIRST.write(tmp_path, "certificate", "key")
    (tmp_path / "assertion").write_text(assertion("first"))
    pair = CertificateSource(tmp_path / "certificate", tmp_path / "key")
    keyring, source = Keyring(), AssertionSource(tmp_path / "assertion") if torn == "assertion" else pair
    before = keyring.read(source)

    tear(tmp_path / torn)
    after = keyring.read(source)

    assert isinstance(before, Reading)
    assert isinstance(after, Reading)
    assert after.proof == before.proof
    assert after.stale


@pytest.mark.parametrize(
    "source",
    [
        FileSecret(Path("/nonexistent/secret")),
        EnvironmentSecret(VARIABLE),
        AssertionSource(Path("/nonexistent/assertion")),
        CertificateSource(Path("/nonexistent/tls.pem")),
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_was_never_readable_is_unreadable(source: ProofSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to stand in for it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    read = Keyring().read(source)
    assert isinstance(read, Unreadable)
    assert "nonexistent" in read.problem or VARIABLE in read.problem


def test_a_keyring_does_not_take_one_source_for_another(tmp_path: Path) -> None:
    """The last good value of one is none of another's."""
    (tmp_path / "a").write_text("a")
    keyring = Keyring()
    assert proof(keyring, FileSecret(tmp_path / "a")) == Secret("a")
    assert isinstance(keyring.read(FileSecret(tmp_path / "b")), Unreadable)


@pytest.mark.parametrize("goes", ["secret", "certificate"])
def test_what_no_target_is_proven_by_any_more_is_let_go(tmp_path: Path, goes: str) -> None:
    """Its last good value serves nobody; that of what stays does."""
    FIRST.write(tmp_path)
    (tmp_path / "secret").write_text("s3cret")
    sources: dict[str, ProofSource] = {
        "secret": FileSecret(tmp_path / "secret"),
        "certificate": CertificateSource(tmp_path / "tls.crt", tmp_path / "tls.key"),
    }
    keyring = Keyring()
    before = {name: proof(keyring, source) for name, source in sources.items()}

    keyring.retain({source for name, source in sources.items() if name != goes})
    for file in tmp_path.iterdir():
        file.unlink()

    after = {name: proof(keyring, source) for name, source in sources.items()}
    assert {name for name, read in after.items() if read != before[name]} == {goes}
    assert isinstance(after[goes], Unreadable)


@pytest.mark.fault(67)
@pytest.mark.parametrize("order", [("tls.crt", "tls.key"), ("tls.key", "tls.crt")])
def test_key_and_certificate_change_together(tmp_path: Path, order: tuple[str, str]) -> None:
    """Between the first and the second file the old pair goes on, and that is told."""
    FIRST.write(tmp_path)
    keyring, source = Keyring(), CertificateSource(tmp_path / "tls.crt", tmp_path / "tls.key")
    assert proof(keyring, source) == FIRST.certificate
    contents = {"tls.crt": SECOND.chain, "tls.key": SECOND.key}

    (tmp_path / order[0]).write_bytes(contents[order[0]])
    between = keyring.read(source)
    (tmp_path / order[1]).write_bytes(contents[order[1]])

    assert isinstance(between, Reading)
    assert between.proof == FIRST.certificate
    assert "belongs to another certificate" in between.stale
    assert keyring.read(source) == Reading(SECOND.certificate)


@pytest.mark.fault(67)
def test_a_volume_of_kubernetes_changes_at_once(tmp_path: Path) -> None:
    """All files by one link."""
    source = CertificateSource(tmp_path / "tls.crt", tmp_path / "tls.key")
    keyring = Keyring()
    for version, pair in (("..1", FIRST), ("..2", SECOND)):
        swap_links(tmp_path, version, {"tls.crt": pair.chain, "tls.key": pair.key})
        assert keyring.read(source) == Reading(pair.certificate)


def test_a_certificate_is_parsed_again_only_when_it_changed(tmp_path: Path) -> None:
    """PKCS#12 takes a tenth of a second, during which nothing else runs; so it is the very same one until then."""
    file = tmp_path / "tls.p12"
    keyring, source = Keyring(), CertificateSource(file)
    file.write_bytes(FIRST.pkcs12(""))
    first = proof(keyring, source)
    file.touch()
    touched = proof(keyring, source)
    file.write_bytes(SECOND.pkcs12(""))
    second = proof(keyring, source)

    assert touched is first
    assert (first, second) == (FIRST.certificate, SECOND.certificate)


def test_the_file_of_azures_variable_is_looked_up_at_each_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who set it may have restarted nothing."""
    keyring, source = Keyring(), AssertionSource(None)
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    assert keyring.read(source) == Unreadable("environment variable AZURE_FEDERATED_TOKEN_FILE is not set")
    for name in ("first", "second"):
        (tmp_path / name).write_text(assertion(name) + "\n")
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / name))
        assert keyring.read(source) == Reading(Secret(assertion(name)))


@pytest.mark.parametrize("content", ["s3cret", "a.b.c", assertion("x").rpartition(".")[0], assertion("x")[1:]])
def test_what_is_no_jwt_is_no_assertion(tmp_path: Path, content: str) -> None:
    """It is told so, without a word of it."""
    (tmp_path / "token").write_text(content)
    assert Keyring().read(AssertionSource(tmp_path / "token")) == Unreadable(f"{tmp_path}/token holds no JWT")


def test_nothing_that_a_keyring_holds_shows_itself(tmp_path: Path) -> None:
    """It is the one thing that knows every secret."""
    FIRST.write(tmp_path)
    (tmp_path / "secret").write_text("s3cret")
    keyring = Keyring()
    keyring.read(FileSecret(tmp_path / "secret"))
    keyring.read(CertificateSource(tmp_path / "tls.crt", tmp_path / "tls.key"))

    assert "s3cret" not in repr(keyring)
    assert "PRIVATE KEY" not in repr(keyring)
