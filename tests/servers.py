"""Real servers on loopback: ones that misbehave byte by byte, and ones that speak TLS."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer

from aiohttp import web

GOOD = b'{"token_type": "Bearer", "expires_in": 3599, "access_token": "aaa.bbb.ccc"}'
BAD = b'{"error": "server_error", "error_codes": [50000], "error_description": "AADSTS50000: text"}'

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(
    behaviour: Behaviour, tls: ssl.SSLContext | None = None, listener: socket.socket | None = None
) -> AsyncIterator[int]:
    """Listens while the block runs, on loopback or as told, and treats each connection as told; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            await behaviour(reader, writer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, sock=listener or listening(), ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def listening(host: str = "127.0.0.1", port: int = 0, receive_buffer: int = 0) -> socket.socket:
    """A socket that listens; a receive buffer of 0 is as large as the system likes."""
    # asyncio sends without delay only on what says that it is TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    return listener


def answering(answer: bytes) -> Behaviour:
    """Reads a request's head and body, writes these bytes, and ends the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return behave


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The whole of one HTTP request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


@asynccontextmanager
async def application(app: web.Application) -> AsyncIterator[str]:
    """Serves an application while the block runs; yields its URL."""
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class TokenEndpoint(ThreadingHTTPServer):
    """A token endpoint in a thread of its own; its next so many answers are AADSTS50000, all others a token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.failures = 0
        self.lock = threading.Lock()

    def config(self, interval: str, timeout: str) -> str:
        """A config with one target, `contoso-graph`, on this endpoint."""
        return f"""
defaults: {{interval: {interval}, timeout: {timeout}}}
targets:
  - name: contoso-graph
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: http://127.0.0.1:{self.server_port}
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-000000000001
    scope: https://graph.microsoft.com/.default
    credential: {{client_secret: simulated-secret}}
"""

    def fails_next(self) -> bool:
        with self.lock:
            self.failures -= 1
            return self.failures >= 0

    def fail(self, times: int) -> None:
        """Fails so many requests from now on."""
        with self.lock:
            self.failures = times


class _TokenHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        fails = isinstance(self.server, TokenEndpoint) and self.server.fails_next()
        self.send_response(500 if fails else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(BAD if fails else GOOD)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """Serves a token endpoint while the block runs."""
    with TokenEndpoint() as server, in_a_thread(server):
        yield server


@contextmanager
def in_a_thread(server: BaseServer) -> Iterator[None]:
    """Lets a server serve while the block runs."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
