"""What a client proves itself by is replaced while a real prober probes ten times a second: nobody notices."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from pairs import Pair, make_pair
from processes import PATIENCE
from replacing import rename_over, swap_link
from servers import application

from exporter.app import real_prober
from exporter.clock import SystemClock
from exporter.config import parse_config
from exporter.model import Config, ProbeResult, Target
from exporter.secrets import Keyring
from exporter.state import Keeper

EVERY = 0.1
"""Seconds between two probes."""

OLD, NEW = "old", "new"

PAIRS = {OLD: make_pair(), NEW: make_pair()}


@dataclass
class Server:
    """A token endpoint that knows both values, as providers do while somebody rotates, and notes which was used."""

    names: Mapping[str, str]
    used: list[str] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        name = self.names.get(str(form.get("client_secret"))) or self._signer(str(form.get("client_assertion")))
        async with self.more:
            self.used.append(name or "unknown")
            self.more.notify_all()
        if name is None:
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 60})

    def _signer(self, assertion: str) -> str | None:
        if assertion in self.names:
            return self.names[assertion]
        try:
            thumbprint = jwt.get_unverified_header(assertion)["x5t#S256"]
        except (jwt.PyJWTError, KeyError):
            return None
        for name, pair in PAIRS.items():
            certificate = pair.certificates[0]
            digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == thumbprint:
                key = certificate.public_key()
                assert isinstance(key, EllipticCurvePublicKey)
                jwt.decode(assertion, key, ["ES256"], options={"verify_aud": False})
                return name
        return None

    async def used_so_often(self, name: str, times: int) -> None:
        """Waits until a value was used so often."""
        async with asyncio.timeout(PATIENCE), self.more:
            await self.more.wait_for(lambda: self.used.count(name) >= times)


async def probe_on(target: Target, ended: asyncio.Event) -> list[ProbeResult]:
    """Begins a probe ten times a second, whatever became of those before, until it is told to end."""
    clock = SystemClock()
    async with real_prober(clock, Keyring(), Keeper(clock)) as prober, asyncio.TaskGroup() as tasks:
        begun = []
        due = clock.monotonic()
        while not ended.is_set():
            begun.append(tasks.create_task(prober.probe(target)))
            due += EVERY
            await clock.sleep_until(due)
    return [task.result() for task in begun]


def token_of_a_workload(name: str) -> str:
    return jwt.encode({"sub": name, "exp": time.time() + 3600}, "k" * 32, "HS256")


TOKENS = {name: token_of_a_workload(name) for name in (OLD, NEW)}


def pair_files(pair: Pair) -> dict[str, bytes]:
    return {"tls.crt": pair.chain, "tls.key": pair.key}


KINDS: dict[str, tuple[str, Mapping[str, Mapping[str, bytes]], Mapping[str, str]]] = {
    "secret": (
        "client_secret_file: secret, method: client_secret_post",
        {name: {"secret": f"secret-{name}".encode()} for name in (OLD, NEW)},
        {f"secret-{name}": name for name in (OLD, NEW)},
    ),
    "certificate": (
        "certificate_file: tls.crt, private_key_file: tls.key, algorithm: ES256",
        {name: pair_files(pair) for name, pair in PAIRS.items()},
        {},
    ),
    "federated token": (
        "assertion_file: token",
        {name: {"token": token.encode()} for name, token in TOKENS.items()},
        {token: name for name, token in TOKENS.items()},
    ),
}


@asynccontextmanager
async def serving(names: Mapping[str, str]) -> AsyncIterator[tuple[Server, str]]:
    server, app = Server(names), web.Application()
    app.router.add_post("/token", server.answer)
    async with application(app) as url:
        yield server, url


@pytest.mark.fault(67)
@pytest.mark.parametrize("swap", [rename_over, swap_link])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_rotation_fails_no_probe(
    tmp_path: Path, kind: str, swap: Callable[[Path, Mapping[str, bytes]], None]
) -> None:
    """And once it is over the old value leaves at most once more."""
    credential, contents, names = KINDS[kind]
    swap(tmp_path, contents[OLD])
    async with serving(names) as (server, url):
        config = parse_config(
            f"targets: [{{name: rotated, provider: oidc, token_endpoint: '{url}/token', allow_http: true, "
            f"grant: client_credentials, client_id: probe, credential: {{{credential}}}}}]",
            tmp_path,
        )
        assert isinstance(config, Config), config
        ended = asyncio.Event()
        probing = asyncio.create_task(probe_on(config.targets[0], ended))
        await server.used_so_often(OLD, 5)

        await asyncio.to_thread(swap, tmp_path, contents[NEW])
        before = len(server.used)
        await server.used_so_often(NEW, 10)
        ended.set()
        results = await probing

    assert [result.outcome.failure for result in results if not result.outcome.success] == []
    assert server.used[before:].count(OLD) <= 1
    assert set(server.used) == {OLD, NEW}
