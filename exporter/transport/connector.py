"""Connections that are opened in steps that can be told apart, and a connector for aiohttp that keeps them."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from weakref import WeakKeyDictionary

import aiohappyeyeballs
import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from exporter.catalogue import Reason, Stage
from exporter.model import Fault
from exporter.transport.faults import ExchangeError
from exporter.transport.progress import Progress
from exporter.transport.protocol import AnswerProtocol
from exporter.transport.resolver import FreshResolver
from exporter.transport.tls import Tls

MAX_ADDRESSES = 16
NEXT_ADDRESS_AFTER = 0.25
"""Seconds before the next address is tried as well (RFC 8305 section 5)."""

KEPT_FOR = 120.0
"""Seconds for which an idle connection is kept, at the most: firewalls forget without a word."""

Address = tuple[int, socket.SocketKind, int, str, tuple[Any, ...]]

current: ContextVar[tuple[Progress, ssl.SSLContext | None]] = ContextVar("current")
"""The exchange that the running task is making: aiohttp has no other way to hand it to a connector."""


class StagedConnector(aiohttp.BaseConnector):
    """Keeps connections for a while; `opened_by` is the progress of the exchange that opened one."""

    def __init__(self, name_servers: Sequence[str]) -> None:
        # The schedule limits how many probes run; a second limit here would wait unseen inside a probe's latency.
        super().__init__(limit=0, keepalive_timeout=KEPT_FOR)
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
        protocol = await open_connection(req.url, self._name_servers, progress, context)
        self.opened_by[protocol] = progress
        return protocol


async def open_connection(
    url: URL, name_servers: Sequence[str], progress: Progress, context: ssl.SSLContext | None
) -> AnswerProtocol:
    """A connection to a URL's host, over TLS where there is a context; progress is told of each step.

    Raises OSError, or ExchangeError where there is no address.
    """
    host = url.raw_host or ""
    addresses = await _resolve(host, url.port or 0, name_servers)
    progress.enter(Stage.CONNECT)
    protocol = AnswerProtocol(asyncio.get_running_loop())
    if context is None:
        progress.address = await _connect(addresses, protocol)
    else:
        tls = Tls()
        progress.address = await _connect(addresses, tls)
        progress.enter(Stage.TLS)
        await tls.shake_hands(context, host.rstrip("."))
        tls.carry(protocol)
        _note_agreement(progress, protocol)
    progress.enter(Stage.HEADERS)
    return protocol


async def _connect(addresses: list[Address], protocol: asyncio.Protocol) -> str:
    """Gives a protocol a connection to one of the addresses, and tells to which."""
    loop = asyncio.get_running_loop()
    if len(addresses) == 1 and addresses[0][0] == socket.AF_INET:
        host, port = addresses[0][-1]
        # The loop's own way costs least.
        await loop.create_connection(lambda: protocol, host, port)
        return str(host)
    connection = await aiohappyeyeballs.start_connection(
        addresses[:MAX_ADDRESSES], happy_eyeballs_delay=NEXT_ADDRESS_AFTER, interleave=1
    )
    try:
        # Raises if the peer has reset the connection already.
        address = str(connection.getpeername()[0])
        await loop.create_connection(lambda: protocol, sock=connection)
    except BaseException:
        connection.close()
        raise
    return address


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
