"""What the service manager is told: sd_notify(3), the protocol of systemd's Type=notify, in datagrams of text."""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Self

from exporter.clock import Clock

log = logging.getLogger(__name__)

MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Manager:
    """A service manager that listens at a Unix socket; '' is none, and nothing is sent.

    `watchdog` is in seconds: without a sign of life for so long the manager restarts the process; 0 is no watchdog.
    """

    address: str = ""
    watchdog: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> Self:
        """The manager that this environment of the process with this id names; sd_watchdog_enabled(3)."""
        microseconds = re.fullmatch("[0-9]{1,18}", environment.get("WATCHDOG_USEC", ""))
        ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        return cls(
            environment.get("NOTIFY_SOCKET", ""), int(microseconds[0]) * MICROSECOND if microseconds and ours else 0.0
        )

    def ready(self) -> None:
        """The process serves, or serves again."""
        self._send("READY=1")

    @contextmanager
    def reloading(self, monotonic: float) -> Iterator[None]:
        """Says that the process reads its config again from this moment on, and then that it is ready again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic / MICROSECOND:.0f}")
        try:
            yield
        finally:
            self.ready()

    @asynccontextmanager
    async def told(self, clock: Clock) -> AsyncIterator[None]:
        """Says that the process is ready, that its event loop runs as long as the block does, and that it stops."""
        self.ready()
        alive = asyncio.create_task(self._live(clock))
        try:
            yield
        finally:
            alive.cancel()
            self._send("STOPPING=1")

    async def _live(self, clock: Clock) -> None:
        while self.watchdog:
            self._send("WATCHDOG=1")
            await clock.sleep_until(clock.monotonic() + self.watchdog / 2)

    def _send(self, state: str) -> None:
        if not self.address:
            return
        # @ stands for the zero byte of Linux's abstract names.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(state.encode(), address)
        except OSError as error:
            log.warning("the service manager cannot be told", extra={"problem": error.strerror or str(error)})
