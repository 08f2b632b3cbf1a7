"""The outage of 2022-05-03 through the whole exporter: device codes die within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import FakeClock, make_prober, settle
from processes import PATIENCE
from servers import application

from exporter.clock import SystemClock
from exporter.config import parse_config
from exporter.exporter import Exporter
from exporter.model import Answer, Config, TokenRequest
from exporter.simulator import Scenario, Simulator, parse_scenario
from exporter.transport import Transport

INTERVAL = 60.0
CONFIG = """
defaults: {interval: 1m, timeout: 20s}
targets:
  - name: device
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: $simulator
    allow_http: true
    grant: device_code
    client_id: 00000000-0000-4000-8000-000000000005
    scope: https://graph.microsoft.com/.default
"""
SCENARIO = """
name: 2022-05-03, device codes expire at once
timeline:
  - {from: 5m, to: 10m, answer: {code: AADSTS70020, error: expired_token}}
"""


@dataclass
class Bench:
    """A running exporter in time that passes only while nothing is under way, though its requests go over sockets."""

    exporter: Exporter
    clock: FakeClock
    idle: asyncio.Event

    async def send(self, transport: Transport, request: TokenRequest) -> Answer:
        self.idle.clear()
        try:
            return await transport.send(request, PATIENCE)
        finally:
            self.idle.set()

    async def play(self, minutes: int) -> list[bool]:
        """Lets minutes pass; whether each one's attempt was a success."""
        verdicts = []
        for _ in range(minutes):
            for _ in range(60):
                async with asyncio.timeout(PATIENCE):
                    await self.idle.wait()
                await self.clock.advance(1.0)
                await settle()
            verdicts.append(bool(self.value("token_probe_success")))
        return verdicts

    def value(self, name: str, **labels: str) -> float | None:
        return self.exporter.registry.get_sample_value(name, {"target": "device", **labels})


@asynccontextmanager
async def running() -> AsyncIterator[Bench]:
    clock = FakeClock()
    scenario = parse_scenario(SCENARIO)
    assert isinstance(scenario, Scenario), scenario
    async with application(Simulator(scenario, clock).make_app()) as url, Transport(SystemClock()) as transport:
        config = parse_config(CONFIG.replace("$simulator", url), Path())
        assert isinstance(config, Config), config

        async def send(request: TokenRequest, _timeout: float) -> Answer:
            return await bench.send(transport, request)

        bench = Bench(Exporter(config, make_prober(send, clock), clock), clock, asyncio.Event())
        bench.idle.set()
        task = asyncio.create_task(bench.exporter.run())
        yield bench
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_codes_that_die_within_seconds_are_noticed_within_an_interval() -> None:
    """As the provider's failure; while nothing else is wrong, and over as soon as codes live again."""
    async with running() as bench:
        verdicts = await bench.play(15)

        assert verdicts == [True] * 5 + [False] * 5 + [True] * 5
        assert bench.value("token_probe_failures_total", side="provider", category="service_fault") == 5
        assert bench.value("token_probe_errors_total", code="AADSTS70020", category="grant_invalid") == 5
