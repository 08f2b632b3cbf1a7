"""A token endpoint that refuses every password, and the config of a target that presents it one."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import parse_qs

from fakes import refusal
from servers import in_a_thread

PASSWORD = "password-zQ8"
WRONG = refusal(50126, "invalid_grant")


class RefusingEndpoint(ThreadingHTTPServer):
    """Counts how often each password came, and tells of each arrival. A silent one never answers."""

    def __init__(self, silent: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.silent = silent
        self.came: Counter[str] = Counter()
        self.arrivals: SimpleQueue[str] = SimpleQueue()
        self.lock = threading.Lock()

    def arrive(self, password: str) -> None:
        with self.lock:
            self.came[password] += 1
        self.arrivals.put(password)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert isinstance(self.server, RefusingEndpoint)
        self.server.arrive(form["password"][0])
        if self.server.silent:
            self.rfile.read()
            return
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(WRONG.body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def refusing_endpoint(silent: bool = False) -> Iterator[RefusingEndpoint]:
    """Serves such an endpoint while the block runs."""
    with RefusingEndpoint(silent) as server, in_a_thread(server):
        yield server


def write_config(folder: Path, port: int, *more: str, password: str = f"password: {PASSWORD}") -> Path:
    """Writes the config of one target, with these lines more."""
    path = folder / "config.yaml"
    lines = "".join(f"    {line}\n" for line in (password, *more))
    path.write_text(f"""
targets:
  - name: user
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: http://127.0.0.1:{port}
    allow_http: true
    grant: password
    client_id: prober
    username: alice@contoso.example
    interval: 1m
{lines}""")
    return path
