"""The simulator's HTTP side: Entra's paths, and the faults that only a socket can show."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import UUID

from aiohttp import web

from exporter.clock import Clock
from exporter.simulator.directory import CONTOSO, Tenant
from exporter.simulator.keys import SigningKey
from exporter.simulator.refusals import Ids, Reply, refuse
from exporter.simulator.scenario import Endpoint, Play, Scenario
from exporter.simulator.token_service import TOKEN_LIFETIME, Asked, Issued, authorize_device, client_id_of, decide

Right = Callable[[Ids], Reply]
"""The answer that a request gets where no scenario decides."""

_SERVER = "2.1.0.0 - SIMULATOR ProdSlices"


@dataclass(slots=True)
class Simulator:
    """A token service that plays a scenario, from the moment it is made. The seed decides every draw."""

    scenario: Scenario
    clock: Clock
    seed: int = 0
    tenant: Tenant = CONTOSO
    key: SigningKey = field(default_factory=SigningKey)
    _started: float = field(init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()
        self._random = random.Random(self.seed)  # noqa: S311 - a rehearsal, reproducible on purpose

    def make_app(self) -> web.Application:
        """The application with the paths of one authority host."""
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_get("/{tenant}/oauth2/v2.0/token", self._wrong_method)
        app.router.add_post("/{tenant}/oauth2/v2.0/devicecode", self._device_code)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/{tenant}/discovery/v2.0/keys", self._keys)
        return app

    async def _token(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        return await self._answer(request, "token", self._names(asked), lambda ids: self._decide(asked, request, ids))

    async def _device_code(self, request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        where = f"{request.scheme}://{request.host}/devicelogin"
        names = self._names(asked)
        return await self._answer(
            request, "devicecode", names, lambda ids: authorize_device(asked, self.tenant, ids, where)
        )

    async def _wrong_method(self, request: web.Request) -> web.StreamResponse:
        ids = self._ids(request)
        return self._write(request, refuse("AADSTS900561", ids), ids)

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "discovery", _tenant_of(request), lambda ids: self._describe(request, ids))

    async def _keys(self, request: web.Request) -> web.StreamResponse:
        document = {"keys": [self.key.jwk()]}
        return await self._answer(request, "jwks", _tenant_of(request), lambda _: Reply(HTTPStatus.OK, document))

    async def _answer(
        self, request: web.Request, endpoint: Endpoint, names: Collection[str], right: Right
    ) -> web.StreamResponse:
        """What the scenario says to a request that goes by these names, else the right answer."""
        ids = self._ids(request)
        play = self.scenario.play(self._elapsed(), names, self._random.random, endpoint)
        if play is None or play.token:
            return self._write(request, right(ids), ids)
        return await self._play(play, right, request, ids)

    def _describe(self, request: web.Request, ids: Ids) -> Reply:
        tenant = request.match_info["tenant"]
        if not self.tenant.named(tenant):
            return refuse("AADSTS90002", ids, error="invalid_tenant")
        base = f"{request.scheme}://{request.host}/{tenant}"
        document = {
            "issuer": self._issuer(request),
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
        }
        return Reply(HTTPStatus.OK, document)

    def _decide(self, asked: Asked, request: web.Request, ids: Ids) -> Reply:
        decision = decide(asked, self.tenant, ids)
        return self._issue(decision, request, ids) if isinstance(decision, Issued) else decision

    def _issue(self, issued: Issued, request: web.Request, ids: Ids) -> Reply:
        now = int(ids.now)
        claims = {
            "aud": issued.audience,
            "iss": self._issuer(request),
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFETIME,
            "azp": issued.client.client_id,
            "tid": self.tenant.tenant_id,
            "uti": str(ids.trace_id),
            "ver": "2.0",
        }
        body = {
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME,
            "ext_expires_in": TOKEN_LIFETIME,
            "access_token": self.key.sign(claims),
        }
        return Reply(HTTPStatus.OK, body)

    async def _play(self, play: Play, right: Right, request: web.Request, ids: Ids) -> web.StreamResponse:
        if play.code is not None:
            reply = refuse(play.code, ids, error=play.error, status=play.status, headers=play.headers)
            return self._write(request, reply, ids)
        if play.latency is not None:
            await self.clock.sleep_until(self.clock.monotonic() + play.latency)
            return self._write(request, right(ids), ids)
        if play.stall is not None:
            return await _stall(request, begun=play.stall == "body")
        if play.reset or play.fault:
            # A server cannot be unreachable to one who reached it; a reset is the nearest that it can do.
            return _reset(request)
        if play.truncate:
            return await _truncate(request)
        return self._write(request, Reply(play.status or HTTPStatus.OK, play.body or "", play.headers), ids)

    def _write(self, request: web.Request, reply: Reply, ids: Ids) -> web.Response:
        headers = {
            "Cache-Control": "no-store, no-cache",
            "Pragma": "no-cache",
            "x-ms-request-id": str(ids.trace_id),
            "x-ms-ests-server": _SERVER,
        }
        if request.headers.get("return-client-request-id", "").lower() == "true":
            headers["client-request-id"] = ids.correlation_id
        if not isinstance(reply.body, str):
            headers["Content-Type"] = "application/json; charset=utf-8"
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return web.Response(status=reply.status, body=text.encode(), headers=headers | dict(reply.headers))

    def _ids(self, request: web.Request) -> Ids:
        fresh = (UUID(int=self._random.getrandbits(128), version=4) for _ in range(2))
        trace_id, correlation_id = next(fresh), str(next(fresh))
        return Ids(trace_id, request.headers.get("client-request-id", correlation_id), self.clock.time())

    def _names(self, asked: Asked) -> frozenset[str]:
        """The names by which a scenario may speak of a request: the client's, its id, and the tenant's."""
        client_id = client_id_of(asked)
        client = self.tenant.clients.get(client_id)
        return frozenset({asked.tenant, client_id, client.name if client else ""} - {""})

    def _issuer(self, request: web.Request) -> str:
        return f"{request.scheme}://{request.host}/{self.tenant.tenant_id}/v2.0"

    def _elapsed(self) -> float:
        return self.clock.monotonic() - self._started


async def _asked(request: web.Request) -> Asked:
    return Asked(
        tenant=request.match_info["tenant"],
        form=await _form(request),
        authorization=request.headers.get("Authorization", ""),
    )


def _tenant_of(request: web.Request) -> frozenset[str]:
    """The one name that a request of what everybody may read goes by."""
    return frozenset({request.match_info["tenant"]})


async def _form(request: web.Request) -> list[tuple[str, str]]:
    """The form parameters in order, repeated ones included; none where the body is no form."""
    if request.content_type != "application/x-www-form-urlencoded":
        return []
    return parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)


async def _stall(request: web.Request, *, begun: bool) -> web.StreamResponse:
    """Says nothing more until the client gives up."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    if begun:
        await response.prepare(request)
        await response.write(b"{")
    await asyncio.Event().wait()
    return response


def _reset(request: web.Request) -> web.StreamResponse:
    """Drops the connection with a reset in place of an orderly end."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _truncate(request: web.Request) -> web.StreamResponse:
    """Promises more than it sends."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"token_type": "Bea')
    if request.transport is not None:
        request.transport.close()
    return response
