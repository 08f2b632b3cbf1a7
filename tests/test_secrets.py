"""A secret is read where it is kept, as it is now, or it cannot be read; nothing in between."""

import os
from pathlib import Path

import pytest

from exporter.files import MAX_SIZE
from exporter.model import EnvironmentSecret, FileSecret, InlineSecret, Secret, SecretSource, Unreadable
from exporter.secrets import read_secret


def secret_or_none(source: SecretSource) -> Secret | None:
    """The secret, or None with a reason that says where it should be."""
    read = read_secret(source)
    if isinstance(read, Unreadable):
        assert len(read.problem) > len("is empty")
        return None
    return read


VARIABLE = "AADSTS_EXPORTER_TEST_SECRET"

CONTENTS: list[tuple[str, bytes, str | None]] = [
    ("plain", b"s3cret", "s3cret"),
    ("white space around it", b" \ts3cret\r\n", "s3cret"),
    ("white space within it", b"s3 cret", "s3 cret"),
    ("a tab within it", b"s3\tcret", "s3\tcret"),
    ("UTF-8", "grün".encode(), "grün"),
    ("nothing", b"", None),
    ("white space alone", b" \r\n", None),
    ("not UTF-8", b"s3cret\xff", None),
    ("two lines", b"s3cret\nother", None),
    ("a header of its own", b"s3cret\r\nX-Evil: 1", None),
    ("another control character", b"s3\x1bcret", None),
]


@pytest.mark.parametrize(("content", "text"), [case[1:] for case in CONTENTS], ids=[case[0] for case in CONTENTS])
def test_file_and_environment_hold_trimmed_utf8_text(
    content: bytes, text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = None if text is None else Secret(text)
    file = tmp_path / "secret"
    file.write_bytes(content)
    monkeypatch.setenv(VARIABLE, os.fsdecode(content))
    assert secret_or_none(FileSecret(file)) == expected
    assert secret_or_none(EnvironmentSecret(VARIABLE)) == expected


@pytest.mark.parametrize(
    ("stated", "text"),
    [("s3cret", "s3cret"), (" s3cret\n", "s3cret"), ("", None), (" \n", None), ("\ud800", None)],
    ids=ascii,
)
def test_an_inline_secret_is_trimmed_text_too(stated: str, text: str | None) -> None:
    assert secret_or_none(InlineSecret(Secret(stated))) == (None if text is None else Secret(text))


def test_a_missing_variable_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert secret_or_none(EnvironmentSecret(VARIABLE)) is None


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    assert secret_or_none(FileSecret(tmp_path / "none")) is None
    assert secret_or_none(FileSecret(tmp_path / "none\x00")) is None
    assert secret_or_none(FileSecret(tmp_path / ("n" * 5000))) is None


@pytest.mark.fault(68)
def test_a_directory_a_fifo_and_a_device_are_unreadable_and_block_nothing(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert secret_or_none(FileSecret(tmp_path)) is None
    assert secret_or_none(FileSecret(fifo)) is None
    assert secret_or_none(FileSecret(Path("/dev/zero"))) is None


def test_a_fifo_that_holds_something_is_unreadable_too(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    try:
        os.write(writer, b"s3cret")
        assert secret_or_none(FileSecret(fifo)) is None
        assert os.read(writer, 16) == b"s3cret"
    finally:
        os.close(writer)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    file.chmod(0)
    assert secret_or_none(FileSecret(file)) is None


@pytest.mark.fault(68)
def test_a_file_may_have_64_kib_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x" * MAX_SIZE)
    assert read_secret(FileSecret(file)) == Secret("x" * MAX_SIZE)
    file.write_text("x" * MAX_SIZE + "\n")
    assert secret_or_none(FileSecret(file)) is None


def test_a_rotated_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    source = FileSecret(file)
    file.write_text("first")
    assert read_secret(source) == Secret("first")
    file.write_text("second")
    assert read_secret(source) == Secret("second")
    file.unlink()
    assert secret_or_none(source) is None
    file.write_text("third")
    assert read_secret(source) == Secret("third")


def test_a_kubernetes_volume_is_followed_through_its_links(tmp_path: Path) -> None:
    for version in ("first", "second"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "secret").write_text(version)
    link = tmp_path / "..data"
    (tmp_path / "secret").symlink_to("..data/secret")
    source = FileSecret(tmp_path / "secret")
    link.symlink_to("first")
    assert read_secret(source) == Secret("first")
    (tmp_path / "..new").symlink_to("second")
    (tmp_path / "..new").replace(link)
    assert read_secret(source) == Secret("second")


def test_a_rotated_variable_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("first", "second"):
        monkeypatch.setenv(VARIABLE, text)
        assert read_secret(EnvironmentSecret(VARIABLE)) == Secret(text)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("secret", "fifo", "none", "."):
        read_secret(FileSecret(tmp_path / name))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("shown", [repr, str, format, ascii, "{}".format, "%s".__mod__, "%r".__mod__])
def test_a_secret_never_shows_itself(shown: object) -> None:
    assert callable(shown)
    assert shown(Secret("s3cret")) == "<secret>"


def test_a_secret_with_a_width_is_refused_rather_than_shown() -> None:
    with pytest.raises(TypeError, match=r"^(?!.*s3cret)"):
        f"{Secret('s3cret'):>20}"


def test_secrets_are_equal_by_their_text_and_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "No such file or directory"),
        ("empty", "is empty"),
        (".", "Is a directory"),
        ("large", "is larger than"),
    ],
)
def test_the_reason_names_the_file_and_what_is_in_the_way(tmp_path: Path, name: str, reason: str) -> None:
    """So that nobody has to guess at 3 a.m."""
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * (MAX_SIZE + 1))

    read = read_secret(FileSecret(tmp_path / name))

    assert isinstance(read, Unreadable)
    assert str(tmp_path) in read.problem
    assert reason in read.problem
