"""The exporter as a process: started, looked at, ended."""

import asyncio
import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from soak.figures import Held, Note
from soak.served import HELD, NOTES

PATIENCE = 30.0
"""Seconds until what must come is taken for missing."""

STOP_WITHIN = 8.0
"""Seconds within which it must end once it is told to: its own bound, and what a busy machine adds."""

_LOOK = 0.05
_FOREIGN = "a library's"
_WORKERS = ("asyncio_", "uvloop_")
"""Threads that wait for work: as many as the event loop likes, up to a number of its own."""


async def looks(within: float) -> AsyncIterator[None]:
    """Comes by every so often. Raises TimeoutError once so many seconds have passed."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        yield
        await asyncio.sleep(_LOOK)
    raise TimeoutError


@dataclass(slots=True)
class Served:
    """A running exporter, its port, and the folder that it tells of itself in."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int = 0
    _read_to: int = field(default=0)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "log"

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def notes(self) -> Iterator[Note]:
        """The attempts that were noted down since this was last asked."""
        with (self.folder / NOTES).open("rb") as file:
            file.seek(self._read_to)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read_to += len(whole + end)
        for line in whole.splitlines():
            yield Note(*json.loads(line))

    def limit_descriptors(self, more: int | None) -> None:
        """Lets it open so many more descriptors than it has open, or as many as ever."""
        _, most = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        least = most if more is None else self._descriptors().total() + more
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (least, most))

    def memory(self) -> int:
        """The bytes that it has in memory."""
        return int(self._status("VmRSS")) << 10

    async def held(self) -> Held:
        """What it holds now. Raises TimeoutError where it does not tell."""
        told = self.folder / HELD
        told.unlink(missing_ok=True)
        self.send(signal.SIGUSR1)
        async for _ in looks(PATIENCE):
            if told.exists():
                break
        tasks, threads = (Counter(told_of) for told_of in json.loads(told.read_text(encoding="utf-8")))
        threads[_FOREIGN] = int(self._status("Threads")) - threads.total()
        for workers in _WORKERS:
            del threads[workers]
        return Held(self._descriptors(), tasks, threads)

    def _descriptors(self) -> Counter[str]:
        """What the descriptors lead to, sockets and pipes without their numbers."""
        found: Counter[str] = Counter()
        for descriptor in self._proc("fd").iterdir():
            try:
                found[re.sub(r":\[\d+\]$", "", str(descriptor.readlink()))] += 1
            except FileNotFoundError:
                continue
        return found

    def _status(self, name: str) -> str:
        text = self._proc("status").read_text(encoding="ascii")
        return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:"))

    def _proc(self, what: str) -> Path:
        return Path(f"/proc/{self.process.pid}/{what}")

    async def until_it_listens(self) -> None:
        """Waits for its port. Raises TimeoutError, or OSError where it ends instead."""
        async for _ in looks(PATIENCE):
            if found := re.search(r"msg=listening port=(\d+)", self.log.read_text(encoding="utf-8")):
                self.port = int(found[1])
                break
            if self.process.poll() is not None:
                raise OSError(self.log.read_text(encoding="utf-8"))

    async def stop(self) -> int:
        """Ends it in an orderly way; its exit status. Raises subprocess.TimeoutExpired."""
        self.send(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, STOP_WITHIN)


@asynccontextmanager
async def serve(folder: Path, name_server: str, config: Path) -> AsyncIterator[Served]:
    """Runs an exporter while the block runs, with a history and all that it logs in the folder."""
    flags = (
        f"--config.file={config}",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-lifecycle",
        f"--history.path={history(folder)}",
        "--log.level=debug",
    )
    # What nobody closed is told in the log, and none of it is excused.
    python = (sys.executable, "-W", "always::ResourceWarning", "-m", "soak.served")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220, S603
            [*python, str(folder), name_server, "serve", *flags], stderr=log
        )
    served = Served(process, folder)
    try:
        await served.until_it_listens()
        yield served
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def history(folder: Path) -> Path:
    """The file of the exporter's history."""
    return folder / "history.db"
