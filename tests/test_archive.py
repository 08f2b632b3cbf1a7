"""The history on disk."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import pytest
from processes import ROOT

from exporter import archive as archive_module
from exporter.archive import Archive
from exporter.history import OF_A_FAILURE, OF_A_SUCCESS, Entry

NOW = 1_700_000_000.0
DETAILS = MappingProxyType(dict.fromkeys(OF_A_FAILURE | OF_A_SUCCESS, "x"))
WEEK = 7 * 86400.0


class Told:
    """Keeps what an archive says of its file, and lets a test wait for it."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self._changed = threading.Condition()

    def __call__(self, writable: bool) -> None:
        with self._changed:
            self.states.append(writable)
            self._changed.notify_all()

    def wait_for(self, state: bool) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.states[-1:] == [state], 20)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes at once rather than once a second."""
    monkeypatch.setattr(archive_module, "FLUSH_EVERY", 0.01)


def entry(number: int, *, success: bool = False, age: float = 0.0) -> Entry:
    return Entry(number, "contoso", NOW - age, success, DETAILS)


def make(path: Path, told: Told | None = None) -> Archive:
    return Archive(path, WEEK, lambda: NOW, told or Told())


def load(path: Path) -> list[Entry]:
    loaded = make(path).load()
    assert loaded is not None
    return loaded


def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    """In order, with all details."""
    path = tmp_path / "history.sqlite"
    entries = [entry(1), entry(2, success=True), entry(3)]
    with make(path) as archive:
        for made in entries:
            archive.append(made)

    assert load(path) == entries


def test_old_attempts_are_dropped(tmp_path: Path) -> None:
    """From what is loaded, and from the file."""
    path = tmp_path / "history.sqlite"
    with make(path) as archive:
        archive.append(entry(1, age=WEEK + 1))
        archive.append(entry(2, age=WEEK - 1))
    with make(path):
        pass

    assert [made.id for made in load(path)] == [2]
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM attempts").fetchone() == (1,)
    database.close()


def test_the_file_keeps_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest, and failures apart from successes."""
    monkeypatch.setattr(archive_module, "MAX_FAILURES", 3)
    monkeypatch.setattr(archive_module, "MAX_SUCCESSES", 2)
    path = tmp_path / "history.sqlite"
    with make(path) as archive:
        for number in range(1, 11):
            archive.append(entry(number, success=number % 2 == 0))
    with make(path):
        pass

    assert [made.id for made in load(path)] == [5, 7, 8, 9, 10]


def test_a_path_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """A folder that does not exist; once it does, what waited is written."""
    folder = tmp_path / "later"
    told = Told()
    with make(folder / "history.sqlite", told) as archive:
        assert archive.load() is None
        archive.append(entry(1))
        told.wait_for(False)
        folder.mkdir()
        told.wait_for(True)

    assert [made.id for made in load(folder / "history.sqlite")] == [1]
    assert told.states == [False, True]


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """And left alone."""
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    told = Told()
    with make(path, told) as archive:
        archive.append(entry(1))
        told.wait_for(False)

    assert path.read_bytes().startswith(b"not a database")


_FULL = """
import resource, sys
from pathlib import Path
from exporter import archive
from exporter.history import OF_A_FAILURE, OF_A_SUCCESS, Entry

archive.FLUSH_EVERY = 0.01
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
told = lambda writable: print(writable, flush=True)
limit(1 << 16)
with archive.Archive(Path(sys.argv[1]), 1e9, lambda: 1.7e9, told) as kept:
    for number in range(1, 101):
        kept.append(Entry(number, "contoso", 1.7e9, False, {**dict.fromkeys(OF_A_FAILURE), "body": "x" * 5000}))
    sys.stdin.readline()
    limit(resource.RLIM_INFINITY)
    sys.stdin.readline()
"""


def test_a_full_disk_is_told_and_what_waited_is_written_later(tmp_path: Path) -> None:
    """The file may not grow at first."""
    path = tmp_path / "history.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", _FULL, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while process.stdout.readline() != "False\n":
            pass
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"
        process.stdin.write("\n")

    assert len(load(path)) == 100


_WRITER = """
import sys
from pathlib import Path
from exporter.archive import Archive
from exporter.history import OF_A_FAILURE, OF_A_SUCCESS, Entry

written = lambda writable: print("written", flush=True)
with Archive(Path(sys.argv[1]), 1e9, lambda: 1.7e9, written) as archive:
    for number in range(1, 101):
        archive.append(Entry(number, "contoso", 1.7e9, False, dict.fromkeys(OF_A_FAILURE)))
    sys.stdin.read()
"""


def test_a_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """Kill -9 after the flush leaves a whole file."""
    path = tmp_path / "history.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()

    assert len(load(path)) == 100


@pytest.mark.parametrize("spoilt", ["{broken", "null", "[]", "{}", b"\xff"])
def test_a_spoilt_row_costs_no_other(tmp_path: Path, spoilt: str | bytes) -> None:
    """It is left out."""
    path = tmp_path / "history.sqlite"
    with make(path) as archive:
        archive.append(entry(1))
        archive.append(entry(2))
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE attempts SET details = ? WHERE id = 1", (spoilt,))
    database.close()

    assert [made.id for made in load(path)] == [2]


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    """It holds what providers answered."""
    path = tmp_path / "history.sqlite"
    with make(path) as archive:
        archive.append(entry(1))

    assert path.stat().st_mode & 0o077 == 0


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """It is told, and nothing is added to it."""
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE foo (bar)")
    told = Told()
    with make(path, told) as archive:
        archive.append(entry(1))
        told.wait_for(False)

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("foo",)]


def test_two_archives_do_not_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told, rather than overwriting what the first wrote."""
    monkeypatch.setattr(archive_module, "LOCK_TIMEOUT", 0.1)
    path = tmp_path / "history.sqlite"
    first, second = Told(), Told()
    with make(path, first) as one:
        one.append(entry(1))
        first.wait_for(True)
        with make(path, second) as two:
            two.append(entry(1))
            second.wait_for(False)

    assert len(load(path)) == 1


def test_a_file_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    """What comes after is not written into nothing."""
    path = tmp_path / "history.sqlite"
    told = Told()
    with make(path, told) as archive:
        archive.append(entry(1))
        told.wait_for(True)
        path.unlink()
        archive.append(entry(2))

    assert [made.id for made in load(path)] == [2]
