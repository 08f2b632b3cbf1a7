"""Connections that are kept for a target's next attempt."""

import asyncio
import os
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from fakes import make_target
from servers import raw_server, read_request

from exporter.catalogue import Phase, Reason, Stage
from exporter.clock import SystemClock
from exporter.grants import GRANTS
from exporter.model import Attempt, Fault, TokenRequest, TokenResponse, TransportFailure
from exporter.transport import Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BYE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Server:
    """Answers request after request on each connection, and does with it what the test says."""

    port: int = 0
    connections: int = 0
    requests: int = 0
    closes_at_request: int = 0
    """Closes instead of answering, once so many requests came on one connection."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the other side has closed a connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        number = 0
        while True:
            try:
                await read_request(reader)
            except asyncio.IncompleteReadError:
                self.ended.set()
                return
            self.requests += 1
            number += 1
            if number == self.closes_at_request:
                return
            writer.write(OK)

    async def end_idle(self, last_words: bytes = b"") -> None:
        """Closes what is open, and returns once the other side must have been told."""
        for writer in self.writers:
            writer.write(last_words)
            writer.close()
            await writer.wait_closed()


authority = trustme.CA()


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport(SystemClock()) as made:
        yield made


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@asynccontextmanager
async def running(server: Server, context: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    async with raw_server(server.serve, context) as server.port:
        yield


def post(server: Server, keep: str = "contoso", scheme: str = "http", ca_file: Path | None = None) -> TokenRequest:
    url = f"{scheme}://localhost:{server.port}/token"
    return TokenRequest(url=url, form=(("a", "b"),), keep=keep, ca_file=ca_file)


@pytest.mark.parametrize(("keep", "connections"), [("contoso", 1), ("", 3)])
async def test_a_connection_is_kept_where_it_is_asked_for(transport: Transport, keep: str, connections: int) -> None:
    """Otherwise each request has its own."""
    server = Server()
    async with running(server):
        answers = [await transport.send(post(server, keep), 5) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert (server.connections, server.requests) == (connections, 3)


async def test_what_was_learnt_of_a_kept_connection_stays_known(transport: Transport, ca_file: Path) -> None:
    """The chain's end, address, version and cipher; the phases that did not happen took no time."""
    server = Server()
    async with running(server, tls()):
        first = await transport.send(post(server, scheme="https", ca_file=ca_file), 5)
        second = await transport.send(post(server, scheme="https", ca_file=ca_file), 5)

    assert server.connections == 1
    assert first.exchange.certificate_expiry is not None
    assert first.exchange.phases[Phase.TLS] > 0
    for name in ("certificate_expiry", "address", "tls_version", "cipher"):
        assert getattr(second.exchange, name) == getattr(first.exchange, name)
    assert [second.exchange.phases[phase] for phase in (Phase.RESOLVE, Phase.CONNECT, Phase.TLS)] == [0.0, 0.0, 0.0]
    assert second.exchange.phases[Phase.PROCESSING] > 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("last_words", [b"", BYE], ids=["closes", "answers what nobody asked"])
async def test_a_server_that_ends_an_idle_connection_fails_nobody(
    transport: Transport, ca_file: Path, scheme: str, last_words: bytes
) -> None:
    """The next request takes a fresh one, although our loop had no turn to hear of the end."""
    server = Server()
    async with running(server, tls() if scheme == "https" else None):
        await transport.send(post(server, scheme=scheme, ca_file=ca_file), 5)
        await server.end_idle(last_words)
        answer = await transport.send(post(server, scheme=scheme, ca_file=ca_file), 5)

    assert isinstance(answer, TokenResponse)
    assert (answer.status, server.connections, server.requests) == (200, 2, 2)


async def test_an_end_that_no_loop_has_seen_is_seen_before_the_request(transport: Transport) -> None:
    """The server closes in the same turn of the loop in which the next request begins."""
    server = Server()
    async with running(server):
        await transport.send(post(server), 5)
        server.writers[0].transport.get_extra_info("socket").shutdown(1)
        answer = await transport.send(post(server), 5)

    assert isinstance(answer, TokenResponse)
    assert (server.connections, server.requests) == (2, 2)


async def test_what_is_lost_once_it_was_sent_is_a_failure_and_not_sent_again(transport: Transport) -> None:
    """Nobody can know whether the server acted on it (RFC 9110 section 9.2.2)."""
    server = Server(closes_at_request=2)
    async with running(server):
        await transport.send(post(server), 5)
        lost = await transport.send(post(server), 5)
        after = await transport.send(post(server), 5)

    assert isinstance(lost, TransportFailure)
    assert lost.fault in {Fault(Stage.HEADERS, Reason.CLOSED), Fault(Stage.HEADERS, Reason.RESET)}
    assert isinstance(after, TokenResponse)
    assert (server.connections, server.requests) == (2, 3)


@pytest.mark.fault(91)
async def test_targets_share_no_connection(transport: Transport) -> None:
    """Not even to the same host."""
    server = Server()
    async with running(server):
        for keep in ("contoso", "fabrikam", "contoso", "fabrikam"):
            await transport.send(post(server, keep), 5)

    assert (server.connections, server.requests) == (2, 4)


async def test_a_target_goes_on_with_nobody_whom_it_no_longer_trusts(transport: Transport, ca_file: Path) -> None:
    """Its ca_file has changed: the next handshake decides."""
    server = Server()
    async with running(server, tls()):
        before = await transport.send(post(server, scheme="https", ca_file=ca_file), 5)
        trustme.CA().cert_pem.write_to_path(ca_file.with_name("new.pem"))
        ca_file.with_name("new.pem").replace(ca_file)
        after = await transport.send(post(server, scheme="https", ca_file=ca_file), 5)

    assert isinstance(before, TokenResponse)
    assert isinstance(after, TransportFailure)
    assert after.fault == Fault(Stage.TLS, Reason.UNTRUSTED)


async def test_a_kept_connection_takes_no_descriptor(transport: Transport) -> None:
    """Where none is left an attempt over it still goes on."""
    server = Server()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with running(server):
        await transport.send(post(server), 5)
        os.close(free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            answer = await transport.send(post(server), 5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert answer.status == 200
    assert (server.connections, server.requests) == (1, 2)


async def test_what_was_kept_for_a_target_that_is_gone_is_closed(transport: Transport) -> None:
    """At once; what others keep stays."""
    server = Server()
    async with running(server):
        for keep in ("contoso", "fabrikam"):
            await transport.send(post(server, keep), 5)
        await transport.retain({"fabrikam"})
        async with asyncio.timeout(5):
            await server.ended.wait()
        for keep in ("contoso", "fabrikam"):
            await transport.send(post(server, keep), 5)

    assert (server.connections, server.requests) == (3, 4)


async def test_requests_at_the_same_time_have_a_connection_each(transport: Transport) -> None:
    """Both are kept."""
    server = Server()
    async with running(server):
        await asyncio.gather(transport.send(post(server), 5), transport.send(post(server), 5))
        await asyncio.gather(transport.send(post(server), 5), transport.send(post(server), 5))

    assert (server.connections, server.requests) == (2, 4)


@pytest.mark.parametrize(("reuse", "keep"), [(True, "contoso"), (False, "")])
def test_a_target_says_whether_its_connection_is_kept(reuse: bool, keep: str) -> None:
    """By its own name, which nobody else has."""
    target = make_target("contoso", credential=None, reuse_connection=reuse)

    request = next(GRANTS[target.grant].steps(Attempt(target=target, request_id="r", now=0.0, new_id=lambda: "n")))

    assert request.keep == keep
