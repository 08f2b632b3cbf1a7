"""A process that runs out of descriptors, ports or memory blames itself, and nobody else."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from aiohttp import web
from endpoint import SECRET, endpoint, goes_on, logged, serving, target_on, value, write_config
from fakes import FakeClock, make_prober, make_target
from processes import COMMAND, PATIENCE, ROOT, Running, read_until
from tools import unavailable
from webside import connected, get, served

from exporter.exporter import Exporter
from exporter.model import Answer, Config, TokenRequest

NOT_ACCEPTED = 'msg="a connection cannot be accepted"'


def descriptors(exporter: Running) -> int:
    return len(list(Path(f"/proc/{exporter.process.pid}/fd").iterdir()))


def limit_descriptors(exporter: Running, most: int) -> int:
    """Sets how many a process may have from now on; returns how many it might have before."""
    soft, hard = resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE, (most, hard))
    return soft


@contextmanager
def scraping(exporter: Running) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection("127.0.0.1", exporter.port, timeout=10)) as connection:
        connection.connect()
        yield connection


def scrape(connection: HTTPConnection) -> str:
    """What /metrics says to who holds a connection, as Prometheus does: that takes no further descriptor."""
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


@pytest.mark.fault(58)
def test_who_has_no_descriptor_left_blames_itself(tmp_path: Path) -> None:
    """It is scraped meanwhile, its log is not flooded, and nothing of it lasts."""
    (tmp_path / "secret").write_text(SECRET)
    with endpoint() as there:
        targets = [there.target("inline"), there.target("file", "client_secret_file: secret")]
        with serving(write_config(tmp_path, *targets)) as exporter:
            goes_on(exporter, "inline", "file")
            with scraping(exporter) as scraper, ExitStack() as waiting:
                scrape(scraper)
                before = descriptors(exporter)
                enough = limit_descriptors(exporter, 3)

                def exhausted() -> float:
                    seen, fault = scrape(scraper), {"stage": "local", "reason": "fd_exhausted"}
                    name = "token_probe_transport_failures_total"
                    return min(value(seen, name, target=target, **fault) for target in ("inline", "file"))

                exporter.until(lambda: exhausted() >= 3)
                seen = scrape(scraper)
                began = time.monotonic()
                for _ in range(20):
                    waiting.enter_context(scraping(exporter))
                # The one that has been without a request for longest makes room for the next.
                assert scraper.sock.recv(1) == b""
                read_until(exporter.process, rf"{NOT_ACCEPTED}[\s\S]*{NOT_ACCEPTED}")
                assert time.monotonic() - began > 0.9
                limit_descriptors(exporter, enough)
            goes_on(exporter, "inline", "file")
            exporter.until(lambda: descriptors(exporter) <= before)
            assert exporter.stop() == 0
            told = logged(exporter)

    assert value(seen, "token_probe_failures_total", side="prober", category="local") >= 6
    assert value(seen, "token_probe_failures_total", side="provider") == 0
    assert value(seen, "token_probe_credential_readable", target="file") == 0
    assert "Traceback" not in told
    assert "socket.accept() out of system resource" not in told


NO_PORTS = """
import os, socket, subprocess, sys
from slowlink import enter_namespace
enter_namespace()
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as ports:
    ports.write("40000 40003")
listening = socket.create_server(("127.0.0.1", 8080))
held = []
try:
    while True:
        held.append(socket.create_connection(("127.0.0.1", 8080)))
except OSError:
    sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


@pytest.mark.fault(59)
def test_who_has_no_port_left_blames_itself(tmp_path: Path) -> None:
    """In a network of its own, all four of whose ports are taken."""
    config = write_config(tmp_path, target_on(8080, "one"))
    words = [sys.executable, "-c", NO_PORTS, *COMMAND, "once", f"--config.file={config}", "--format=json"]
    path = os.pathsep.join([str(ROOT / "tests/transport"), *sys.path])
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}
    )
    if "PermissionError" in ended.stderr or "'ip'" in ended.stderr:
        unavailable("no network namespace can be made here: run the tests as root on Linux, with iproute2")

    (result,) = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert (result["side"], result["category"], result["stage"], result["reason"]) == (
        "prober",
        "local",
        "local",
        "no_ports",
    )


@pytest.mark.fault(60)
def test_who_has_no_memory_left_ends_at_once(tmp_path: Path) -> None:
    """With 1 and one line, so that whoever supervises it starts it anew."""
    with endpoint() as there:
        targets = [there.target(f"t{number}") for number in range(5)]
        with serving(write_config(tmp_path, *targets)) as exporter:
            there.judge = lambda _form: (200, {"padding": "x" * 60_000})
            taken = int(Path(f"/proc/{exporter.process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
            resource.prlimit(exporter.process.pid, resource.RLIMIT_AS, (taken, taken))

            assert exporter.process.wait(PATIENCE) == 1
            told = logged(exporter)
    assert told.splitlines()[-1] == "aadsts-exporter: out of memory"
    assert "Traceback" not in told


@contextmanager
def caught() -> Iterator[list[object]]:
    """What comes to the loop's exception handler while the block runs."""
    met: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: met.append(context.get("exception")))
    yield met
    loop.set_exception_handler(None)


@pytest.mark.fault(60)
async def test_an_attempt_without_memory_is_no_bug_of_one_target() -> None:
    """It goes to whoever ends the process, and is not counted as an internal error."""
    error = MemoryError()

    async def send(_request: TokenRequest, _timeout: float) -> Answer:
        raise error

    clock = FakeClock()
    exporter = Exporter(Config(targets=(make_target(),), concurrency=1), make_prober(send, clock), clock)
    with caught() as met:
        task = asyncio.create_task(exporter.run())
        await clock.advance(30)
        await asyncio.wait([task])

    assert met == [error]
    assert isinstance(task.exception(), ExceptionGroup)
    assert exporter.registry.get_sample_value("token_exporter_internal_errors_total") == 0


@pytest.mark.fault(60)
async def test_a_page_without_memory_is_no_bug_either() -> None:
    """It goes the same way."""
    error = MemoryError()

    async def large(_request: web.Request) -> web.Response:
        raise error

    app = web.Application()
    app.router.add_get("/", large)
    with caught() as met:
        async with served(app) as port, connected(port) as client:
            await client.say(get("/"))
            await client.answer()

    assert met == [error]
