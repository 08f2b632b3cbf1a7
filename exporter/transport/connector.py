"""A connector for aiohttp that resolves, connects and shakes hands in steps that can be told apart."""

import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any
from weakref import WeakKeyDictionary

import aiohappyeyeballs
import aiohttp
from aiohttp.client_proto import ResponseHandler

from exporter.catalogue import Reason, Stage
from exporter.model import Fault
from exporter.transport.faults import ExchangeError
from exporter.transport.progress import Progress
from exporter.transport.protocol import AnswerProtocol
from exporter.transport.resolver import FreshResolver
from exporter.transport.tls import TlsTransport, shake_hands

MAX_ADDRESSES = 16
NEXT_ADDRESS_AFTER = 0.25
"""Seconds before the next address is tried as well (RFC 8305 section 5)."""

KEPT_FOR = 120.0
"""Seconds for which an idle connection is kept, at the most: firewalls forget without a word."""

Address = tuple[int, socket.SocketKind, int, str, tuple[Any, ...]]

current: ContextVar[tuple[Progress, ssl.SSLContext]] = ContextVar("current")
"""The exchange that the running task is making: aiohttp has no other way to hand it to a connector."""


class StagedConnector(aiohttp.BaseConnector):
    """Opens connections, and tells the current exchange's progress of each step; keeps them for a while, if asked to.

    `opened_by` is the progress of the exchange that opened a connection.
    """

    def __init__(self, name_servers: Sequence[str], *, keep: bool) -> None:
        # The schedule limits how many probes run; a second limit here would wait unseen inside a probe's latency.
        limits: dict[str, Any] = {"keepalive_timeout": KEPT_FOR} if keep else {"force_close": True}
        super().__init__(limit=0, **limits)
        self._name_servers = name_servers
        self.opened_by: WeakKeyDictionary[ResponseHandler, Progress] = WeakKeyDictionary()

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],  # noqa: ARG002 - the signature is aiohttp's
        timeout: aiohttp.ClientTimeout,  # noqa: ARG002
    ) -> ResponseHandler:
        """Extension point of `BaseConnector`, as aiohttp's own connectors use it."""
        progress, context = current.get()
        host, port = req.url.raw_host or "", req.url.port or 0
        addresses = await _resolve(host, port, self._name_servers)
        progress.enter(Stage.CONNECT)
        connection = await aiohappyeyeballs.start_connection(
            addresses[:MAX_ADDRESSES], happy_eyeballs_delay=NEXT_ADDRESS_AFTER, interleave=1
        )
        try:
            # Raises if the peer has reset the connection already.
            progress.address = str(connection.getpeername()[0])
            if req.is_ssl():
                progress.enter(Stage.TLS)
                protocol = await self._open_tls(connection, context, host.rstrip("."))
                _note_agreement(progress, protocol)
            else:
                _, protocol = await self._loop.create_connection(partial(AnswerProtocol, self._loop), sock=connection)
        except BaseException:
            connection.close()
            raise
        progress.enter(Stage.HEADERS)
        self.opened_by[protocol] = progress
        return protocol

    async def _open_tls(self, connection: socket.socket, context: ssl.SSLContext, host: str) -> ResponseHandler:
        protocol = AnswerProtocol(self._loop)
        TlsTransport(await shake_hands(context, connection, host), protocol)
        return protocol


async def _resolve(host: str, port: int, name_servers: Sequence[str]) -> list[Address]:
    """The addresses of a host, asked for afresh: a resolver that is kept answers out of a cache of its own."""
    if (literal := _literal(host, port)) is not None:
        return [literal]
    resolver = FreshResolver(nameservers=name_servers)
    try:
        found = await resolver.getaddrinfo(host, port=port, type=socket.SOCK_STREAM)
    finally:
        await resolver.close()
    if not found.nodes:
        raise ExchangeError(Fault(Stage.DNS, Reason.NO_ADDRESS))
    return [
        (node.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (node.addr[0].decode("ascii"), *node.addr[1:]))
        for node in found.nodes
    ]


@lru_cache(maxsize=4096)
def _literal(host: str, port: int) -> Address | None:
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    family = socket.AF_INET if version == 4 else socket.AF_INET6  # noqa: PLR2004
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


def note_chain(version: int, message: bytes) -> None:
    """Keeps the chain that the server of the running exchange shows."""
    progress, _ = current.get()
    progress.chain = version, message


def _note_agreement(progress: Progress, protocol: ResponseHandler) -> None:
    """Keeps the version and cipher that both sides agreed on."""
    agreed = protocol.transport.get_extra_info("ssl_object") if protocol.transport else None
    if agreed is not None:
        progress.tls_version = agreed.version() or ""
        progress.cipher = (agreed.cipher() or ("",))[0]
