"""A connector for aiohttp that resolves, connects and shakes hands in steps that can be told apart."""

import asyncio
import socket
import ssl
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any
from weakref import WeakSet

import aiodns
import aiohappyeyeballs
import aiohttp
from aiohttp.client_proto import ResponseHandler

from exporter.catalogue import Reason, Stage
from exporter.model import Fault
from exporter.transport.faults import ExchangeError
from exporter.transport.progress import Progress

MAX_ADDRESSES = 16
NEXT_ADDRESS_AFTER = 0.25
"""Seconds before the next address is tried as well (RFC 8305 section 5)."""

HANDSHAKE_TIMEOUT = 86400.0
"""asyncio's own limit, out of the way: the deadline of the whole exchange is the one that counts."""

SHUTDOWN_TIMEOUT = 0.1
"""Seconds that a TLS connection may take to say goodbye; a peer that stalls would hold its descriptor for 30."""

Address = tuple[int, socket.SocketKind, int, str, tuple[Any, ...]]

current: ContextVar[tuple[Progress, ssl.SSLContext]] = ContextVar("current")
"""The exchange that the running task is making: aiohttp has no other way to hand it to a connector."""


class StagedConnector(aiohttp.BaseConnector):
    """Makes one fresh connection a request, and tells the current exchange's progress of each step."""

    def __init__(self) -> None:
        # The schedule limits how many probes run; a second limit here would wait unseen inside a probe's latency.
        super().__init__(force_close=True, limit=0)
        self._opened: WeakSet[asyncio.Transport] = WeakSet()

    async def cut_off(self) -> None:
        """Ends whatever still says goodbye: what outlives the loop is never closed."""
        for transport in list(self._opened):
            transport.abort()
        await asyncio.sleep(0)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],  # noqa: ARG002 - the signature is aiohttp's
        timeout: aiohttp.ClientTimeout,  # noqa: ARG002
    ) -> ResponseHandler:
        """Extension point of `BaseConnector`, as aiohttp's own connectors use it."""
        progress, context = current.get()
        host, port = req.url.raw_host or "", req.url.port or 0
        addresses = await _resolve(host, port)
        progress.enter(Stage.CONNECT)
        connection = await aiohappyeyeballs.start_connection(
            addresses[:MAX_ADDRESSES], happy_eyeballs_delay=NEXT_ADDRESS_AFTER, interleave=1
        )
        try:
            # Raises if the peer has reset the connection already.
            progress.address = str(connection.getpeername()[0])
            if req.is_ssl():
                progress.enter(Stage.TLS)
                protocol = await self._open(
                    connection,
                    ssl=context,
                    server_hostname=host.rstrip("."),
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
                    ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
                )
                _note_agreement(progress, protocol)
            else:
                protocol = await self._open(connection)
        except BaseException:
            connection.close()
            raise
        progress.enter(Stage.HEADERS)
        return protocol

    async def _open(self, connection: socket.socket, **tls: Any) -> ResponseHandler:
        transport, protocol = await self._loop.create_connection(self._factory, sock=connection, **tls)
        self._opened.add(transport)
        return protocol


async def _resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, asked for afresh: a resolver that is kept answers out of a cache of its own."""
    if (literal := _literal(host, port)) is not None:
        return [literal]
    resolver = aiodns.DNSResolver()
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
