"""One request, one answer: a whole HTTP response, or the stage and reason why there is none."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import urlencode

import aiohttp

from exporter import __version__
from exporter.catalogue import Reason, Stage
from exporter.clock import Clock
from exporter.model import Answer, Fault, Secret, TokenRequest, TokenResponse, TransportFailure, Unreadable
from exporter.transport.connector import StagedConnector, current, note_chain
from exporter.transport.faults import FOREIGN, ExchangeError, fault_of
from exporter.transport.progress import Progress
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

    Use as an asynchronous context manager.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._trust = Trust(note_chain)
        self._connector: StagedConnector
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._connector = StagedConnector()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
        )
        # One probe is one request: aiohttp would send a GET twice where the server closes without an answer.
        self._session._retry_connection = False  # noqa: SLF001
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._connector.cut_off()

    async def send(self, request: TokenRequest, timeout: float) -> Answer:
        """Sends one request; the timeout in seconds covers the whole exchange. Never raises."""
        context = await self._trust.context(request.ca_file)
        if isinstance(context, Unreadable):
            return TransportFailure(fault=Fault(Stage.LOCAL, Reason.CA_UNUSABLE))
        progress = Progress(self._clock)
        current.set((progress, context))
        try:
            async with asyncio.timeout(timeout):
                return await self._exchange(request, progress)
        except FOREIGN as error:
            return TransportFailure(
                fault=fault_of(error, progress.stage),
                status=progress.status,
                headers=progress.headers,
                exchange=progress.exchange(),
            )

    async def _exchange(self, request: TokenRequest, progress: Progress) -> TokenResponse:
        async with self._session.request(
            request.method,
            request.url,
            data=None if request.form is None else urlencode(_revealed(request.form)).encode(),
            headers=_revealed(request.headers) + _content_type(request),
            allow_redirects=False,
        ) as response:
            progress.enter(Stage.BODY)
            progress.status = response.status
            progress.headers = _fields(response)
            body = await _read(response)
            return TokenResponse(
                status=response.status, headers=progress.headers, body=body, exchange=progress.exchange()
            )


def _fields(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    """The header fields by name in lower case; repeated ones as one list (RFC 9110 section 5.3)."""
    return MappingProxyType({name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers})


async def _read(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ExchangeError(Fault(Stage.BODY, Reason.UNEXPECTED_ENCODING))
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise ExchangeError(Fault(Stage.BODY, Reason.TOO_LARGE))
    return bytes(body)


def _revealed(parameters: tuple[tuple[str, str | Secret], ...]) -> list[tuple[str, str]]:
    return [(name, value.reveal() if isinstance(value, Secret) else value) for name, value in parameters]


def _content_type(request: TokenRequest) -> list[tuple[str, str]]:
    return [] if request.form is None else [("Content-Type", "application/x-www-form-urlencoded")]
