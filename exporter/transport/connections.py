"""Which connection a request goes over: one of its own, or the one that those keep who share its name."""

import asyncio
import selectors
import ssl
import sys
from collections.abc import Collection, Sequence
from typing import Protocol

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from exporter.catalogue import Stage
from exporter.transport.connector import StagedConnector, open_connection
from exporter.transport.progress import Progress

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None)
"""None of aiohttp's own: the deadline of the whole exchange is the one that counts."""


if sys.platform == "win32":
    _Selector = selectors.SelectSelector
else:
    # It takes no descriptor of its own: there may be none left.
    _Selector = selectors.PollSelector


class Line(Protocol):
    """A connection in the hands of one exchange, which releases it when all went well, and closes it in any case."""

    @property
    def protocol(self) -> ResponseHandler | None:
        """What reads the answer; None once it was given back."""

    def release(self) -> None:
        """Lets the next one have it."""

    def close(self) -> None:
        """Ends it, unless it was released before."""


class _Own:
    """A connection that nobody else gets: aiohttp's connector would cost as much as opening it, and keep nothing."""

    __slots__ = ("protocol",)

    def __init__(self, protocol: ResponseHandler) -> None:
        self.protocol = protocol

    def close(self) -> None:
        self.protocol.close()

    release = close


class Connections:
    """Opens connections, and keeps those that are to be kept; each name, and each trust, has a pool of its own."""

    def __init__(self, name_servers: Sequence[str]) -> None:
        self._name_servers = name_servers
        self._kept: dict[str, tuple[ssl.SSLContext | None, StagedConnector]] = {}

    async def open(self, url: URL, keep: str, context: ssl.SSLContext | None, progress: Progress) -> Line:
        """A connection to a URL's host: kept under a name, or of its own where the name is ''. Raises OSError."""
        if not keep:
            return _Own(await open_connection(url, self._name_servers, progress, context))
        connector = await self._pool(keep, context)
        where = aiohttp.ClientRequest("POST", url, loop=asyncio.get_running_loop())
        while True:
            connection = await connector.connect(where, [], _NO_TIMEOUT)
            if progress.stage is Stage.HEADERS:
                return connection
            protocol = connection.protocol
            if protocol is not None and _quiet(protocol):
                progress.take_up(connector.opened_by[protocol])
                return connection
            connection.close()

    async def forget(self, keep: str) -> None:
        """Closes what is kept under a name."""
        if keep in self._kept:
            _, connector = self._kept.pop(keep)
            await connector.close()

    async def retain(self, names: Collection[str]) -> None:
        """Closes what is kept under any other name than these."""
        for name in self._kept.keys() - names:
            await self.forget(name)

    async def close(self) -> None:
        """Closes everything."""
        for name in tuple(self._kept):
            await self.forget(name)

    async def _pool(self, keep: str, context: ssl.SSLContext | None) -> StagedConnector:
        if keep in self._kept and self._kept[keep][0] is not context:
            # Whom the target trusts has changed: nobody goes on with those whom it trusted before.
            await self.forget(keep)
        return self._kept.setdefault(keep, (context, StagedConnector(self._name_servers)))[1]


def _quiet(protocol: ResponseHandler) -> bool:
    """Whether a kept connection is as it was left: the server has neither closed it nor said something unasked."""
    if protocol.transport is None:
        return False
    with _Selector() as selector:
        selector.register(protocol.transport.get_extra_info("socket").fileno(), selectors.EVENT_READ)
        return not selector.select(0)
