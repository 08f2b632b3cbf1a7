"""The outage of 2021-03-15 through the whole exporter: keys vanish, tokens are issued all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fakes import FakeClock, make_prober, settle
from processes import PATIENCE, ROOT
from servers import application

from exporter.clock import SystemClock
from exporter.config import parse_config
from exporter.exporter import Exporter
from exporter.model import Answer, Config, TokenRequest
from exporter.simulator import Scenario, Simulator, parse_scenario
from exporter.transport import Transport

INTERVAL = 120.0
HOUR = 600.0
"""An hour of the outage is ten minutes here."""
BEGIN = 1_700_000_000.0
CONFIG = """
defaults: {interval: 2m, timeout: 10s}
targets:
  - name: plain
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-000000000001
    scope: https://graph.microsoft.com/.default
    credential: {client_secret: simulated-secret}
  - name: checked
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-000000000002
    scope: api://contoso-orders/.default
    credential: {client_secret: simulated-secret}
    expect:
      token:
        audience: [api://contoso-orders]
        claims: {tid: [11111111-1111-4111-8111-111111111111], azp: [00000000-0000-4000-8000-000000000002]}
        min_lifetime: 30m
        max_lifetime: 2h
  - name: keys
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: jwks
"""


@dataclass
class Bench:
    """A running exporter in time that passes only here, while its requests really go over the network."""

    exporter: Exporter
    clock: FakeClock
    answered: asyncio.Event
    elapsed: float = 0.0
    verdicts: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)

    async def play(self, seconds: float) -> None:
        """Lets time pass, an interval at a time, and notes of each target when it was asked and what came of it."""
        until = self.elapsed + seconds
        while self.elapsed < until:
            await self.clock.advance(INTERVAL)
            self.elapsed += INTERVAL
            async with asyncio.timeout(PATIENCE):
                while not all(self.attempts(name) >= self.elapsed / INTERVAL for name in self.targets):
                    await self.answered.wait()
                    self.answered.clear()
                    await settle()
            for name in self.targets:
                self.verdicts.setdefault(name, []).append(self.verdict(name))

    @property
    def targets(self) -> list[str]:
        return [target.name for target in self.exporter.config.targets]

    def attempts(self, target: str) -> float:
        return self.value("token_probe_attempts_total", target=target) or 0.0

    def verdict(self, target: str) -> tuple[float, bool]:
        """When a target was last asked (seconds after the beginning), and whether that was a success."""
        at = self.value("token_probe_last_attempt_timestamp_seconds", target=target) or 0.0
        return at - BEGIN, bool(self.value("token_probe_success", target=target))

    def value(self, name: str, **labels: str) -> float | None:
        return self.exporter.registry.get_sample_value(name, labels)


@asynccontextmanager
async def running(scenario: Scenario) -> AsyncIterator[Bench]:
    clock = FakeClock(BEGIN)
    async with application(Simulator(scenario, clock).make_app()) as url, Transport(SystemClock()) as transport:
        config = parse_config(CONFIG.replace("$simulator", url), ROOT)
        assert isinstance(config, Config), config

        answered = asyncio.Event()

        async def send(request: TokenRequest, _timeout: float) -> Answer:
            try:
                return await transport.send(request, PATIENCE)
            finally:
                answered.set()

        exporter = Exporter(config, make_prober(send, clock), clock)
        task = asyncio.create_task(exporter.run())
        try:
            yield Bench(exporter, clock, answered)
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_keys_that_vanish_while_tokens_are_issued_are_noticed_within_one_interval() -> None:
    """Nothing else notices; and it is over within one interval, too."""
    outage = (ROOT / "replay/outages/2021-03-15.yaml").read_text()
    scenario = parse_scenario(outage.replace("1h", "10m").replace("4h", "40m"))
    assert isinstance(scenario, Scenario)
    async with running(scenario) as bench:
        await bench.play(6 * HOUR)
        verdicts, value = bench.verdicts, bench.value
        invalid = value("token_probe_failures_total", target="checked", side="provider", category="token_invalid")
        missing = value("token_probe_transport_failures_total", target="checked", stage="token", reason="key_missing")

        struck = [at for at, success in verdicts["checked"] if not success]
        spared = [at for at, success in verdicts["checked"] if success]
        assert 1 * HOUR <= min(struck) <= 1 * HOUR + INTERVAL
        assert 4 * HOUR - INTERVAL <= max(struck) < 4 * HOUR
        assert all(at < 1 * HOUR or at >= 4 * HOUR for at in spared)
        assert invalid == missing == len(struck)
        assert all(success for _, success in verdicts["plain"])
        assert [success for _, success in verdicts["keys"]] == [
            not 1 * HOUR <= at < 4 * HOUR for at, _ in verdicts["keys"]
        ]
        assert value("token_probe_jwks_keys", target="keys") == 1
        back = value("token_probe_jwks_last_rollover_timestamp_seconds", target="keys")
        assert back == next(at for at, _ in verdicts["keys"] if at >= 4 * HOUR) + BEGIN
        assert value("token_probe_token_lifetime_seconds", target="checked") == 3599
