"""What is slow is told from what is not: 200 ms anywhere make that phase longer and no other."""

import asyncio
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from misbehaviour import answer, at, sends
from nameserver import has, name_server
from phases import NOT_ALLOWED, Endpoint, stopwatch

from exporter.catalogue import Phase, Reason, Stage
from exporter.clock import SystemClock
from exporter.model import Fault, TokenRequest, TokenResponse, TransportFailure
from exporter.transport import Transport

pytestmark = pytest.mark.alone

HERE = Path(__file__).parent
LATE = 0.2
TOLERANCE = 0.01
TRIES = 5

Times = dict[Phase, float]
"""What each phase takes, in seconds."""


@dataclass(slots=True)
class Comparison:
    """The shortest times where nothing is late, and where something is: a busy machine only makes them longer."""

    quick: Times = field(default_factory=lambda: dict.fromkeys(Phase, math.inf))
    slow: Times = field(default_factory=lambda: dict.fromkeys(Phase, math.inf))
    tries: int = 0

    def add(self, quick: Times, slow: Times) -> None:
        self.tries += 1
        self.quick = {phase: min(self.quick[phase], quick[phase]) for phase in Phase}
        self.slow = {phase: min(self.slow[phase], slow[phase]) for phase in Phase}

    def blames(self, late: Phase) -> bool:
        """Whether this phase took so much longer, and no other took longer or shorter."""
        return all(
            abs(self.slow[phase] - self.quick[phase] - (LATE if phase is late else 0.0)) <= TOLERANCE for phase in Phase
        )

    def wants_more(self, late: Phase) -> bool:
        return self.tries < TRIES and not (self.tries and self.blames(late))


@pytest.mark.parametrize(
    ("part", "phase"),
    [
        ("name", Phase.RESOLVE),
        ("handshake", Phase.TLS),
        ("first_byte", Phase.PROCESSING),
        ("body", Phase.TRANSFER),
    ],
)
async def test_what_is_late_makes_its_phase_longer_and_no_other(part: str, phase: Phase) -> None:
    """Against what the same endpoint took just before."""
    endpoint, comparison = Endpoint(), Comparison()
    async with stopwatch(endpoint) as watch:
        while comparison.wants_more(phase):
            quick = await watch.measure()
            setattr(endpoint, part, LATE)
            comparison.add(quick, await watch.measure())
            setattr(endpoint, part, 0.0)

    assert comparison.blames(phase), comparison


def test_a_late_connection_makes_its_phase_longer_and_no_other() -> None:
    """Its packets pass through a process that holds up the first."""
    comparison = Comparison()
    while comparison.wants_more(Phase.CONNECT):
        comparison.add(*over_a_slow_link())

    assert comparison.blames(Phase.CONNECT), comparison


def over_a_slow_link() -> tuple[Times, Times]:
    """Measures in a network namespace of its own, which root may have everywhere, and others on some systems."""
    done = subprocess.run(
        [sys.executable, HERE / "phases.py", str(LATE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if done.returncode == NOT_ALLOWED:
        pytest.skip(f"no network namespace with a TUN device may be made here (Linux as root): {done.stderr}")
    assert done.returncode == 0, done.stderr
    quick, slow = ({Phase(phase): seconds for phase, seconds in phases.items()} for phases in json.loads(done.stdout))
    return quick, slow


async def test_eight_dead_names_do_not_delay_a_ninth() -> None:
    """A name server that says nothing holds up whoever asks it, and nobody else; nor does it the next time."""
    dead = [f"dead{n}.test" for n in range(8)]
    zone = {name: has(silent=True) for name in dead} | {"well.test": has("127.0.0.1")}
    clock = SystemClock()
    async with (
        name_server(zone) as server,
        at(sends(answer()), "well.test")() as url,
        Transport(clock, (server,)) as transport,
    ):
        for _ in range(2):
            waiting = [asyncio.create_task(transport.send(TokenRequest(url=f"http://{name}/"), 1.0)) for name in dead]
            seconds = []
            for _ in range(5):
                began = clock.monotonic()
                assert isinstance(await transport.send(TokenRequest(url=url), 5), TokenResponse)
                seconds.append(clock.monotonic() - began)
            assert not any(task.done() for task in waiting)
            assert min(seconds) < 0.1
            for answered in await asyncio.gather(*waiting):
                assert isinstance(answered, TransportFailure)
                assert answered.fault == Fault(Stage.DNS, Reason.TIMEOUT)
