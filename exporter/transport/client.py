"""One request, one answer: a whole HTTP response, or the stage and reason why there is none."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from ssl import SSLContext
from types import MappingProxyType, TracebackType
from typing import Self, cast
from urllib.parse import quote_plus

import aiohttp
from aiohttp import hdrs
from aiohttp.http import RawResponseMessage
from multidict import CIMultiDict
from yarl import URL

from exporter import __version__
from exporter.catalogue import Reason, Stage
from exporter.clock import Clock
from exporter.model import Answer, Fault, Secret, TokenRequest, TokenResponse, TransportFailure
from exporter.transport.connections import Connections
from exporter.transport.connector import current, note_chain
from exporter.transport.faults import FOREIGN, ExchangeError, fault_of
from exporter.transport.http1 import receive, send
from exporter.transport.progress import Progress
from exporter.transport.protocol import AnswerProtocol
from exporter.transport.trust import Trust

MAX_BODY = 64 * 1024
"""Bytes of an answer that are read; a longer one is a fault."""

_HEADERS = {
    "Accept": "application/json",
    # No compression: what is small needs none, and a truncated stream would pass unnoticed.
    "Accept-Encoding": "identity",
    "User-Agent": f"aadsts-exporter/{__version__}",
}


class Transport:
    """Sends requests: no retry, no redirect followed, no cookie kept, no proxy of the environment, a capped body.

    Use as an asynchronous context manager. `name_servers` are asked in place of the system's: `address` or
    `address:port`.
    """

    def __init__(self, clock: Clock, name_servers: Sequence[str] = ()) -> None:
        self._clock = clock
        self._name_servers = name_servers
        self._trust = Trust(note_chain)
        self._connections: Connections

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._name_servers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def retain(self, names: Collection[str]) -> None:
        """Closes the connections that are kept for targets of any other name than these."""
        await self._connections.retain(names)

    async def send(self, request: TokenRequest, timeout: float) -> Answer:
        """Sends one request; the timeout in seconds covers the whole exchange. Never raises."""
        url = URL(request.url)
        context = await self._trust.context(request.ca_file, request.client_certificate) if _is_tls(url) else None
        if isinstance(context, Fault):
            return TransportFailure(fault=context)
        progress = Progress(self._clock)
        current.set((progress, context))
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(request, url, context, progress)
        except FOREIGN as error:
            return TransportFailure(
                fault=fault_of(error, progress.stage, is_acknowledged=progress.is_acknowledged),
                status=progress.status,
                headers=progress.headers,
                exchange=progress.exchange(),
            )

    async def _exchange(
        self, request: TokenRequest, url: URL, context: SSLContext | None, progress: Progress
    ) -> TokenResponse:
        connection = await self._connections.open(url, request.keep, context, progress)
        # Only a connection that was given back has none.
        protocol = cast("AnswerProtocol", connection.protocol)
        protocol.begin(progress)
        try:
            await send(protocol, request.method, url, _headers(request), _body(request))
            head, body = await receive(protocol)
            progress.enter(Stage.BODY)
            progress.status = head.code
            progress.headers = _fields(head)
            content = await _read(head, body)
            connection.release()
        finally:
            connection.close()
        return TokenResponse(status=head.code, headers=progress.headers, body=content, exchange=progress.exchange())


def _is_tls(url: URL) -> bool:
    return url.scheme == "https"


def _headers(request: TokenRequest) -> CIMultiDict[str]:
    headers = CIMultiDict(_HEADERS)
    headers.extend(_revealed(request.headers))
    if not request.keep:
        headers[hdrs.CONNECTION] = "close"
    if request.form is not None:
        headers[hdrs.CONTENT_TYPE] = "application/x-www-form-urlencoded"
    return headers


def _body(request: TokenRequest) -> bytes | None:
    """The form as application/x-www-form-urlencoded; what is no secret is encoded once."""
    if request.form is None:
        return None
    encoded = (
        f"{_encoded(name)}={quote_plus(value.reveal()) if isinstance(value, Secret) else _encoded(value)}"
        for name, value in request.form
    )
    return "&".join(encoded).encode()


_encoded = lru_cache(maxsize=1024)(quote_plus)


def _fields(head: RawResponseMessage) -> Mapping[str, str]:
    """The header fields by name in lower case; repeated ones as one list (RFC 9110 section 5.3)."""
    return MappingProxyType({name.lower(): ", ".join(head.headers.getall(name)) for name in head.headers})


async def _read(head: RawResponseMessage, body: aiohttp.StreamReader) -> bytes:
    if head.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise ExchangeError(Fault(Stage.BODY, Reason.UNEXPECTED_ENCODING))
    content = bytearray()
    async for chunk in body.iter_any():
        content += chunk
        if len(content) > MAX_BODY:
            raise ExchangeError(Fault(Stage.BODY, Reason.TOO_LARGE))
    return bytes(content)


def _revealed(parameters: tuple[tuple[str, str | Secret], ...]) -> list[tuple[str, str]]:
    return [(name, value.reveal() if isinstance(value, Secret) else value) for name, value in parameters]
