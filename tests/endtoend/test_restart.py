"""The evidence of a running exporter, over restarts and without a disk."""

import json
import re
import signal
from pathlib import Path

import pytest
from processes import Running, running
from servers import token_endpoint


def serving(config: Path, history: Path) -> tuple[str, ...]:
    return ("serve", f"--config.file={config}", "--web.listen-address=127.0.0.1:0", f"--history.path={history}")


def failures(exporter: Running) -> int:
    return int(json.loads(exporter.get("/evidence?code=AADSTS50000&format=json"))["failures"])


@pytest.mark.fault(85)
def test_evidence_survives_a_kill(tmp_path: Path) -> None:
    """What was written before kill -9 is there after it, and ids go on."""
    config, history = tmp_path / "config.yaml", tmp_path / "history.sqlite"
    with token_endpoint() as endpoint:
        config.write_text(endpoint.config("200ms", "150ms"))
        endpoint.fail(3)
        with running(*serving(config, history)) as exporter:
            exporter.until(lambda: failures(exporter) == 3)
            attempts = sum(exporter.samples("token_probe_attempts_total"))
            # Five attempts a second: ten more mean that a flush has come by since.
            exporter.until(lambda: sum(exporter.samples("token_probe_attempts_total")) >= attempts + 10)
            exporter.stop(signal.SIGKILL)

        with running(*serving(config, history)) as exporter:
            assert failures(exporter) == 3
            page = exporter.get("/failures")
            first = re.findall(r'href="(/failures/\d+)"', page)[0]
            assert "AADSTS50000" in exporter.get(first)
            endpoint.fail(1)
            exporter.until(lambda: failures(exporter) == 4)
            assert exporter.samples("token_exporter_history_writable") == [1.0]


@pytest.mark.fault(61)
def test_a_path_that_cannot_be_written_stops_no_probe(tmp_path: Path) -> None:
    """It is a gauge and a warning; the evidence is in memory."""
    config = tmp_path / "config.yaml"
    with token_endpoint() as endpoint:
        config.write_text(endpoint.config("200ms", "150ms"))
        endpoint.fail(2)
        with running(*serving(config, tmp_path / "none" / "history.sqlite")) as exporter:
            exporter.until(lambda: failures(exporter) == 2)
            exporter.until(lambda: exporter.samples("token_exporter_history_writable") == [0.0])
            assert exporter.stop() == 0
            assert exporter.said().count("the history cannot be written") <= 1
