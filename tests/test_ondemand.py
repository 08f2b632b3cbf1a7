"""Attempts that somebody asks for: one for all who ask at about the same time."""

import asyncio
from dataclasses import replace

import pytest
from fakes import FakeClock, make_target, settle

from exporter.catalogue import Category, Reason, Stage
from exporter.model import Evidence, Exchange, Outcome, ProbeResult, Target
from exporter.ondemand import OnDemand


class Attempts:
    """Attempts that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[tuple[Target, float | None]] = []
        self.end = asyncio.Event()

    async def __call__(self, target: Target, timeout: float | None) -> ProbeResult:
        self.begun.append((target, timeout))
        await self.end.wait()
        return ProbeResult(
            target=target,
            started_at=float(len(self.begun)),
            duration=0.1,
            outcome=Outcome.failed(Category.NETWORK, Stage.DNS, Reason.TIMEOUT),
            evidence=Evidence(endpoint="", request_id=""),
            exchange=Exchange(),
        )


async def test_all_who_ask_during_an_attempt_share_it() -> None:
    """Two Prometheus servers that scrape at the same moment make one request."""
    attempts, target = Attempts(), make_target()
    demand = OnDemand(attempts, FakeClock(), freshness=0.0)

    asking = [asyncio.create_task(demand.probe(target, timeout)) for timeout in (3.0, None)]
    await settle()
    attempts.end.set()

    assert len({id(result) for result in await asyncio.gather(*asking)}) == 1
    assert attempts.begun == [(target, 3.0)]


@pytest.mark.parametrize(("freshness", "later", "attempts_made"), [(0.0, 0.0, 2), (5.0, 4.9, 1), (5.0, 5.0, 2)])
async def test_a_result_serves_again_while_it_is_fresh(freshness: float, later: float, attempts_made: int) -> None:
    """And not a moment longer; 0 is never."""
    attempts, target, clock = Attempts(), make_target(), FakeClock()
    attempts.end.set()
    demand = OnDemand(attempts, clock, freshness)

    await demand.probe(target, None)
    clock.now += later
    result = await demand.probe(target, None)

    assert result.started_at == attempts_made
    assert len(attempts.begun) == attempts_made


async def test_a_result_of_a_target_that_has_changed_since_does_not_serve() -> None:
    """The config was reloaded between the two."""
    attempts, target = Attempts(), make_target()
    attempts.end.set()
    demand = OnDemand(attempts, FakeClock(), freshness=60.0)

    await demand.probe(target, None)
    changed = replace(target, scope="api://other/.default")
    result = await demand.probe(changed, None)

    assert result.target is changed


async def test_a_result_that_is_let_go_does_not_serve() -> None:
    """However fresh it is."""
    attempts, target = Attempts(), make_target()
    attempts.end.set()
    demand = OnDemand(attempts, FakeClock(), freshness=60.0)

    await demand.probe(target, None)
    demand.forget()
    await demand.probe(target, None)

    assert len(attempts.begun) == 2


async def test_an_attempt_under_way_serves_nobody_who_asks_of_a_changed_target() -> None:
    """Its answer is one to other questions."""
    attempts, target = Attempts(), make_target()
    demand = OnDemand(attempts, FakeClock(), freshness=0.0)
    before = asyncio.create_task(demand.probe(target, None))
    await settle()
    changed = replace(target, scope="api://other/.default")
    after = asyncio.create_task(demand.probe(changed, None))
    await settle()
    attempts.end.set()

    assert ((await before).target, (await after).target) == (target, changed)


async def test_who_goes_away_takes_the_attempt_from_nobody() -> None:
    """A scraper that times out does not cancel what another waits for."""
    attempts, target = Attempts(), make_target()
    demand = OnDemand(attempts, FakeClock(), freshness=0.0)
    first, second = (asyncio.create_task(demand.probe(target, None)) for _ in range(2))
    await settle()

    first.cancel()
    await settle()
    attempts.end.set()

    assert (await second).target is target
    assert len(attempts.begun) == 1
