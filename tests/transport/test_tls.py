"""What the transport makes of TLS servers that end badly, under each event loop that may run it."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
import uvloop

from exporter.catalogue import Reason, Stage
from exporter.clock import SystemClock
from exporter.model import Answer, Parameters, TokenRequest, TokenResponse
from exporter.transport import Transport
from exporter.transport.client import MAX_BODY

PATIENCE = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

Behaviour = Callable[[socket.socket, ssl.SSLContext], None]
"""What a server does with a connection, in a thread."""

Outcome = int | tuple[Stage, Reason]
"""The length of the answer's body, or why there is none."""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def close_at_once(connection: socket.socket, _context: ssl.SSLContext) -> None:
    connection.recv(5000)


def reset_at_once(connection: socket.socket, _context: ssl.SSLContext) -> None:
    connection.recv(1)
    reset(connection)


def refuse(connection: socket.socket, _context: ssl.SSLContext) -> None:
    """Sends the alert handshake_failure (RFC 8446 section 6.2)."""
    connection.recv(5000)
    connection.sendall(bytes.fromhex("15 03 03 00 02 02 28"))


def answer(sent: bytes, goodbye: bool = True) -> Behaviour:
    def behave(connection: socket.socket, context: ssl.SSLContext) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(9000)
            tls.sendall(sent)
            if goodbye:
                tls.unwrap()

    return behave


def answer_with_a_reset(connection: socket.socket, context: ssl.SSLContext) -> None:
    tls = context.wrap_socket(connection, server_side=True)
    tls.recv(9000)
    reset(tls)


def answer_with_nonsense(connection: socket.socket, context: ssl.SSLContext) -> None:
    tls = context.wrap_socket(connection, server_side=True)
    tls.recv(9000)
    with socket.socket(fileno=tls.detach()) as bare:
        bare.sendall(b"this is no record of TLS" * 10)


def long(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + b" " * length


CLOSED, RESET = (Stage.HEADERS, Reason.CLOSED), (Stage.HEADERS, Reason.RESET)
TRUNCATED = (Stage.BODY, Reason.TRUNCATED)

CASES: dict[str, tuple[Behaviour, Outcome]] = {
    "answers": (answer(OK), 2),
    "answers and says no goodbye": (answer(OK, goodbye=False), 2),
    "answers as much as is read": (answer(long(MAX_BODY)), MAX_BODY),
    "answers more than is read": (answer(long(100 * MAX_BODY)), (Stage.BODY, Reason.TOO_LARGE)),
    "closes in the handshake": (close_at_once, (Stage.TLS, Reason.RESET)),
    "resets in the handshake": (reset_at_once, (Stage.TLS, Reason.RESET)),
    "refuses the handshake": (refuse, (Stage.TLS, Reason.HANDSHAKE)),
    "closes before the head": (answer(b""), CLOSED),
    "closes before the head without a goodbye": (answer(b"", goodbye=False), CLOSED),
    "resets before the head": (answer_with_a_reset, RESET),
    "sends no record": (answer_with_nonsense, (Stage.TLS, Reason.NOT_TLS)),
    "ends within the body": (answer(long(10)[:-8]), TRUNCATED),
    "ends within the body without a goodbye": (answer(long(10)[:-8], goodbye=False), TRUNCATED),
    "ends the body by its goodbye": (answer(b"HTTP/1.1 200 OK\r\n\r\n{}"), 2),
}

authority = trustme.CA()


def serve(listener: socket.socket, behaviour: Behaviour, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    authority.issue_cert("localhost").configure_cert(context)
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    # The client goes when it has seen enough.
    with connection, suppress(OSError):
        behaviour(connection, context)


async def ask(port: int, ca_file: Path, form: Parameters = (("a", "b"),)) -> Answer:
    async with Transport(SystemClock()) as transport:
        request = TokenRequest(url=f"https://localhost:{port}/", form=form, ca_file=ca_file)
        return await transport.send(request, PATIENCE)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize("case", CASES)
def test_a_tls_server_that(case: str, version: ssl.TLSVersion, loop: str, tmp_path: Path) -> None:
    """Ends in the same way under both loops, in both versions of TLS."""
    behaviour, expected = CASES[case]
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        serving = thread.submit(serve, listener, behaviour, version)
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            got = runner.run(ask(listener.getsockname()[1], tmp_path / "ca.pem"))
        serving.result(PATIENCE)

    outcome = len(got.body) if isinstance(got, TokenResponse) else (got.fault.stage, got.fault.reason)
    assert outcome == expected


def count(connection: socket.socket, context: ssl.SSLContext) -> None:
    """Answers with how long the body of the request is."""
    with context.wrap_socket(connection, server_side=True) as tls:
        head, _, body = tls.recv(9000).partition(b"\r\n\r\n")
        expected = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        length = len(body)
        while length < expected:
            length += len(tls.recv(65536))
        said = str(length).encode()
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_that_fits_no_buffer_is_sent_whole(loop: str, tmp_path: Path) -> None:
    """And whose chain it was is known under either loop, though the handshake goes on in its callbacks."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    form = (("assertion", "x" * 10_000_000),)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        serving = thread.submit(serve, listener, count, ssl.TLSVersion.TLSv1_3)
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            got = runner.run(ask(listener.getsockname()[1], tmp_path / "ca.pem", form))
        serving.result(PATIENCE)

    assert isinstance(got, TokenResponse)
    assert got.body == str(len("assertion=") + 10_000_000).encode()
    assert got.exchange.certificate_expiry is not None
    assert got.exchange.tls_version == "TLSv1.3"
