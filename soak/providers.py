"""The servers that the exporter asks: one that is well, and all that are not."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import unquote_plus

from aiohttp import web
from misbehaviour import answer, at, authority, behind_tls, certified, sends
from nameserver import Records, Zone, has, name_server
from servers import GOOD, Behaviour, application, read_request
from wirerows import ZONE

from exporter.clock import SystemClock
from exporter.simulator import Scenario, Simulator, load_scenario
from soak.targets import CANARY, MOODY_NAME, WELL_NAME, Addresses

_REFUSAL = "invalid_client"


@dataclass(slots=True)
class Moody:
    """A name that its server knows, unless it is silent."""

    silent: bool = False

    def __call__(self) -> Records:
        return Records(("127.0.0.1",), silent=self.silent)


@dataclass(frozen=True, slots=True)
class Providers:
    """Where they are, the name server among them, and the name that can fall silent."""

    addresses: Addresses
    name_server: str
    moody: Moody


@asynccontextmanager
async def providers(seed: int) -> AsyncIterator[Providers]:
    """Serves all of them while the block runs."""
    moody = Moody()
    zone: Zone = {**ZONE, WELL_NAME: has("127.0.0.1"), MOODY_NAME: moody}
    async with AsyncExitStack() as stack:
        simulator = Simulator(_scenario(), SystemClock(), seed)
        lenient = await stack.enter_async_context(application(_lenient()))
        addresses = Addresses(
            simulator=await stack.enter_async_context(application(simulator.make_app())),
            lenient=int(lenient.rpartition(":")[2]),
            secure=await stack.enter_async_context(behind_tls(sends(answer()), certified())()),
            inventive=await stack.enter_async_context(at(_makes_codes_up())()),
        )
        yield Providers(addresses, await stack.enter_async_context(name_server(zone)), moody)


def write_authority(path: Path) -> None:
    """Writes down whom to trust to trust them all."""
    authority().cert_pem.write_to_path(path)


def _scenario() -> Scenario:
    scenario = load_scenario(Path(__file__).parent / "scenario.yaml")
    if isinstance(scenario, list):
        raise TypeError(f"the scenario is broken: {scenario[0]}")
    return scenario


def _lenient() -> web.Application:
    """Takes whatever has the canary in it, or is signed; a refresh token is followed by another one."""
    issued = count(1)

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        presented = _basic(request.headers.get("Authorization", "")) + str(form.get("client_secret", ""))
        if CANARY in presented or "client_assertion" in form:
            return web.Response(body=GOOD, content_type="application/json")
        # As badly as a server can refuse: it repeats what it was told.
        return web.json_response({"error": _REFUSAL, "error_description": presented}, status=401)

    async def refresh(_request: web.Request) -> web.Response:
        renewed = f', "refresh_token": "{CANARY}-refresh-{next(issued)}"}}'
        return web.Response(text=GOOD.decode().rstrip("}") + renewed, content_type="application/json")

    app = web.Application()
    app.router.add_post("/token", token)
    app.router.add_post("/refresh", refresh)
    return app


def _basic(header: str) -> str:
    try:
        return unquote_plus(base64.b64decode(header.removeprefix("Basic ")).decode())
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _makes_codes_up() -> Behaviour:
    """Never fails with the same code twice, and repeats what it is told."""
    numbers = count(77_000_000)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_request(reader)
        said = f"AADSTS{next(numbers)}: {asked.decode('latin-1')}"
        writer.write(answer(json.dumps({"error": "made_up", "error_description": said}), "400 Bad Request"))
        await writer.drain()

    return behave
