"""Slow, idle and many clients, over real sockets: aiohttp has no limits of its own (rows 77 to 79 of our list)."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from webside import Behind, Client, connected, get, protection, served, write_certificate

from exporter.web import Limits, Protection, make_app
from exporter.web.connections import USUAL, Connections

HEALTHY = get("/-/healthy")
LARGE = 16 << 20


def app(begun: asyncio.Semaphore | None = None) -> web.Application:
    """A page at once, one that never comes (`begun` is told of each request for it), and one that no buffer holds."""

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text="Healthy\n")

    async def endless(_request: web.Request) -> web.Response:
        if begun is not None:
            begun.release()
        await asyncio.Event().wait()
        return web.Response()

    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    made = web.Application()
    made.router.add_get("/-/healthy", healthy)
    made.router.add_get("/endless", endless)
    made.router.add_get("/large", large)
    made.router.add_post("/-/healthy", healthy)
    return made


@asynccontextmanager
async def many(port: int, number: int) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connected(port)) for _ in range(number)]


@pytest.mark.fault(77, 78)
def test_the_usual_limits() -> None:
    """As the docs state them."""
    assert Limits(connections=256, request=10.0, idle=75.0, answer=30.0) == USUAL


class Forbidden(socket.socket):
    """A listening socket that nobody may accept from, as a filter of system calls makes it."""

    asked = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        # Otherwise a loop that never turns would never be told to end.
        assert self.asked < 100
        raise PermissionError(errno.EPERM, "Operation not permitted")


async def test_a_socket_that_fails_over_and_over_does_not_stop_the_loop() -> None:
    """Probes go on, though nobody can ask about them."""

    async def never(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    connections = Connections(web.Server(never), USUAL, Protection())
    with Forbidden() as listening:
        accepting = asyncio.create_task(connections.accept(listening))
        for _ in range(10):
            await asyncio.sleep(0)
        accepting.cancel()
        with suppress(asyncio.CancelledError):
            await accepting

    assert 1 < listening.asked <= 11


@pytest.mark.fault(77)
@pytest.mark.parametrize(
    "said",
    [
        pytest.param("", id="nothing"),
        pytest.param("GE", id="part of a line"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", id="part of a head"),
    ],
)
async def test_a_request_that_does_not_arrive_ends_its_connection(said: str) -> None:
    """With the deadline of the whole request, not one between two bytes."""
    async with served(app(), Limits(request=0.2, idle=60)) as port, connected(port) as client:
        began = asyncio.get_running_loop().time()
        await client.say(said)
        heard = await client.hear()
        took = asyncio.get_running_loop().time() - began

    assert heard == b""
    assert 0.15 < took < 10


async def test_the_beginning_of_a_second_request_in_the_same_breath_is_idle() -> None:
    """Nobody but the parser knows of it; it is given up with what is idle."""
    async with served(app(), Limits(request=0.1, idle=0.3)) as port, connected(port) as client:
        await client.say(HEALTHY + "GET /")

        assert (await client.hear()).count(b"HTTP/1.1 200") == 1


@pytest.mark.fault(77)
async def test_a_head_byte_by_byte_does_not_hold_a_connection() -> None:
    """As slowloris writes it: every byte just in time for a deadline between bytes."""
    async with served(app(), Limits(request=0.3)) as port, connected(port) as client:
        ended = asyncio.create_task(client.hear())
        await client.say("GET / HTTP/1.1\r\nX-Slow: ")
        drip = 0
        while not ended.done() and drip < 1000:
            await client.say("a")
            await asyncio.wait([ended], timeout=0.02)
            drip += 1

        assert await ended == b""
        assert 5 < drip < 300


async def test_a_body_that_does_not_arrive_ends_its_connection() -> None:
    """It is answered, for nobody reads bodies, and then given up."""
    async with served(app(), Limits(request=0.2)) as port, connected(port) as client:
        await client.say(get("/-/healthy", "Content-Length: 1000", method="POST") + "x")
        heard = await client.hear()

    assert heard.startswith(b"HTTP/1.1 200")


@pytest.mark.fault(77)
async def test_an_idle_connection_ends() -> None:
    """After its own, longer time; a request that is answered has as long as it takes."""
    async with served(app(), Limits(request=0.1, idle=0.4)) as port, connected(port) as client, connected(port) as busy:
        await busy.say(get("/endless"))
        for _ in range(2):
            await client.say(HEALTHY)
            assert await client.answer() == (200, b"Healthy\n")
        began = asyncio.get_running_loop().time()
        assert await client.hear() == b""
        took = asyncio.get_running_loop().time() - began

        assert took > 0.3
        assert not busy.reader.at_eof()


@pytest.mark.fault(78)
async def test_who_does_not_read_is_dropped() -> None:
    """Within the answer's deadline; with it goes the memory that the answer holds."""
    async with served(app(), Limits(answer=0.3)) as port, connected(port) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.say(get("/large"))
        await asyncio.sleep(0.6)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]

        assert len(await client.hear()) < LARGE


async def test_who_reads_slowly_is_dropped() -> None:
    """The pieces of an answer share one deadline: each of them alone would be in time."""
    behind = Behind(text=(bytes(1 << 20) + b"\n") * 16)
    behind.go_on.set()
    async with served(make_app(behind.ports()), Limits(answer=0.5)) as port, connected(port) as client:
        # Small, so that room for more is told of little by little.
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await client.say(get("/metrics", "Connection: close"))
        heard = bytearray()
        with suppress(ConnectionError):
            while chunk := await client.reader.read(1 << 18):
                heard += chunk
                await asyncio.sleep(0.02)

        assert 0 < len(heard) < len(behind.text)


@pytest.mark.parametrize("rendered", [False, True], ids=["while it is rendered", "while it leaves"])
async def test_who_hangs_up_is_no_error_of_ours(rendered: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Scrapers do at their timeout; a traceback for each would bury what matters. Others are served as before."""
    behind = Behind(text=(bytes(1 << 20) + b"\n") * 16)
    async with served(make_app(behind.ports())) as port:
        async with connected(port) as client:
            if rendered:
                behind.go_on.set()
            await client.say(get("/metrics"))
            if rendered:
                await client.reader.readexactly(1)
            await behind.rendering.wait()
            client.writer.transport.abort()
        async with connected(port) as other:
            # By the time that this is answered, the end of the other is known.
            await other.say(HEALTHY)
            assert (await other.answer())[0] == 200
            behind.go_on.set()
            await other.say(get("/metrics", "Accept-Encoding: gzip"))

            assert (await other.answer())[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_reads_gets_everything() -> None:
    """However large it is."""
    async with served(app(), Limits(answer=20)) as port, connected(port) as client:
        await client.say(get("/large", "Connection: close"))

        assert len(await client.hear()) > LARGE


@pytest.mark.fault(78)
async def test_answers_that_nobody_reads_count_as_under_way() -> None:
    """So `--web.max-requests` bounds the memory that they hold; health is not affected."""
    behind = Behind()
    behind.go_on.set()
    behind.text = bytes(LARGE)
    async with served(make_app(behind.ports(), max_requests=3)) as port, many(port, 3) as stuck:
        for client in stuck:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await client.say(get("/metrics"))
        async with connected(port) as other:
            statuses = []
            while 503 not in statuses:
                await other.say(get("/metrics", "Accept-Encoding: gzip"))
                statuses.append((await other.answer())[0])
            await other.say(HEALTHY)

            assert (await other.answer())[0] == 200


@pytest.mark.fault(77)
async def test_a_new_connection_takes_the_place_of_the_one_longest_without_a_request() -> None:
    """So that whoever sits on connections keeps nobody out."""
    begun = asyncio.Semaphore(0)
    async with served(app(begun), Limits(connections=5)) as port, many(port, 5) as sitting:
        await sitting[0].say(get("/endless"))
        await begun.acquire()
        await sitting[1].say(HEALTHY)
        await sitting[1].answer()
        async with connected(port) as late:
            await late.say(HEALTHY)

            assert await late.answer() == (200, b"Healthy\n")
        ended = [client.reader.at_eof() for client in sitting]

    assert not ended[0]
    assert sum(ended) == 1


async def test_where_every_connection_is_answered_a_new_one_waits() -> None:
    """Until one of them ends."""
    begun = asyncio.Semaphore(0)
    async with served(app(begun), Limits(connections=2)) as port, many(port, 2) as busy:
        for client in busy:
            await client.say(get("/endless"))
            await begun.acquire()
        async with connected(port) as late:
            await late.say(HEALTHY)
            answer = asyncio.create_task(late.answer())
            done, _ = await asyncio.wait([answer], timeout=0.2)
            busy[0].writer.transport.abort()

            assert not done
            assert await answer == (200, b"Healthy\n")


async def test_more_connections_than_places_come_and_go() -> None:
    """Hundreds that sit there: each newcomer with a request is answered."""
    async with served(app(), Limits(connections=20)) as port, many(port, 200):
        for _ in range(20):
            async with connected(port) as client:
                await client.say(HEALTHY)
                assert (await client.answer())[0] == 200


async def test_a_handshake_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    """It counts as a connection, and its place can be taken."""
    trusting = write_certificate(tmp_path, trustme.CA(), "localhost")
    protected = protection(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}")
    async with served(app(), Limits(connections=3, request=0.3), protected) as port, many(port, 3) as silent:
        async with connected(port, trusting) as client:
            await client.say(HEALTHY)
            assert (await client.answer())[0] == 200
        for each in silent:
            assert await each.hear() == b""


@pytest.mark.fault(78, 84)
async def test_stuck_readers_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """In clear and over TLS: it ends within five seconds."""
    trusting = write_certificate(tmp_path, trustme.CA(), "localhost")
    protected = protection(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}")
    for tls, guarded in ((None, None), (trusting, protected)):
        async with AsyncExitStack() as stack:
            async with served(app(), None, guarded) as port:
                for path in ("/large", "/large", "/endless"):
                    client = await stack.enter_async_context(connected(port, tls))
                    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                    await client.say(get(path))
                began = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - began < 5


async def test_nothing_is_left_of_connections() -> None:
    """No task outlives them, and no descriptor: what is left open is a warning, and warnings are errors."""
    before = asyncio.all_tasks()
    async with served(app(), Limits(connections=10)) as port, many(port, 30) as clients:
        for client in clients:
            await client.say(HEALTHY)

    assert asyncio.all_tasks() == before


def test_the_address_is_bound_as_asyncio_binds_it() -> None:
    """On every interface where no host is named; a port in use is an OSError with the address in it."""

    async def bind() -> None:
        async with served(app()) as port:
            with pytest.raises(OSError, match="address already in use"):
                await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", port)
            with socket.socket() as other:
                assert other.connect_ex(("127.0.0.1", port)) == 0

    asyncio.run(bind())


async def test_what_is_no_tls_ends_a_tls_connection(tmp_path: Path) -> None:
    """And a client that expects TLS fails where none is spoken."""
    trusting = write_certificate(tmp_path, trustme.CA(), "localhost")
    protected = protection(tmp_path, "tls_server_config: {cert_file: server.crt, key_file: server.key}")
    async with served(app(), None, protected) as port, connected(port) as client:
        await client.say(HEALTHY)
        assert b"HTTP" not in await client.hear()
    async with served(app()) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(port, trusting):
                pass
