"""A config that changes under a running exporter: by signal and by HTTP, good and bad."""

import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import Running, running
from servers import TokenEndpoint, token_endpoint

LOADED = r"token_exporter_config_last_reload_successful"
LOADED_AT = r"token_exporter_config_last_reload_success_timestamp_seconds"


@contextmanager
def serving(folder: Path, endpoint: TokenEndpoint, *flags: str) -> Iterator[Running]:
    """An exporter with two targets on an endpoint, each probed some times already."""
    write(folder, endpoint, "graph", "orders")
    file = f"--config.file={folder / 'config.yaml'}"
    with running("serve", file, "--web.listen-address=127.0.0.1:0", *flags) as exporter:
        exporter.until(lambda: min(attempts(exporter, "graph"), attempts(exporter, "orders")) >= 2)
        yield exporter


def write(
    folder: Path, endpoint: TokenEndpoint, *names: str, scope: str = "https://graph.microsoft.com/.default"
) -> None:
    """Writes a config with targets of these names."""
    head, _, target = endpoint.config("200ms", "150ms").partition("targets:\n")
    target = target.replace("https://graph.microsoft.com/.default", scope)
    targets = "".join(target.replace("contoso-graph", name) for name in names)
    (folder / "config.yaml").write_text(f"{head}targets:\n{targets}")


def attempts(exporter: Running, target: str) -> float:
    return sum(exporter.samples(rf'token_probe_attempts_total{{target="{target}"}}'))


def post_reload(exporter: Running, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{exporter.port}/-/reload", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.fault(64)
def test_a_signal_takes_up_the_changed_config(tmp_path: Path) -> None:
    """What stayed goes on counting, what went has no series left, what came is probed."""
    with token_endpoint() as endpoint, serving(tmp_path, endpoint) as exporter:
        before, loaded_at = attempts(exporter, "graph"), exporter.samples(LOADED_AT)
        write(tmp_path, endpoint, "graph", "payroll")

        exporter.process.send_signal(signal.SIGHUP)
        exporter.until(lambda: attempts(exporter, "payroll") >= 2)

        assert attempts(exporter, "graph") >= before
        assert 'target="orders"' not in exporter.get("/metrics")
        assert exporter.samples(LOADED) == [1.0]
        assert exporter.samples(LOADED_AT) > loaded_at
        assert exporter.samples("token_exporter_targets") == [2.0]
        assert "payroll" in exporter.get("/config")


@pytest.mark.fault(63)
def test_a_bad_config_changes_nothing_and_is_told_once_with_its_line(tmp_path: Path) -> None:
    """Over HTTP the problems are the answer, 500; none of them shows a value. A good one mends it."""
    with token_endpoint() as endpoint, serving(tmp_path, endpoint, "--web.enable-lifecycle") as exporter:
        shown, before = exporter.get("/config"), attempts(exporter, "orders")
        bad = (tmp_path / "config.yaml").read_text().replace("tenant:", "tennant:", 1)
        (tmp_path / "config.yaml").write_text(bad)

        status, said = post_reload(exporter)

        assert status == 500
        assert "line 6: targets[0].tennant: unknown key; did you mean tenant?" in said
        assert "contoso.onmicrosoft.com" not in said
        assert exporter.samples(LOADED) == [0.0]
        assert exporter.get("/config") == shown
        exporter.until(lambda: attempts(exporter, "orders") > before)

        write(tmp_path, endpoint, "graph", "orders")
        assert post_reload(exporter) == (200, "the config is reloaded\n")
        assert exporter.samples(LOADED) == [1.0]


@pytest.mark.fault(63)
def test_a_config_that_is_gone_changes_nothing_either(tmp_path: Path) -> None:
    """Neither by HTTP nor by signal."""
    with token_endpoint() as endpoint, serving(tmp_path, endpoint, "--web.enable-lifecycle") as exporter:
        (tmp_path / "config.yaml").unlink()
        status, said = post_reload(exporter)
        assert (status, "cannot be read: No such file or directory" in said) == (500, True)
        write(tmp_path, endpoint, "graph", "orders")
        assert post_reload(exporter)[0] == 200
        (tmp_path / "config.yaml").unlink()
        exporter.process.send_signal(signal.SIGHUP)
        exporter.until(lambda: exporter.samples(LOADED) == [0.0])


@pytest.mark.fault(83)
@pytest.mark.parametrize(
    ("flags", "headers", "status"),
    [((), {}, 403), (("--web.enable-lifecycle",), {"Origin": "https://evil.example"}, 403)],
    ids=["off", "from a browser"],
)
def test_not_everybody_may_reload(tmp_path: Path, flags: tuple[str, ...], headers: dict[str, str], status: int) -> None:
    """It is off unless it is asked for, and no page in a browser may do it."""
    with token_endpoint() as endpoint, serving(tmp_path, endpoint, *flags) as exporter:
        assert post_reload(exporter, **headers)[0] == status


@pytest.mark.fault(64)
def test_many_signals_at_once_are_one_reading_more(tmp_path: Path) -> None:
    """And the last config wins."""
    with token_endpoint() as endpoint, serving(tmp_path, endpoint) as exporter:
        for number in range(20):
            write(tmp_path, endpoint, "graph", f"target-{number}")
            exporter.process.send_signal(signal.SIGHUP)
        exporter.until(lambda: attempts(exporter, "target-19") >= 1)

        assert exporter.samples("token_exporter_targets") == [2.0]
        assert exporter.stop() == 0
