"""Whoever asks the exporter's web side: well, badly, slowly, or not to the end."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus

import aiohttp

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

PAGES = ("/", "/failures", "/failures?q=canary", "/config", "/sd", "/codes/AADSTS50000", "/-/ready", "/-/healthy")
TICKETS = tuple(f"/evidence?since=1h&format={form}" for form in ("md", "json", "csv"))

_LATEST = 3
"""Failures of the list that are looked at one by one."""

ODD_REQUESTS: Sequence[bytes] = (
    b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; version=abc;q=1e999\r\n\r\n",
    b"GET /metrics?name[]=up HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=x, *;q=0\r\n\r\n",
    b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /failures/99999999999999999999999 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /evidence?since=-1h&code=%00&format=exe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /codes/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /targets/nobody HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /probe HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: nan\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /metrics HTTP/0.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    b"\x00\xff\xfe" * 50,
)


class Scraper:
    """Asks over a connection of its own each time, so that nothing is held between."""

    def __init__(self, port: int) -> None:
        self._port = port
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector)

    async def close(self) -> None:
        """Ends what it has."""
        await self._session.close()

    async def get(self, path: str, headers: dict[str, str] | None = None) -> bytes:
        """What is at a path, whatever the status, but for an error of the exporter's own, which is raised."""
        async with self._session.get(path, headers=headers) as answer:
            if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                answer.raise_for_status()
            return await answer.read()

    async def reload(self) -> tuple[int, bytes]:
        """Has the config read anew."""
        async with self._session.post("/-/reload") as answer:
            return answer.status, await answer.read()

    async def pages(self, targets: Sequence[str]) -> AsyncIterator[tuple[str, bytes]]:
        """Every page with its content; of single failures the latest."""
        latest: list[str] = []
        for path in (*PAGES, *TICKETS, *(f"/targets/{name}" for name in targets)):
            content = await self.get(path)
            yield path, content
            latest += re.findall(r'"(/failures/\d+)"', content.decode())[:_LATEST]
        for path in dict.fromkeys(latest):
            yield path, await self.get(path)

    async def linger(self, seconds: float) -> None:
        """Asks for /metrics and leaves the answer where it is for so many seconds."""
        reader, writer = await self._connect()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.read(1)
        await asyncio.sleep(seconds)
        writer.close()

    async def abort(self) -> None:
        """Asks for /metrics, and resets the connection."""
        _, writer = await self._connect()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def ask_oddly(self, request: bytes) -> bytes:
        """Sends these bytes and nothing more; what comes back."""
        reader, writer = await self._connect()
        try:
            writer.write(request)
            writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # A small window, so that an answer that nobody reads does stay with the exporter.
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._port))
        return await asyncio.open_connection(sock=client, limit=4096)
