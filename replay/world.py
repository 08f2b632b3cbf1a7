"""What the world answers to a token request: a scenario's outage, else noise, else a token."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from uuid import UUID

from exporter.catalogue import Reason, Stage
from exporter.clock import Clock
from exporter.model import Answer, Fault, TokenRequest, TokenResponse, TransportFailure
from exporter.simulator import Ids, Play, Reply, Scenario, refuse
from replay.fleet import tenant_of

DAY = 86400.0

_TOKEN = TokenResponse(
    status=200,
    headers=MappingProxyType({"content-type": "application/json", "cache-control": "no-store"}),
    body=b'{"token_type":"Bearer","expires_in":3599,"access_token":"aaaa.bbbb.cccc"}',
)

_MEDIAN_LATENCY = 0.2
_LATENCY_SPREAD = 0.4

_STRAY = (
    Play(code="AADSTS90033"),
    Play(status=503, body="<html>Service Unavailable</html>"),
    Play(stall="headers"),
    Play(reset=True),
)
"""What a request now and then comes to although nothing is wrong."""

_BLIPS = (Play(reset=True), Play(status=503, body="<html>Service Unavailable</html>"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What goes wrong although nothing is wrong.

    `stray` and `aadsts50000` are shares of requests. A blip lets the next 2 or 3 requests of a target fail one after
    the other; blips are counted a target and day.
    """

    stray: float = 0.0
    aadsts50000: float = 0.0
    blips: float = 0.0
    aadsts50000_blips: float = 0.0
    restarts: float = 0.0
    scrape_gaps: float = 0.0
    lost_scrapes: float = 0.0


NOISES: Mapping[str, Noise] = MappingProxyType(
    {
        "none": Noise(),
        "normal": Noise(
            stray=0.002, aadsts50000=0.0002, blips=1, restarts=9 / 14, scrape_gaps=4 / 14, lost_scrapes=0.005
        ),
        "harsh": Noise(
            stray=0.002,
            aadsts50000=0.001,
            blips=1,
            aadsts50000_blips=1,
            restarts=9 / 14,
            scrape_gaps=4 / 14,
            lost_scrapes=0.005,
        ),
    }
)
"""Restarts of the exporter and scrape gaps are counted a day, lost scrapes are a share."""


@dataclass(slots=True)
class _Blips:
    """When a target has blips of one kind."""

    per_day: float
    answers: tuple[Play, ...]
    random: Random
    _next: float = 0.0
    _left: int = 0
    _answer: Play = field(init=False)

    def __post_init__(self) -> None:
        self._answer = self.answers[0]
        self._plan(0.0)

    def _plan(self, now: float) -> None:
        self._next = now + (self.random.expovariate(self.per_day / DAY) if self.per_day else float("inf"))

    def strike(self, now: float) -> Play | None:
        """What becomes of a request now, if a blip has it."""
        if now >= self._next:
            self._left, self._answer = self.random.choice((2, 3)), self.random.choice(self.answers)
            self._plan(now)
        if not self._left:
            return None
        self._left -= 1
        return self._answer


class World:
    """Answers requests in virtual time; one seed decides everything."""

    def __init__(self, scenario: Scenario, noise: Noise, clock: Clock, seed: int) -> None:
        self._scenario = scenario
        self._noise = noise
        self._clock = clock
        self._random = Random(f"world {seed}")  # noqa: S311 - a replay, reproducible on purpose
        self._blips: dict[str, tuple[_Blips, ...]] = {}

    async def send(self, request: TokenRequest, timeout: float) -> Answer:
        """Answers one token request; the client's name in it is the target's."""
        target = str(dict(request.form or ())["client_id"])
        latency = min(timeout, _MEDIAN_LATENCY * self._random.lognormvariate(0.0, _LATENCY_SPREAD))
        play = self._play(target)
        if play is None or play.token:
            await asyncio.sleep(latency)
            return _TOKEN
        if play.latency is not None:
            await asyncio.sleep(min(timeout, play.latency))
            return _TOKEN if play.latency < timeout else _failure(Stage.HEADERS, Reason.TIMEOUT)
        fault = _fault_of(play)
        if fault is not None:
            await asyncio.sleep(timeout if fault.reason is Reason.TIMEOUT else latency)
            return TransportFailure(fault=fault)
        await asyncio.sleep(latency)
        return _response(self._reply(play))

    def _play(self, target: str) -> Play | None:
        now, draw = self._clock.monotonic(), self._random.random
        play = self._scenario.play(now, {target, tenant_of(target)}, draw)
        return play or self._stray(target, now)

    def _stray(self, target: str, now: float) -> Play | None:
        if target not in self._blips:
            self._blips[target] = (
                _Blips(self._noise.blips, _BLIPS, self._random),
                _Blips(self._noise.aadsts50000_blips, (Play(code="AADSTS50000"),), self._random),
            )
        for blips in self._blips[target]:
            if (play := blips.strike(now)) is not None:
                return play
        drawn = self._random.random()
        if drawn < self._noise.aadsts50000:
            return Play(code="AADSTS50000")
        return self._random.choice(_STRAY) if drawn < self._noise.aadsts50000 + self._noise.stray else None

    def _reply(self, play: Play) -> Reply:
        if play.code is None:
            return Reply(play.status or 200, play.body or "", play.headers)
        ids = (str(UUID(int=self._random.getrandbits(128), version=4)) for _ in range(2))
        stamp = Ids(UUID(next(ids)), next(ids), self._clock.time())
        return refuse(play.code, stamp, error=play.error, status=play.status, headers=play.headers)


def _fault_of(play: Play) -> Fault | None:
    if play.fault is not None:
        stage, reason = play.fault.split("/")
        return Fault(Stage(stage), Reason(reason))
    if play.stall is not None:
        return Fault(Stage.HEADERS if play.stall == "headers" else Stage.BODY, Reason.TIMEOUT)
    if play.reset:
        return Fault(Stage.HEADERS, Reason.RESET)
    return Fault(Stage.BODY, Reason.TRUNCATED) if play.truncate else None


def _failure(stage: Stage, reason: Reason) -> TransportFailure:
    return TransportFailure(fault=Fault(stage, reason))


def _response(reply: Reply) -> TokenResponse:
    plain = isinstance(reply.body, str)
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    headers = {"content-type": "text/html" if plain else "application/json"}
    return TokenResponse(
        status=reply.status,
        headers=headers | {name.lower(): value for name, value in reply.headers.items()},
        body=text.encode(),
    )
