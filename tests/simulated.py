"""A whole exporter against the simulator, in time that passes only here, while its requests really go over sockets."""

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


@dataclass
class Bench:
    """The exporter, its clock, and the requests that are under way."""

    exporter: Exporter
    clock: FakeClock
    transport: Transport
    rest: asyncio.Event
    under_way: int = 0

    async def send(self, request: TokenRequest, _timeout: float) -> Answer:
        """Sends a request, during which no time passes."""
        self.under_way += 1
        self.rest.clear()
        try:
            return await self.transport.send(request, PATIENCE)
        finally:
            self.under_way -= 1
            if not self.under_way:
                self.rest.set()

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Lets time pass, so much at a time, whenever nothing is under way."""
        for _ in range(round(seconds / step)):
            await self.clock.advance(step)
            while not self.rest.is_set():
                async with asyncio.timeout(PATIENCE):
                    await self.rest.wait()
                # What was answered may ask again.
                await settle()

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a series."""
        return self.exporter.registry.get_sample_value(name, labels)


@asynccontextmanager
async def simulated(config: str, scenario: str) -> AsyncIterator[Bench]:
    """Runs an exporter of this config, in which $simulator is a simulator that plays the scenario."""
    clock = FakeClock()
    played = parse_scenario(scenario)
    assert isinstance(played, Scenario), played
    async with application(Simulator(played, clock).make_app()) as url, Transport(SystemClock()) as transport:
        parsed = parse_config(config.replace("$simulator", url), Path())
        assert isinstance(parsed, Config), parsed

        async def send(request: TokenRequest, timeout: float) -> Answer:
            return await bench.send(request, timeout)

        bench = Bench(Exporter(parsed, make_prober(send, clock), clock), clock, transport, asyncio.Event())
        bench.rest.set()
        task = asyncio.create_task(bench.exporter.run())
        try:
            yield bench
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
