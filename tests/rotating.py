"""A token endpoint that lets each refresh token work once, and takes reuse for theft (RFC 9700 section 4.14.2)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from servers import in_a_thread

SEED = "refresh-zQ6"


class RotatingEndpoint(ThreadingHTTPServer):
    """Knows the one refresh token that works; none does any more once an old one was presented."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.valid = f"{SEED}-0"
        self.rotations = 0
        self.reused = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"

    def rotate(self, presented: str) -> dict[str, object]:
        with self.lock:
            if presented != self.valid:
                self.reused, self.valid = True, ""
            if not self.valid:
                return {"error": "invalid_grant"}
            self.rotations += 1
            self.valid = f"{SEED}-{self.rotations}"
            return {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 60, "refresh_token": self.valid}


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert isinstance(self.server, RotatingEndpoint)
        said = self.server.rotate(form["refresh_token"][0])
        self.send_response(400 if "error" in said else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def rotating_endpoint() -> Iterator[RotatingEndpoint]:
    """Serves such an endpoint while the block runs."""
    with RotatingEndpoint() as server, in_a_thread(server):
        yield server
