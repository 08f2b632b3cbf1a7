"""A token endpoint that answers byte by byte as a test says, in a thread of its own, and configs of targets on it."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock
from typing import Any

from servers import GOOD, in_a_thread

Answer = Callable[[int, bytes], bytes | None]
"""The bytes that answer a request, of which the first has number 0; None says nothing until the client goes."""


class Endpoint(ThreadingTCPServer):
    """Keeps what it hears."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._tls = tls
        self.heard: list[bytes] = []
        self._answer = answer
        self._numbers = count()
        self._lock = Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        """Extends the library's: a handshake does not hold up the others."""
        accepted, address = super().get_request()
        if self._tls is not None:
            accepted = self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return accepted, address

    def answer(self, request: bytes) -> bytes | None:
        with self._lock:
            number = next(self._numbers)
            self.heard.append(request)
        return self._answer(number, request)


class _Handler(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Endpoint)
        # A prober that is killed may go at any moment, and one that trusts nobody goes at once.
        with suppress(OSError):
            if request := _whole_request(self.request):
                if (answer := self.server.answer(request)) is not None:
                    self.request.sendall(answer)
                else:
                    self.request.recv(1)


def _whole_request(connection: socket.socket) -> bytes:
    """The head and body of a request; nothing where the client goes before its end."""
    with connection.makefile("rb") as file:
        head = b"".join(iter(file.readline, b"\r\n"))
        length = re.search(rb"(?i)^content-length: (\d+)", head, re.MULTILINE)
        return head + b"\r\n" + file.read(int(length[1])) if length else b""


def answer_of(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    """An answer with this body."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


ISSUED = answer_of(GOOD)


def issues(_number: int, _request: bytes) -> bytes:
    """A token."""
    return ISSUED


def is_silent(_number: int, _request: bytes) -> None:
    """Takes a request and never answers."""


@contextmanager
def endpoint(answer: Answer = issues, tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    """Serves a token endpoint while the block runs."""
    with Endpoint(answer, tls) as server, in_a_thread(server):
        yield server


def targets_on(port: int, *names: str, secret: str = "canary-Zq7-secret", **changes: object) -> list[dict[str, object]]:
    """The entries of targets on this port of the loopback interface."""
    target: dict[str, object] = {
        "provider": "entra",
        "tenant": "contoso.onmicrosoft.com",
        "authority_host": f"http://127.0.0.1:{port}",
        "allow_http": True,
        "grant": "client_credentials",
        "client_id": "00000000-0000-4000-8000-000000000001",
        "scope": "api://x/.default",
        "credential": {"client_secret": secret},
    }
    return [{"name": name} | target | changes for name in names]


def serve_flags(
    folder: Path, targets: list[dict[str, object]], concurrency: int = 100, **defaults: object
) -> tuple[str, ...]:
    """Writes a config; returns the command that serves it on a free port."""
    path = folder / "config.yaml"
    path.write_text(json.dumps({"defaults": defaults, "concurrency": concurrency, "targets": targets}))
    path.chmod(0o600)
    return "serve", f"--config.file={path}", "--web.listen-address=127.0.0.1:0"
