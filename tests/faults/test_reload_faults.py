"""A config that is of no use, or comes while something is under way: the one before goes on, nothing is half done."""

import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from endpoint import SECRET, arguments, attempts, endpoint, goes_on, logged, serving, value, write_config
from processes import Running, running

from exporter.config import load_config
from exporter.document import Problem
from exporter.schedule import share

LOADED = "token_exporter_config_last_reload_successful"


def reload(exporter: Running) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{exporter.port}/-/reload", method="POST")
    with urllib.request.urlopen(request, timeout=10) as response:
        return int(response.status)


@pytest.mark.fault(63)
def test_a_signal_with_a_bad_config_is_one_line_that_shows_no_value(tmp_path: Path) -> None:
    """All that is wrong stands in it, and nobody notices otherwise but by the gauge."""
    with endpoint() as there:
        config = write_config(tmp_path, there.target("one"))
        good = config.read_text()
        with serving(config) as exporter:
            config.write_text(good.replace("grant:", "grnat:") + f"    scope: NO\n    {SECRET}: x\n")
            exporter.process.send_signal(signal.SIGHUP)
            exporter.until(lambda: value(exporter, LOADED) == 0)
            goes_on(exporter, "one")

            config.write_text(good)
            exporter.process.send_signal(signal.SIGHUP)
            exporter.until(lambda: value(exporter, LOADED) == 1)
            assert exporter.stop() == 0
            told = logged(exporter)

    (line,) = (line for line in told.splitlines() if "level=error" in line)
    assert 'msg="config has problems; the one before goes on"' in line
    for problem in ("line 7: targets[0].grnat: unknown key", "line 10: targets[0].scope: YAML reads", "line 11: "):
        assert problem in line
    assert SECRET not in told


def early(name: str) -> str:
    """The name, and a number with which a target is attempted as soon as it is there."""
    return next(numbered for number in count() if share(numbered := f"{name}-{number}") < 0.01)


@pytest.mark.fault(64)
def test_reloads_at_once_come_one_after_the_other_and_end_no_attempt(tmp_path: Path) -> None:
    """What stays is answered and counted as ever; of what went nothing is left, though it is answered, too."""
    stays, goes = early("stays"), early("goes")
    with endpoint() as there, ThreadPoolExecutor() as pool:
        there.open.clear()
        config = write_config(tmp_path, there.target(stays), there.target(goes), interval="10s", timeout="9s")
        with running("serve", *arguments(config), "--web.enable-lifecycle") as exporter:
            exporter.until(lambda: there.asked[stays] == there.asked[goes] == 1)
            write_config(tmp_path, there.target(stays), there.target("comes"), interval="10s", timeout="9s")
            assert list(pool.map(reload, [exporter] * 8)) == [200] * 8
            seen = exporter.get("/metrics")
            assert (goes in seen, "comes" in seen) == (False, True)

            there.open.set()
            exporter.until(lambda: attempts(exporter, stays) == 1)
            seen = exporter.get("/metrics")
            assert value(seen, "token_probe_success", target=stays) == 1
            assert goes not in seen
            assert exporter.stop() == 0
            told = logged(exporter)
    assert told.count('msg="config reloaded"') == 8
    assert "internal error" not in told


@pytest.mark.fault(66)
def test_a_secret_is_forgotten_with_its_target(tmp_path: Path) -> None:
    """A target that comes back is proven by what its file says now, and by nothing that it said once."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with endpoint() as there:
        stays, goes = there.target("stays"), there.target("goes", f"client_secret_file: {secret}")
        config = write_config(tmp_path, stays, goes)
        with serving(config, "--web.enable-lifecycle") as exporter:
            for targets in ((stays,), (stays, goes)):
                secret.unlink(missing_ok=True)
                write_config(tmp_path, *targets)
                assert reload(exporter) == 200

            exporter.until(lambda: attempts(exporter, "goes") >= 1)
            unreadable = {"target": "goes", "stage": "local", "reason": "secret_unreadable"}
            failed = value(exporter, "token_probe_transport_failures_total", **unreadable)
            assert failed >= 1
            goes_on(exporter, "stays")


@pytest.mark.fault(65)
def test_a_config_is_read_no_further_than_it_may_be_long(tmp_path: Path) -> None:
    """A terabyte is told as fast as 16 MiB."""
    config = tmp_path / "config.yaml"
    with config.open("wb") as file:
        file.truncate(1 << 40)

    assert load_config(config) == [Problem(0, "", "the file is larger than 16 MiB")]
