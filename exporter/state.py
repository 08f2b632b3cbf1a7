"""What targets remember between attempts: in a file each, written so that a crash loses nothing, or in memory.

A state file is replaced whole: a draft beside it (`NAME.new`) is written, flushed to the disk and renamed. Room for the
draft is taken before anything is sent, so that a full disk is found while the old content still serves. A whole draft
that a crash left behind is newer than the file, and is taken up. `NAME.lock` keeps other processes out.
"""

import asyncio
import fcntl
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from errno import ENOSPC
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from exporter.clock import Clock
from exporter.files import read_file
from exporter.model import Secret, State, Target, Unreadable

ROOM = 128 * 1024
"""Bytes that a state may take: twice the longest answer that a token can come in."""

LOOK_EVERY = 0.05
"""Seconds between two looks whether another process has let go of a state."""

BUSY = Unreadable("another process uses the state file; give each exporter files of its own")

_PRIVATE = 0o600
_OTHERS = 0o077


class _Content(BaseModel):
    """What a state file holds, as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    fingerprint: str = ""
    refresh_token: str | None = None
    refusals: int = 0
    proven: bool = False


class Keeper:
    """Keeps what targets remember, and lets one attempt of a target at a time have it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._in_memory: defaultdict[Hashable, _InMemory] = defaultdict(_InMemory)
        self._files: dict[Path, StateFile] = {}

    @asynccontextmanager
    async def hold(self, target: Target) -> AsyncIterator["_InMemory | StateFile | Unreadable"]:
        """Waits until no other attempt, here or in another process, has what the target remembers."""
        # Not by name: a target that a new config calls otherwise is still the same account.
        account = target.state_file or (target.endpoint.url, target.arguments)
        async with self._turns[account]:
            if target.state_file is None:
                yield self._in_memory[account]
                return
            file = self._files.setdefault(target.state_file, StateFile(target.state_file))
            problem = await self._open(file, self._clock.monotonic() + target.timeout)
            try:
                yield problem or file
            finally:
                await asyncio.to_thread(file.close)

    def retain(self, paths: Collection[Path]) -> None:
        """Lets go of what was read of any other file than these, unless it is in use, or holds more than is written.

        What is remembered in memory stays: to forget how often a password was refused could lock its account.
        """
        self._files = {
            path: file
            for path, file in self._files.items()
            if path in paths or self._turns[path].locked() or file.is_unwritten
        }

    async def _open(self, file: "StateFile", deadline: float) -> Unreadable | None:
        while (problem := await asyncio.to_thread(file.open)) is BUSY and self._clock.monotonic() < deadline:
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY)
        return problem


@dataclass(slots=True)
class _InMemory:
    """What a target remembers until the process ends."""

    state: State = field(default_factory=State)

    async def prepare(self, state: State) -> None:
        self.state = state

    async def keep(self, state: State) -> None:
        self.state = state


class StateFile:
    """A state file with its draft and its lock. What cannot be written is remembered until it can be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft_path = path.with_name(f"{path.name}.new")
        self._written = State()
        self._unwritten: State | None = None
        self._lock: int | None = None
        self._draft: int | None = None

    @property
    def state(self) -> State:
        """What was remembered last."""
        return self._unwritten or self._written

    @property
    def is_unwritten(self) -> bool:
        """Whether what was remembered last could not be written so far."""
        return self._unwritten is not None

    async def prepare(self, state: State) -> Unreadable | None:
        """Keeps this and takes room for more, or tells what is in the way."""
        return await asyncio.to_thread(self._told, lambda: self._prepare(state))

    async def keep(self, state: State) -> Unreadable | None:
        """Keeps this, or tells what is in the way."""
        return await asyncio.to_thread(self._told, lambda: self._keep(state))

    def open(self) -> Unreadable | None:
        """Takes the lock and reads what is kept, or tells what is in the way. Never raises."""
        return self._told(self._take_lock) or self._told(self._read)

    def close(self) -> None:
        """Gives back room and lock. Never raises."""
        if self._draft is not None:
            os.close(self._draft)
            with suppress(OSError):
                self._draft_path.unlink()
        if self._lock is not None:
            os.close(self._lock)
        self._draft = self._lock = None

    def _told(self, action: Callable[[], object]) -> Unreadable | None:
        try:
            action()
        except BlockingIOError:
            return BUSY
        except OSError as error:
            return Unreadable(f"{self._path}: {error.strerror}")
        except ValueError as error:
            return Unreadable(f"{self._path}: {error}")
        return None

    def _take_lock(self) -> None:
        if self._lock is None:
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _PRIVATE)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _read(self) -> None:
        found = self._take_up_draft() or _read(self._path)
        if found not in (self._written, State()):
            # Another process went on from there, or what could not be put in its place was taken up.
            self._unwritten = None
        self._written = found

    def _take_up_draft(self) -> State | None:
        """The state of a process that ended, or of a disk that failed, between writing and renaming."""
        draft = read_file(self._draft_path, ROOM)
        state = _whole(draft) if isinstance(draft, bytes) else None
        if state is not None:
            self._rename()
        return state

    def _prepare(self, state: State) -> None:
        self._keep(state)
        self._take_room()

    def _keep(self, state: State) -> None:
        if state != self._written:
            self._unwritten = state
            self._write(state)
            self._written = state
        self._unwritten = None

    def _write(self, state: State) -> None:
        draft, self._draft = self._take_room(), None
        try:
            content = _content(state)
            _fill(draft, content)
            os.ftruncate(draft, len(content))
            os.fsync(draft)
        finally:
            os.close(draft)
        self._rename()

    def _take_room(self) -> int:
        """A draft that takes all the room that a state may need."""
        if self._draft is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            self._draft = os.open(self._draft_path, flags, _PRIVATE)
            os.fchmod(self._draft, _PRIVATE)
            _fill(self._draft, bytes(ROOM))
        return self._draft

    def _rename(self) -> None:
        self._draft_path.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def state_problem(path: Path) -> str:
    """Why a state file could not be used, as far as can be told without writing; '' where nothing speaks against it."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"{path.parent} is no folder that can be written"
    try:
        _read(path)
        mode = path.stat().st_mode if path.exists() else 0
    except (OSError, ValueError) as error:
        return f"{path}: {error}"
    return f"{path} can be read by others; make it private with chmod 600" if mode & _OTHERS else ""


def _fill(file: int, content: bytes) -> None:
    if os.pwrite(file, content, 0) < len(content):
        raise OSError(ENOSPC, os.strerror(ENOSPC))


def _read(path: Path) -> State:
    """What a state file holds; nothing where there is none. Raises ValueError."""
    content = read_file(path, ROOM) if path.exists() else b""
    if isinstance(content, Unreadable):
        raise ValueError(content.problem)  # noqa: TRY004 - the content is wrong, not its type
    if not content:
        return State()
    if (state := _whole(content)) is None:
        raise ValueError("holds no state of this exporter; put it aside to start from the config's secret")
    return state


def _whole(content: bytes) -> State | None:
    """The state that was written to its end, if there is one."""
    try:
        entry = _Content.model_validate_json(content.rstrip(b"\0"))
    except ValidationError:
        return None
    return State(
        fingerprint=entry.fingerprint,
        refresh_token=None if entry.refresh_token is None else Secret(entry.refresh_token),
        refusals=entry.refusals,
        proven=entry.proven,
    )


def _content(state: State) -> bytes:
    entry = _Content(
        fingerprint=state.fingerprint,
        refresh_token=None if state.refresh_token is None else state.refresh_token.reveal(),
        refusals=state.refusals,
        proven=state.proven,
    )
    return entry.model_dump_json(exclude_defaults=True).encode()
