"""What the transport makes of real sockets."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from servers import Behaviour, answering, raw_server, read_request

from exporter.catalogue import Phase, Reason, Stage
from exporter.clock import SystemClock
from exporter.model import Fault, Secret, TokenRequest, TokenResponse, TransportFailure
from exporter.transport import Transport
from exporter.transport.chain import earliest_expiry
from exporter.transport.client import MAX_BODY
from exporter.transport.faults import fault_of

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TCP_CLOSE_WAIT = 8  # of Linux's tcp_states.h: the peer has closed
FORM = (("grant_type", "client_credentials"), ("client_secret", Secret("s+/ &")))


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport(SystemClock()) as made:
        yield made


def post(port: int, scheme: str = "http", **changes: object) -> TokenRequest:
    values: dict[str, object] = {"url": f"{scheme}://localhost:{port}/token", "form": FORM}
    return TokenRequest(**(values | changes))  # type: ignore[arg-type]


async def until_closed(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Reads and says nothing until the client gives up."""
    while await reader.read(4096):
        pass


async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


async def reset_after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stall_in_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await until_closed(reader, writer)


async def test_a_request_is_sent_as_it_should_be(transport: Transport) -> None:
    """Form-encoded, uncompressed, closing the connection, without a cookie, and with the secret revealed."""
    seen: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: fpc=1\r\n\r\n"))

    async with raw_server(keep) as port:
        headers = (("client-request-id", "r-1"), ("Authorization", Secret("Basic abc")))
        await transport.send(post(port, headers=headers), 5)
        answer = await transport.send(post(port, headers=headers), 5)

    assert isinstance(answer, TokenResponse)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"{}", "application/json")
    assert answer.exchange.address in {"127.0.0.1", "::1"}
    head, _, body = seen[1].decode().partition("\r\n\r\n")
    lines = head.lower().split("\r\n")
    assert lines[0] == "post /token http/1.1"
    assert body == "grant_type=client_credentials&client_secret=s%2B%2F+%26"
    for line in (
        "accept-encoding: identity",
        "connection: close",
        "content-type: application/x-www-form-urlencoded",
        "client-request-id: r-1",
        "authorization: basic abc",
    ):
        assert line in lines
    assert not any(line.startswith("cookie:") for line in lines)


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        pytest.param(close_at_once, {(Stage.HEADERS, Reason.CLOSED), (Stage.HEADERS, Reason.RESET)}, id="closes"),
        pytest.param(until_closed, {(Stage.HEADERS, Reason.TIMEOUT)}, id="never answers"),
        pytest.param(reset_after_request, {(Stage.HEADERS, Reason.RESET)}, id="resets"),
        pytest.param(answering(b"nonsense\r\n\r\n"), {(Stage.HEADERS, Reason.NOT_HTTP)}, id="is not HTTP"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345"),
            {(Stage.HEADERS, Reason.INVALID)},
            id="states two lengths",
        ),
        pytest.param(stall_in_body, {(Stage.BODY, Reason.TIMEOUT)}, id="stalls in the body"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
            {(Stage.BODY, Reason.TRUNCATED)},
            id="ends too early",
        ),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b" " * 70000),
            {(Stage.BODY, Reason.TOO_LARGE)},
            id="sends too much",
        ),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
            {(Stage.BODY, Reason.UNEXPECTED_ENCODING)},
            id="compresses",
        ),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            {(Stage.BODY, Reason.INVALID_FRAMING)},
            id="frames wrongly",
        ),
    ],
)
async def test_a_server_that(transport: Transport, behaviour: Behaviour, fault: set[tuple[Stage, Reason]]) -> None:
    """Each way to fail has its stage and reason."""
    patience = 0.3 if any(reason is Reason.TIMEOUT for _, reason in fault) else 10.0
    async with raw_server(behaviour) as port:
        answer = await transport.send(post(port), patience)

    assert isinstance(answer, TransportFailure)
    assert (answer.fault.stage, answer.fault.reason) in fault


async def test_a_redirect_is_an_answer_and_not_followed(transport: Transport) -> None:
    """Following a 307 would replay the client's secret to another host."""
    asked: list[int] = []

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        await answering(OK)(reader, writer)

    async with raw_server(count) as other:
        location = f"Location: http://localhost:{other}/\r\n".encode()
        redirect = b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n" + location + b"\r\n"
        async with raw_server(answering(redirect)) as port:
            answer = await transport.send(post(port), 5)

    assert isinstance(answer, TokenResponse)
    assert answer.status == 307
    assert asked == []


async def test_the_largest_allowed_body_is_read_whole(transport: Transport) -> None:
    """The cap is a cap, not one less."""
    body = b" " * MAX_BODY
    async with raw_server(answering(f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_BODY}\r\n\r\n".encode() + body)) as port:
        answer = await transport.send(post(port), 5)

    assert isinstance(answer, TokenResponse)
    assert answer.body == body


async def test_a_refused_connection_is_told_from_a_slow_one(transport: Transport) -> None:
    """Nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        answer = await transport.send(
            post(unused.getsockname()[1], url=f"http://127.0.0.1:{unused.getsockname()[1]}/"), 5
        )

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.CONNECT, Reason.REFUSED)


async def test_a_full_backlog_is_a_connect_timeout(transport: Transport) -> None:
    """A listener that accepts nobody looks like a black hole."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(address)
            waiting.append(client)
        answer = await transport.send(post(address[1], url=f"http://127.0.0.1:{address[1]}/"), 0.3)
        for client in waiting:
            client.close()

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.CONNECT, Reason.TIMEOUT)


async def test_a_name_that_does_not_exist_is_a_dns_fault(transport: Transport) -> None:
    """`.invalid` never resolves (RFC 6761 section 6.4); a machine without a name server cannot know that."""
    answer = await transport.send(TokenRequest(url="https://nobody.invalid/token", form=FORM), 3)

    assert isinstance(answer, TransportFailure)
    assert answer.fault.stage is Stage.DNS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(issuer: trustme.CA, host: str, **dates: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(host, **dates).configure_cert(context)  # type: ignore[arg-type]
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


async def test_tls_is_verified_against_the_targets_own_authority(
    transport: Transport, authority: trustme.CA, ca_file: Path
) -> None:
    """A good certificate is accepted, and its end is known."""
    async with raw_server(answering(OK), server_context(authority, "localhost")) as port:
        answer = await transport.send(post(port, "https", ca_file=ca_file), 5)

    assert isinstance(answer, TokenResponse)
    assert answer.exchange.certificate_expiry is not None
    assert answer.exchange.phases[Phase.TLS] > 0


async def test_a_peer_that_says_no_goodbye_holds_nobody_up(authority: trustme.CA, ca_file: Path) -> None:
    """The connection ends in the loop's next turns, of which few may be left, and not when the peer likes."""
    connections: list[socket.socket] = []

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("socket"))
        await answering(OK)(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        try:
            await asyncio.Event().wait()
        finally:
            # Who does not read never hears the goodbye that closing waits for.
            writer.transport.abort()

    async with raw_server(stay, server_context(authority, "localhost")) as port:
        async with Transport(SystemClock()) as transport:
            answer = await transport.send(post(port, "https", ca_file=ca_file), 5)
        for _ in range(3):
            await asyncio.sleep(0)
        state = connections[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    assert isinstance(answer, TokenResponse)
    assert state == TCP_CLOSE_WAIT


async def test_an_untrusted_authority_is_named(transport: Transport, authority: trustme.CA) -> None:
    """The system does not know the test's authority."""
    async with raw_server(answering(OK), server_context(authority, "localhost")) as port:
        answer = await transport.send(post(port, "https"), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.TLS, Reason.UNTRUSTED)


async def test_another_hosts_certificate_is_named(transport: Transport, authority: trustme.CA, ca_file: Path) -> None:
    """The name in the URL counts."""
    async with raw_server(answering(OK), server_context(authority, "other.example")) as port:
        answer = await transport.send(post(port, "https", ca_file=ca_file), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.TLS, Reason.HOST_MISMATCH)


async def test_a_stalled_handshake_is_told_from_a_stalled_connect(transport: Transport) -> None:
    """The TCP connection stands; TLS does not begin."""
    async with raw_server(until_closed) as port:
        answer = await transport.send(post(port, "https"), 0.3)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.TLS, Reason.TIMEOUT)


@pytest.mark.fault(92)
async def test_a_ca_file_that_is_gone_is_our_own_fault(transport: Transport, tmp_path: Path) -> None:
    """Nothing is sent."""
    answer = await transport.send(post(1, "https", ca_file=tmp_path / "gone.pem"), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.LOCAL, Reason.CA_UNUSABLE)


async def test_the_phases_add_up_to_the_whole(transport: Transport) -> None:
    """No time is lost between them."""
    clock = SystemClock()
    async with raw_server(answering(OK)) as port:
        began = clock.monotonic()
        answer = await transport.send(post(port), 5)
        took = clock.monotonic() - began

    assert 0 < sum(answer.exchange.phases.values()) <= took


async def test_a_timeout_ends_in_time(transport: Transport) -> None:
    """An exchange does not wait for a server that says nothing."""
    clock = SystemClock()
    async with raw_server(until_closed) as port:
        began = clock.monotonic()
        await transport.send(post(port), 0.2)

    assert clock.monotonic() - began < 5.0


async def test_one_request_is_one_request(transport: Transport) -> None:
    """Aiohttp would ask twice where a GET is met by a server that closes."""
    asked: list[int] = []

    async def count(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.append(1)

    async with raw_server(count) as port:
        answer = await transport.send(TokenRequest(url=f"http://127.0.0.1:{port}/"), 5)

    assert isinstance(answer, TransportFailure)
    assert asked == [1]


async def test_repeated_header_fields_are_one_list(transport: Transport) -> None:
    """A second challenge does not hide the first (RFC 9110 section 5.3)."""
    challenges = b"WWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Bearer\r\n"
    async with raw_server(answering(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n" + challenges + b"\r\n")) as port:
        answer = await transport.send(post(port), 5)

    assert isinstance(answer, TokenResponse)
    assert answer.headers["www-authenticate"] == "Basic realm=x, Bearer"


async def test_the_head_of_a_broken_answer_is_kept(transport: Transport) -> None:
    """Status and ids arrived before the body broke off."""
    torn = b"HTTP/1.1 503 No\r\nx-ms-request-id: abc\r\nContent-Length: 100\r\n\r\n{"
    async with raw_server(answering(torn)) as port:
        answer = await transport.send(post(port), 5)

    assert isinstance(answer, TransportFailure)
    assert (answer.status, answer.headers["x-ms-request-id"]) == (503, "abc")


@pytest.mark.fault(92)
async def test_a_ca_file_that_changed_is_read_again(
    transport: Transport, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    """A rotated authority needs no restart."""
    async with raw_server(answering(OK), server_context(trustme.CA(), "localhost")) as stranger:
        before = await transport.send(post(stranger, "https", ca_file=ca_file), 5)
    renewed = trustme.CA()
    renewed.cert_pem.write_to_path(tmp_path / "new.pem")
    (tmp_path / "new.pem").replace(ca_file)
    async with raw_server(answering(OK), server_context(renewed, "localhost")) as port:
        after = await transport.send(post(port, "https", ca_file=ca_file), 5)

    assert isinstance(before, TransportFailure)
    assert isinstance(after, TokenResponse)


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe"])
async def test_a_ca_file_without_a_certificate_is_our_own_fault(
    transport: Transport, tmp_path: Path, content: bytes
) -> None:
    """Nothing is sent."""
    (tmp_path / "ca.pem").write_bytes(content)

    answer = await transport.send(post(1, "https", ca_file=tmp_path / "ca.pem"), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.LOCAL, Reason.CA_UNUSABLE)


async def test_a_fifo_for_a_ca_file_holds_nobody_up(transport: Transport, tmp_path: Path) -> None:
    """It is never opened for good."""
    os.mkfifo(tmp_path / "ca.pem")

    answer = await transport.send(post(1, "https", ca_file=tmp_path / "ca.pem"), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.LOCAL, Reason.CA_UNUSABLE)


@pytest.mark.parametrize(
    ("error", "stage", "reason"),
    [
        (OSError(errno.ENOTCONN, "not connected"), Stage.CONNECT, Reason.RESET),
        (OSError("Multiple exceptions: [Errno 101] Network, [Errno 111] Refused"), Stage.CONNECT, Reason.REFUSED),
        (OSError("what"), Stage.CONNECT, Reason.FAILED),
        (OSError(errno.ENETUNREACH, "no route"), Stage.CONNECT, Reason.UNREACHABLE),
        (OSError(errno.EAFNOSUPPORT, "no IPv6"), Stage.CONNECT, Reason.UNREACHABLE),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Stage.TLS, Reason.RESET),
        (ssl.SSLError(1, "handshake"), Stage.TLS, Reason.HANDSHAKE),
        (TimeoutError(), Stage.BODY, Reason.TIMEOUT),
    ],
)
def test_an_exception_becomes_the_reason_of_its_stage(error: Exception, stage: Stage, reason: Reason) -> None:
    """Where sockets race, the mapping itself is tried."""
    assert fault_of(error, stage) == Fault(stage, reason)


@pytest.mark.fault(58, 59)
@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EMFILE, Reason.FD_EXHAUSTED), (errno.EADDRNOTAVAIL, Reason.NO_PORTS)]
)
def test_what_this_machine_lacks_is_our_own_fault(number: int, reason: Reason) -> None:
    """At whatever stage it is noticed."""
    assert fault_of(OSError(number, "none left"), Stage.CONNECT) == Fault(Stage.LOCAL, reason)


@pytest.mark.fault(58)
async def test_running_out_of_descriptors_is_not_the_name_servers_fault(transport: Transport) -> None:
    """c-ares reports it as a failure to ask one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                kept.append(os.open(os.devnull, os.O_RDONLY))
        answer = await transport.send(TokenRequest(url="https://login.example/token", form=FORM), 3)
    finally:
        for descriptor in kept:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.LOCAL, Reason.FD_EXHAUSTED)


SOON = datetime(2031, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("trusted", [True, False])
async def test_the_chains_earliest_end_is_known(
    transport: Transport, tmp_path: Path, version: ssl.TLSVersion, trusted: bool
) -> None:
    """Of all that the server shows, and whether or not the chain is trusted."""
    root = trustme.CA()
    between = root.create_child_ca()
    certificate = between.issue_cert("localhost", not_after=SOON)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.maximum_version = version
    ca_file = tmp_path / "ca.pem"
    (root if trusted else trustme.CA()).cert_pem.write_to_path(ca_file)

    async with raw_server(answering(OK), context) as port:
        answer = await transport.send(post(port, "https", ca_file=ca_file), 5)

    assert isinstance(answer, TokenResponse) is trusted
    assert answer.exchange.certificate_expiry == SOON.timestamp()
    assert answer.exchange.tls_version == (version.name.replace("_", ".") if trusted else "")
    assert bool(answer.exchange.cipher) is trusted


@given(st.sampled_from([0x0303, 0x0304]), st.binary(max_size=200))
def test_a_chain_that_makes_no_sense_has_no_end(version: int, message: bytes) -> None:
    """And does no harm."""
    assert earliest_expiry(version, b"\x0b\x00\x00\xff" + message) is None


async def test_a_port_that_does_not_speak_tls_is_named(transport: Transport) -> None:
    """It answers the handshake in plain HTTP."""

    async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await until_closed(reader, writer)

    async with raw_server(answer_in_plain) as port:
        answer = await transport.send(post(port, "https"), 5)

    assert isinstance(answer, TransportFailure)
    assert answer.fault == Fault(Stage.TLS, Reason.NOT_TLS)
