"""The exporter's own web side on loopback, as it is served: with limits, with protection, with targets behind it."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import bcrypt
import trustme
from aiohttp import web
from fakes import make_target

from exporter.answers import Answers
from exporter.clock import SystemClock
from exporter.config import load_web_config, parse_config
from exporter.exporter import Exporter
from exporter.history import History
from exporter.model import Config
from exporter.probe import Prober
from exporter.secrets import Keyring
from exporter.state import Keeper
from exporter.status import TargetStatus
from exporter.ticket import Ticket, make_ticket
from exporter.transport import Transport
from exporter.web import Limits, Listener, Ports, ProbeReport, Protection, Records, Standings, make_app

PATIENCE = 20.0


@dataclass
class Behind:
    """What stands behind the web side in these tests."""

    is_ready: bool = True
    text: bytes = b"text\n"
    renders: int = 0
    rendering: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, float | None]] = field(default_factory=list)
    history: History = field(default_factory=History)
    tickets: list[tuple[str, str, float]] = field(default_factory=list)
    drills_on: bool = True
    drills: list[tuple[str, float]] = field(default_factory=list)

    def ticket(self, code: str, target: str, since: float) -> Ticket:
        self.tickets.append((code, target, since))
        failures = self.history.failures()
        return make_ticket(failures, self.history.tallies(0), code=code, target=target, since=0, until=0)

    async def render(self, openmetrics: bool) -> Sequence[bytes]:
        self.renders += 1
        self.rendering.set()
        await self.go_on.wait()
        return (b"openmetrics\n" if openmetrics else self.text).splitlines(keepends=True)

    async def probe_now(self, name: str, timeout: float | None) -> ProbeReport | None:
        self.asked.append((name, timeout))
        if name != "contoso":
            return None
        return ProbeReport(render=lambda _: b"probe_success 0\n", conversation=lambda: "POST https://login\n")

    def ports(self) -> Ports:
        config = Config(targets=(make_target("contoso"),), concurrency=1, shown="targets: <secret>\n")
        return Ports(
            config=lambda: config,
            render=self.render,
            probe_now=self.probe_now,
            standings=Standings(now=lambda: 0.0, targets=self.statuses, detail=lambda _: None),
            records=Records(
                failures=self.history.failures,
                find=self.history.find,
                knows=lambda target: target == "contoso",
                ticket=self.ticket,
            ),
            ready=lambda: self.is_ready,
            drill=self.begin_drill if self.drills_on else None,
        )

    async def statuses(self) -> list[TargetStatus]:
        return []

    def begin_drill(self, code: str, seconds: float) -> None:
        self.drills.append((code, seconds))


def hashed(password: str) -> str:
    """A bcrypt hash that costs next to nothing."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def basic(name: str, password: str | bytes) -> dict[str, str]:
    """The header of who says so."""
    secret = password if isinstance(password, bytes) else password.encode()
    return {"Authorization": "Basic " + base64.b64encode(name.encode() + b":" + secret).decode()}


def protection(folder: Path, text: str) -> Protection:
    """A web config in this folder, which is good."""
    path = folder / "web.yaml"
    path.write_text(text)
    made = Protection(path, load_web_config)
    assert made.problems == []
    return made


def write_certificate(folder: Path, authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """`server.crt` and `server.key` of these names in the folder; returns what trusts them."""
    certificate = authority.issue_cert(*names)
    (folder / "server.key").write_bytes(certificate.private_key_pem.bytes())
    (folder / "server.crt").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return trusting


@asynccontextmanager
async def served(
    app: web.Application, limits: Limits | None = None, protected: Protection | None = None
) -> AsyncIterator[int]:
    """Serves an application the way the exporter does; yields the port."""
    async with Listener(app, "127.0.0.1", 0, limits=limits or Limits(), protection=protected) as listener:
        yield listener.port


@asynccontextmanager
async def real_exporter(config: str, *, scheduled: bool = False, kind: type[Prober] = Prober) -> AsyncIterator[int]:
    """An exporter of this config that really sends: by /probe, and on schedule where it is said; yields its port."""
    parsed = parse_config(config, Path())
    assert isinstance(parsed, Config), parsed
    clock = SystemClock()
    ids = count(1)
    async with Transport(clock) as transport:
        prober = kind(
            send=transport.send,
            read=Keyring().read,
            hold=Keeper(clock).hold,
            clock=clock,
            new_id=lambda: f"request-{next(ids)}",
        )
        exporter = Exporter(parsed, prober, clock)
        schedule = asyncio.create_task(exporter.run() if scheduled else asyncio.sleep(0))
        async with served(make_app(Answers(exporter, clock).ports(drills=True))) as port:
            yield port
        schedule.cancel()
        await asyncio.wait([schedule])


@dataclass
class Client:
    """A connection on which the test says every byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode("latin-1"))
        with suppress(ConnectionError):
            await self.writer.drain()

    async def hear(self) -> bytes:
        """Everything until the other side ends the connection."""
        heard = bytearray()
        with suppress(ConnectionError):
            while chunk := await asyncio.wait_for(self.reader.read(65536), PATIENCE):
                heard += chunk
        return bytes(heard)

    async def answer(self) -> tuple[int, bytes]:
        """One answer: its status and its body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        return int(head.split()[1]), await self.reader.readexactly(int(fields[b"content-length"]))


@asynccontextmanager
async def connected(port: int, tls: ssl.SSLContext | None = None, name: str = "localhost") -> AsyncIterator[Client]:
    """A connection to this port of the loopback interface."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name if tls else None)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def get(path: str, *headers: str, method: str = "GET") -> str:
    """A request for a path."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""))
