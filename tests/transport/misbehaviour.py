"""Ways to misbehave on a connection, byte by byte, and places where that is met."""

import asyncio
import errno
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import cast

import trustme
from servers import GOOD, Behaviour, listening, raw_server, read_request

Place = Callable[[], AbstractAsyncContextManager[str]]
"""Sets up whatever answers, or does not, while a block runs; gives the URL that leads there."""

FAR = datetime.now(UTC) + timedelta(days=3650)


def head(status: str = "200 OK", *fields: str) -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1")


def answer(body: bytes | str = GOOD, status: str = "200 OK", *fields: str) -> bytes:
    """A whole answer, in JSON unless a field says otherwise."""
    content = body.encode() if isinstance(body, str) else body
    kind = () if any(field.startswith("Content-Type") for field in fields) else ("Content-Type: application/json",)
    return head(status, *kind, *fields, f"Content-Length: {len(content)}") + content


# --- On a connection


def sends(*pieces: bytes, every: float = 0.02) -> Behaviour:
    """Reads the request, writes one piece after the other, and ends the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(every)
            writer.write(piece)
            await writer.drain()

    return behave


def repeats(beginning: bytes, piece: bytes, every: float = 0.0) -> Behaviour:
    """Reads the request, and writes the piece over and over until the other side gives up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return behave


def sends_and_stalls(piece: bytes) -> Behaviour:
    """Reads the request, writes one piece, and says no more."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(piece)
        await stalls(reader, writer)

    return behave


def sends_and_resets(piece: bytes) -> Behaviour:
    """Reads the request, writes one piece, and resets the connection once it must have arrived."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(piece)
        await asyncio.sleep(0.05 if piece else 0)
        _reset(writer)

    return behave


def blurts(piece: bytes) -> Behaviour:
    """Writes at once, whatever it is asked, and waits for the other side to give up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(piece)
        await stalls(reader, writer)

    return behave


def retorts(piece: bytes) -> Behaviour:
    """Writes when something comes, whatever it is, and waits for the other side to give up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await blurts(piece)(reader, writer)

    return behave


def refuses_in_tls(make: Callable[[], ssl.SSLContext]) -> Behaviour:
    """Shakes hands, says why it will not go on, and says no more: asyncio's own servers close without a word."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = make().wrap_bio(incoming, outgoing, server_side=True)
        goes_on = True
        while goes_on and (data := await reader.read(65536)):
            incoming.write(data)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                goes_on = False
            writer.write(outgoing.read())
            await writer.drain()
        await stalls(reader, writer)

    return behave


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes on what comes, until nothing more does."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)


async def stalls(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Reads and says nothing."""
    while await reader.read(4096):
        pass


async def reads_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Leaves in the system's buffers what comes."""
    # uvloop's transports are none of asyncio's.
    cast("asyncio.ReadTransport", writer.transport).pause_reading()
    await asyncio.get_running_loop().create_future()


async def closes(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Ends the connection at once."""


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection at once."""
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# --- Places


def at(behaviour: Behaviour, host: str = "127.0.0.1", scheme: str = "http", receive_buffer: int = 0) -> Place:
    """A server without TLS."""

    @asynccontextmanager
    async def place() -> AsyncIterator[str]:
        async with raw_server(behaviour, listener=listening(receive_buffer=receive_buffer)) as port:
            yield f"{scheme}://{host}:{port}/token"

    return place


def behind_tls(behaviour: Behaviour, make: Callable[[], ssl.SSLContext], host: str = "localhost") -> Place:
    """A server with TLS."""

    @asynccontextmanager
    async def place() -> AsyncIterator[str]:
        async with raw_server(behaviour, make()) as port:
            yield f"https://{host}:{port}/token"

    return place


def nowhere(url: str) -> Place:
    """A URL where nobody of ours is; `{port}` stands for a port that nobody listens on."""

    @asynccontextmanager
    async def place() -> AsyncIterator[str]:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            yield url.format(port=unused.getsockname()[1])

    return place


@asynccontextmanager
async def at_a_full_backlog() -> AsyncIterator[str]:
    """A listener that takes nobody in any more: packets vanish there as in a black hole."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            assert client.connect_ex(address) in {0, errno.EINPROGRESS}
        try:
            yield f"http://127.0.0.1:{address[1]}/token"
        finally:
            for client in waiting:
                client.close()


@asynccontextmanager
async def at_two_addresses() -> AsyncIterator[str]:
    """Two servers on one port, of which the name `moving.test` has now one, now the other."""
    first = listening()
    second = listening("127.0.0.2", first.getsockname()[1])
    good = sends(answer())
    async with raw_server(good, listener=first) as port, raw_server(good, listener=second):
        yield f"http://moving.test:{port}/token"


def redirecting(status: str, location: str) -> Place:
    """A server that redirects, `{sink}` to a server that must never be asked."""

    @asynccontextmanager
    async def place() -> AsyncIterator[str]:
        received = bytearray()

        async def sink(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            while chunk := await reader.read(4096):
                received.extend(chunk)

        async with raw_server(sink) as port:
            field = f"Location: {location.format(sink=f'http://127.0.0.1:{port}/')}"
            async with at(sends(answer(b"", status, field)))() as url:
                yield url
        assert not received, "the redirect was followed"

    return place


# --- TLS


@lru_cache(maxsize=1)
def authority() -> trustme.CA:
    """The authority that every target trusts."""
    return trustme.CA()


def certified(
    host: str = "localhost",
    *,
    begins: datetime | None = None,
    ends: datetime = FAR,
    version: ssl.TLSVersion | None = None,
    ciphers: str = "",
    demands_client: bool = False,
    own_authority: bool = False,
) -> Callable[[], ssl.SSLContext]:
    """The TLS of a server."""

    def make() -> ssl.SSLContext:
        issuer = trustme.CA() if own_authority else authority()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(host, not_before=begins, not_after=ends).configure_cert(context)
        if version is not None:
            context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        if demands_client:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return make
