"""The programs that are measured, and those that they talk to: ours, blackbox_exporter, nginx, the simulator."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import trustme
import yaml

PATIENCE = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_AS_PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Process:
    """A running program that listens on a port."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU that it has used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mebibytes(self) -> float:
        """Memory that it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20

    def get(self, path: str) -> str:
        """The text at a path."""
        return self._ask(path).decode()

    def scrape(self) -> str:
        """The metrics, asked for as Prometheus does."""
        return zlib.decompress(self._ask("/metrics", _AS_PROMETHEUS), wbits=16 + zlib.MAX_WBITS).decode()

    def _ask(self, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers))
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())


def total(metrics: str, pattern: str) -> float:
    """The sum of the samples whose line begins with what matches."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if re.match(pattern, line))


def say(progress: str) -> None:
    """Tells whoever waits how far it is; figures go to stdout, this does not."""
    print(progress, file=sys.stderr, flush=True)  # noqa: T201 - the command line


def program(name: str, package: str) -> str:
    """The path of a program. Raises SystemExit with the package that has it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: apt-get install {package}")
    return path


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, path: str = "/") -> Iterator[Process]:
    """A program while the block runs, from when it answers at a path on."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            made = Process(process.pid, port)
            _until_it_answers(process, made, path)
            yield made
        finally:
            process.terminate()


def _until_it_answers(process: "subprocess.Popen[bytes]", made: Process, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            made.get(path)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{process.args!r} does not answer")


@contextmanager
def exporter(folder: Path, config: Mapping[str, object], run: Sequence[str] = ("exporter",)) -> Iterator[Process]:
    """Ours, with this config; `run` is what Python runs it by: a module and its arguments."""
    path = folder / "exporter.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", *run, "--log.level=error", f"--config.file={path}"]
    with running([*command, f"--web.listen-address=127.0.0.1:{port}"], port, "/-/healthy") as process:
        yield process


@contextmanager
def blackbox(folder: Path, modules: Mapping[str, object]) -> Iterator[Process]:
    """blackbox_exporter, with these modules."""
    config = folder / "blackbox.yaml"
    config.write_text(yaml.safe_dump({"modules": modules}), encoding="utf-8")
    port = free_port()
    path = program("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
    command = [path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with running(command, port, "/-/healthy") as process:
        yield process


@dataclass(frozen=True, slots=True)
class Server:
    """nginx: ports for plain HTTP and for TLS, and who has signed its certificate."""

    plain: int
    tls: int
    ca_file: Path

    def url(self, scheme: str, path: str, host: str = "127.0.0.1") -> str:
        """Where it answers."""
        return f"{scheme}://{host}:{self.tls if scheme == 'https' else self.plain}{path}"


_REFUSAL = json.dumps(
    {
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided.",
        "error_codes": [7000215],
        "timestamp": "2026-11-25 05:00:00Z",
        "trace_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "correlation_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    }
)

ANSWERS: Mapping[str, tuple[int, str]] = {
    "/token": (200, '{"token_type":"Bearer","expires_in":3599,"access_token":"eyJh.eyJh.c2ln"}'),
    "/refused": (401, _REFUSAL),
}

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type application/json; keepalive_timeout 0; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_session_tickets off; ssl_session_cache off;
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen [::1]:{plain} backlog=4096;
    listen 127.0.0.1:{tls} ssl backlog=4096; listen [::1]:{tls} ssl backlog=4096;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    {locations}
  }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """A token endpoint that is no part of what is compared."""
    authority = trustme.CA()
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = Server(free_port(), free_port(), folder / "ca.pem")
    locations = " ".join(f"location {path} {{ return {status} '{body}'; }}" for path, (status, body) in ANSWERS.items())
    config = folder / "nginx.conf"
    config.write_text(
        _NGINX.format(folder=folder, plain=server.plain, tls=server.tls, locations=locations), encoding="utf-8"
    )
    with running([program("nginx", "nginx-light"), "-c", str(config)], server.plain):
        yield server
