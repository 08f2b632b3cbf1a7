"""The whole chain: token endpoint, exporter, a real Prometheus."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from processes import Running, fetch, free_port, read_until, running
from servers import TokenEndpoint, token_endpoint
from tools import require_tool

SCRAPE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: token-probe
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

ERRORS = 'token_probe_errors_total{code="AADSTS50000"}'


@dataclass(frozen=True, slots=True)
class Chain:
    """Who asks whom."""

    endpoint: TokenEndpoint
    exporter: Running
    prometheus: Running


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Prometheus scrapes the exporter, which probes the endpoint."""
    program = require_tool("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("chain")
    with token_endpoint() as endpoint:
        (folder / "config.yaml").write_text(endpoint.config("500ms", "400ms"))
        with running(
            "serve", "--web.listen-address=127.0.0.1:0", f"--config.file={folder / 'config.yaml'}"
        ) as exporter:
            (folder / "prometheus.yaml").write_text(SCRAPE.format(port=exporter.port))
            with prometheus_server(program, folder) as prometheus:
                yield Chain(endpoint, exporter, prometheus)


@contextmanager
def prometheus_server(program: str, folder: Path) -> Iterator[Running]:
    """A Prometheus with the folder's config, while the block runs."""
    port = free_port()
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        read_until(process, "Server is ready to receive web requests")
        yield Running(process, port)
    finally:
        process.terminate()
        process.communicate()


def query(server: Running, expression: str) -> float:
    """The only value of an instant query; 0 where there is none."""
    answer = json.loads(fetch(f"http://127.0.0.1:{server.port}/api/v1/query?query={quote(expression)}"))
    assert answer["status"] == "success"
    values = [float(series["value"][1]) for series in answer["data"]["result"]]
    return sum(values)


def test_increase_sees_the_very_first_error_of_a_burst(chain: Chain) -> None:
    """Nothing of the burst is hidden, because the series was there at 0 before it."""
    exporter, prometheus = chain.exporter, chain.prometheus
    prometheus.until(lambda: query(prometheus, f"count({ERRORS} == 0)") == 1)

    chain.endpoint.fail(1)

    prometheus.until(lambda: query(prometheus, ERRORS) == 1)
    exporter.until(lambda: exporter.samples("token_probe_success") == [1.0])
    assert exporter.samples(r"token_probe_errors_total\{.*AADSTS50000") == [1.0]
    assert query(prometheus, f"increase({ERRORS}[1m])") >= 1


def test_prometheus_keeps_every_sample(chain: Chain) -> None:
    """The target is up, and nothing was dropped or duplicated."""
    prometheus = chain.prometheus

    prometheus.until(lambda: query(prometheus, 'up{job="token-probe"}') == 1)
    assert query(prometheus, "scrape_samples_scraped") == query(prometheus, "scrape_samples_post_metric_relabeling")
    assert query(prometheus, "count(token_probe_target_info)") == 1


def test_promtool_has_no_complaint(chain: Chain) -> None:
    """About names, types, help texts or the format."""
    promtool = require_tool("promtool", "prometheus")

    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=chain.exporter.get("/metrics"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
