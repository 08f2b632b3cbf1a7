"""The history on disk: SQLite, written by a thread of its own once a second, so that no probe waits for a disk."""

import json
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from exporter.history import OF_A_FAILURE, OF_A_SUCCESS, Entry

FLUSH_EVERY = 1.0
"""Seconds of attempts that a kill loses at the most."""

LOCK_TIMEOUT = 1.0
"""Seconds to wait for another process to let go of the file."""

MAX_SUCCESSES = 50_000
MAX_FAILURES = 20_000
"""Rows that are kept. A row takes about 1 KiB, a failure's with its body at most about 10 KiB."""

MAX_WAITING = 10_000
"""Attempts that wait in memory for a disk that does not take them; the oldest give way."""

PRUNE_EVERY = 60

APPLICATION_ID = 0x41414453
"""What SQLite's header says of whose file it is: `AADS`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    started_at REAL NOT NULL,
    success INTEGER NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_success ON attempts (success, id);
"""

log = logging.getLogger(__name__)


class Archive:
    """Keeps entries in a file across restarts. `changed` is told whether the file can be written; never raises.

    Use as a context manager: leaving it writes what still waits.
    """

    def __init__(self, path: Path, max_age: float, now: Callable[[], float], changed: Callable[[bool], None]) -> None:
        self._path = path
        self._max_age = max_age
        self._now = now
        self._changed = changed
        self._writable: bool | None = None
        self._inode = 0
        self._waiting: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._taken: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="archive", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def append(self, entry: Entry) -> None:
        """Has an entry written within a second."""
        self._waiting.append(entry)

    def load(self) -> list[Entry] | None:
        """The entries of earlier runs that are not too old, in the order of their ids; None if they cannot be read."""
        try:
            with closing(self._open()) as database:
                rows = database.execute(
                    "SELECT id, target, started_at, success, details FROM attempts WHERE started_at >= ? ORDER BY id",
                    (self._now() - self._max_age,),
                )
                return list(_entries(rows))
        except (sqlite3.Error, OSError) as error:
            self._tell(error)
            return None

    def _write_on(self) -> None:
        database: sqlite3.Connection | None = None
        flushes = 0
        while True:
            stopping = self._stop.wait(FLUSH_EVERY)
            try:
                if database is not None and not self._in_place():
                    database.close()
                    database = None
                database = database or self._open()
                self._flush(database)
                if flushes % PRUNE_EVERY == 0:
                    self._prune(database)
                flushes += 1
                self._tell(None)
            except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
                self._tell(error)
                if isinstance(error, ValueError | OverflowError):
                    # What cannot be written at all must not hold up the rest.
                    self._taken.clear()
                if database is not None:
                    database.close()
                database = None
            if stopping:
                break
        if database is not None:
            database.close()

    def _open(self) -> sqlite3.Connection:
        # Made by us rather than by SQLite, so that nobody else can read it: it holds what providers answered.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._inode = self._path.stat().st_ino
        database = sqlite3.connect(self._path, timeout=LOCK_TIMEOUT)
        database.text_factory = lambda content: content.decode("utf-8", "replace")
        try:
            _claim(database)
            # One exporter a file: two would overwrite each other's attempts.
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _in_place(self) -> bool:
        """Whether the path still leads to the file that was opened."""
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _flush(self, database: sqlite3.Connection) -> None:
        while self._waiting:
            self._taken.append(self._waiting.popleft())
        with database:
            database.executemany(
                "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)",
                ((e.id, e.target, e.started_at, e.success, json.dumps(dict(e.values))) for e in self._taken),
            )
        self._taken.clear()

    def _prune(self, database: sqlite3.Connection) -> None:
        with database:
            database.execute("DELETE FROM attempts WHERE started_at < ?", (self._now() - self._max_age,))
            for success, most in ((0, MAX_FAILURES), (1, MAX_SUCCESSES)):
                database.execute(
                    "DELETE FROM attempts WHERE success = ? AND id <= "
                    "(SELECT id FROM attempts WHERE success = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (success, success, most),
                )

    def _tell(self, error: Exception | None) -> None:
        writable = error is None
        if writable == self._writable:
            return
        self._writable = writable
        self._changed(writable)
        if error is not None:
            log.warning("the history cannot be written; probing goes on", extra={"reason": str(error)})
        else:
            log.info("the history is written", extra={"path": str(self._path)})


def _claim(database: sqlite3.Connection) -> None:
    """Marks a new file as ours, and refuses another program's. Raises sqlite3.DatabaseError."""
    (owner,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and tables:
        raise sqlite3.DatabaseError("the file is another program's database")
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _entries(rows: sqlite3.Cursor) -> Iterator[Entry]:
    for number, target, started_at, success, details in rows:
        # A row that something else has spoilt is no reason to lose the others.
        with suppress(ValueError, TypeError):
            values = json.loads(details)
            if isinstance(values, dict) and values.keys() >= (OF_A_SUCCESS if success else OF_A_FAILURE):
                yield Entry(int(number), str(target), float(started_at), bool(success), MappingProxyType(values))
