"""More than one exporter: shards of one config, and Prometheus that spreads /probe over exporters."""

import json
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from processes import Running, running
from servers import TokenEndpoint, token_endpoint
from test_prometheus import prometheus_server, query
from tools import require_tool

from exporter.rules import Settings, render

NAMES = [f"target-{number}" for number in range(12)]


def write_config(folder: Path, endpoint: TokenEndpoint) -> str:
    """Writes a config with twelve targets; returns the flag that names it."""
    head, _, target = endpoint.config("500ms", "400ms").partition("targets:\n")
    targets = "".join(target.replace("contoso-graph", name) for name in NAMES)
    (folder / "config.yaml").write_text(f"{head}targets:\n{targets}")
    return f"--config.file={folder / 'config.yaml'}"


def write_scrape(folder: Path, **job: Any) -> None:
    """Writes the config of a Prometheus with one job."""
    whole = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(whole))


def owned(exporter: Running) -> set[str]:
    """The targets that an exporter has made attempts of."""
    lines = [line for line in exporter.get("/metrics").splitlines() if line.startswith("token_probe_attempts_total")]
    return {line.split('"')[1] for line in lines if float(line.rsplit(" ", 1)[1]) > 0}


def unowned() -> str:
    """The expression of the bundled rule that counts targets which nobody probes."""
    rules = yaml.safe_load(render(Settings(), "test"))
    return next(
        str(rule["expr"])
        for group in rules["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "TokenProbeTargetsUnowned"
    )


def test_two_shards_own_each_target_once_and_a_dead_one_is_seen(tmp_path: Path) -> None:
    """By the very rule that is bundled, in a real Prometheus, within two scrapes."""
    program = require_tool("prometheus", "prometheus")
    with ExitStack() as stack:
        endpoint = stack.enter_context(token_endpoint())
        config = write_config(tmp_path, endpoint)
        shards = [
            stack.enter_context(
                running(
                    "serve", config, "--web.listen-address=127.0.0.1:0", "--shard.count=2", f"--shard.index={index}"
                )
            )
            for index in range(2)
        ]
        job = {"static_configs": [{"targets": [f"127.0.0.1:{shard.port}" for shard in shards]}]}
        write_scrape(tmp_path, job_name="token-probe", **job)
        prometheus = stack.enter_context(prometheus_server(program, tmp_path))

        for shard in shards:
            shard.until(lambda: len(owned(shards[0]) | owned(shards[1])) == len(NAMES))
        assert not owned(shards[0]) & owned(shards[1])
        assert all(owned(shard) for shard in shards)
        prometheus.until(lambda: query(prometheus, "count(token_exporter_configured_targets)") == 2)
        assert query(prometheus, unowned()) == 0

        lost = len(owned(shards[1]))
        shards[1].process.send_signal(signal.SIGKILL)
        scrapes = query(prometheus, 'sum(count_over_time(up{job="token-probe"}[1h]))')
        prometheus.until(lambda: query(prometheus, unowned()) == lost)
        # Two scrapes of each of the two, and one that was under way.
        assert query(prometheus, 'sum(count_over_time(up{job="token-probe"}[1h]))') - scrapes <= 5


def test_prometheus_spreads_the_targets_of_sd_over_exporters_that_probe_on_demand(tmp_path: Path) -> None:
    """By hashmod, as its documentation has it for any exporter with targets; each is probed by one exporter alone."""
    program = require_tool("prometheus", "prometheus")
    with ExitStack() as stack:
        endpoint = stack.enter_context(token_endpoint())
        config = write_config(tmp_path, endpoint)
        exporters = [
            stack.enter_context(running("serve", config, "--web.listen-address=127.0.0.1:0", "--no-schedule"))
            for _ in range(2)
        ]
        relabel = [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"source_labels": ["__address__"], "modulus": 2, "target_label": "__tmp_hash", "action": "hashmod"},
            *(
                {
                    "source_labels": ["__tmp_hash"],
                    "regex": str(number),
                    "target_label": "__address__",
                    "replacement": f"127.0.0.1:{exporter.port}",
                }
                for number, exporter in enumerate(exporters)
            ),
            {"source_labels": ["__address__"], "target_label": "exporter"},
            {"source_labels": ["__meta_token_probe_tenant"], "target_label": "tenant"},
        ]
        write_scrape(
            tmp_path,
            job_name="token-probe-on-demand",
            metrics_path="/probe",
            http_sd_configs=[{"url": f"http://127.0.0.1:{exporters[0].port}/sd", "refresh_interval": "1s"}],
            relabel_configs=relabel,
        )
        prometheus = stack.enter_context(prometheus_server(program, tmp_path))

        prometheus.until(lambda: query(prometheus, "count(probe_success == 1)") == len(NAMES))
        assert query(prometheus, "count(count by (instance) (probe_success))") == len(NAMES)
        assert query(prometheus, "count(count by (exporter) (probe_success))") == 2
        assert query(prometheus, 'count(probe_success{tenant="contoso.onmicrosoft.com"})') == len(NAMES)
        assert [exporter.samples("token_exporter_targets") for exporter in exporters] == [[0.0], [0.0]]
        assert query(prometheus, unowned()) == 0


def test_sd_lists_every_target_with_what_relabelling_may_need(tmp_path: Path) -> None:
    """In the form of Prometheus's HTTP service discovery, and without anything secret."""
    with (
        token_endpoint() as endpoint,
        running(
            "serve",
            write_config(tmp_path, endpoint),
            "--web.listen-address=127.0.0.1:0",
            "--shard.count=2",
            "--shard.index=0",
        ) as exporter,
    ):
        groups = json.loads(exporter.get("/sd"))

    assert [group["targets"] for group in groups] == [[name] for name in NAMES]
    assert groups[0]["labels"] == {
        "__meta_token_probe_provider": "entra",
        "__meta_token_probe_cloud": "public",
        "__meta_token_probe_tenant": "contoso.onmicrosoft.com",
        "__meta_token_probe_grant": "client_credentials",
        "__meta_token_probe_client_id": "00000000-0000-4000-8000-000000000001",
    }
