"""What the service manager hears, at a real socket."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from processes import PATIENCE, ROOT, running

from exporter.notify import Manager

OURS = 4711


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """The manager's end, at a path or, with @, at an abstract name."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(address.replace("@", "\0", 1))
        manager.settimeout(PATIENCE)
        yield manager


def heard(manager: socket.socket) -> list[str]:
    """Everything that has arrived."""
    manager.setblocking(False)
    said = []
    try:
        while True:
            said.append(manager.recv(4096).decode())
    except BlockingIOError:
        return said


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@exporter-test-{tmp_path}"


async def test_it_lives_while_its_loop_does(address: str) -> None:
    """Ready, a sign of life twice in the time that the watchdog allows, and the end, where none follows."""
    clock = FakeClock()
    with listening(address) as manager:
        async with Manager(address, watchdog=30.0).told(clock):
            await clock.advance(29.0)
            lived = heard(manager)
        await clock.advance(60.0)
        ended = heard(manager)

    assert lived == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert ended == ["STOPPING=1"]


async def test_without_a_watchdog_there_is_no_sign_of_life(address: str) -> None:
    """Nobody waits for it."""
    clock = FakeClock()
    with listening(address) as manager:
        async with Manager(address).told(clock):
            await clock.advance(100.0)
        assert heard(manager) == ["READY=1", "STOPPING=1"]


def test_a_reload_begins_at_a_moment_and_ends(address: str) -> None:
    """The moment in microseconds of the monotonic clock, as Type=notify-reload wants it."""
    with listening(address) as manager:
        with Manager(address).reloading(12.345678):
            assert heard(manager) == ["RELOADING=1\nMONOTONIC_USEC=12345678"]
        assert heard(manager) == ["READY=1"]


async def test_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without an address nothing is said; at a dead one it is a warning, and the work goes on."""
    with caplog.at_level(logging.DEBUG):
        async with Manager().told(FakeClock()):
            pass
        assert caplog.messages == []
        for nobody in (str(tmp_path / "nobody"), "/" + "x" * 200):
            Manager(nobody).ready()
    assert caplog.messages == ["the service manager cannot be told"] * 2


def test_a_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its socket is full: what does not go at once is dropped."""
    with listening(str(tmp_path / "notify")) as manager:
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for _ in range(1000):
            Manager(str(tmp_path / "notify")).ready()
            if caplog.messages:
                break
    assert caplog.messages == ["the service manager cannot be told"]


@pytest.mark.parametrize(
    ("environment", "manager"),
    [
        ({}, Manager()),
        ({"NOTIFY_SOCKET": "/run/notify"}, Manager("/run/notify")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "30000000"}, Manager("@n", 30.0)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(OURS)}, Manager("@n", 0.5)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, Manager("@n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "0"}, Manager("@n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "-5"}, Manager("@n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "٣"}, Manager("@n")),
    ],
    ids=["none", "socket", "watchdog", "ours", "somebody-else's", "off", "negative", "no-ascii"],
)
def test_the_environment_names_the_manager(environment: dict[str, str], manager: Manager) -> None:
    """sd_notify(3) and sd_watchdog_enabled(3)."""
    assert Manager.of(environment, OURS) == manager


@given(st.text(), st.text())
def test_no_environment_is_too_odd(microseconds: str, pid: str) -> None:
    """A watchdog is a positive number of seconds, or there is none."""
    assert Manager.of({"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid}, OURS).watchdog >= 0


def test_the_exporter_tells_its_manager(address: str) -> None:
    """Ready once it listens, signs of life from then on, a reload, and its end before it ends."""
    with listening(address) as manager:
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
        config = f"--config.file={ROOT / 'docs/examples/refusals.yaml'}"
        with running("serve", config, "--web.listen-address=127.0.0.1:0", environment=environment) as exporter:
            assert manager.recv(4096) == b"READY=1"
            assert exporter.get("/-/healthy") == "Healthy\n"
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            exporter.process.send_signal(signal.SIGHUP)
            said = iter(lambda: manager.recv(4096), b"READY=1")
            (reloading,) = (word for word in said if word != b"WATCHDOG=1")
            assert reloading.startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert exporter.stop() == 0
        assert heard(manager)[-1] == "STOPPING=1"
