"""From an outage to the pager, in real time: simulator, exporter, Prometheus with the bundled rules, Alertmanager."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import yaml
from alertmanagers import Webhook, alertmanager, webhook
from processes import COMMAND, ROOT, Running, running
from test_prometheus import prometheus_server
from tools import require_tool

BUNDLED = ROOT / "dashboards/prometheus/prometheus.yaml"
INTERVAL = "15s"
ONSET = 20.0

SCENARIO = f"""
name: outage
timeline:
  - {{from: {ONSET:.0f}s, to: 10m, answer: {{code: AADSTS50000}}}}
"""

TARGET = """
  - name: {name}
    provider: entra
    tenant: contoso.onmicrosoft.com
    authority_host: http://127.0.0.1:{port}
    allow_http: true
    grant: client_credentials
    client_id: 00000000-0000-4000-8000-00000000000{number}
    scope: https://graph.microsoft.com/.default
    credential: {{client_secret: simulated-secret}}
"""


@dataclass(frozen=True, slots=True)
class Outage:
    """The whole chain; the onset in Unix time."""

    onset: float
    exporter: Running
    pager: Webhook


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """Everything with the bundled files; of them only the ports are changed."""
    program = require_tool("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("outage")
    (folder / "scenario.yaml").write_text(SCENARIO)
    with ExitStack() as stack:
        pager = stack.enter_context(webhook())
        receiver = stack.enter_context(alertmanager(folder, pager.url))
        simulator = stack.enter_context(
            running("simulate", f"--scenario={folder / 'scenario.yaml'}", "--web.listen-address=127.0.0.1:0")
        )
        onset = time.time() + ONSET
        targets = "".join(
            TARGET.format(name=name, port=simulator.port, number=n)
            for n, name in enumerate(("contoso-graph", "contoso-orders"), 1)
        )
        (folder / "config.yaml").write_text(f"defaults: {{interval: {INTERVAL}}}\ntargets:{targets}")
        exporter = stack.enter_context(
            running(
                "serve",
                f"--config.file={folder / 'config.yaml'}",
                "--web.listen-address=127.0.0.1:0",
                "--web.enable-drills",
            )
        )
        config = yaml.safe_load(BUNDLED.read_text())
        config["rule_files"] = [str((BUNDLED.parent / path).resolve()) for path in config["rule_files"]]
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{receiver.port}"]
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{exporter.port}"]
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        stack.enter_context(prometheus_server(program, folder))
        yield Outage(onset, exporter, pager)


def test_an_outage_reaches_the_pager(outage: Outage, capsys: pytest.CaptureFixture[str]) -> None:
    """With its code, and how long that took is printed."""
    page = outage.pager.wait_for(
        lambda each: each.receiver == "pager" and each.tells(alertname="TokenProbeAADSTS50000Spike"), within=120
    )

    assert outage.onset < page.at
    (alert, *_) = page.labels()
    assert (alert["code"], alert["severity"]) == ("AADSTS50000", "critical")
    assert alert["target"] in {"contoso-graph", "contoso-orders"}
    with capsys.disabled():
        sys.stderr.write(f"\nonset of a total outage to the webhook: {page.at - outage.onset:.1f} s\n")


@pytest.mark.fault(94)
def test_several_targets_are_told_as_the_services_failure(outage: Outage) -> None:
    """Beside it, the pager hears of nothing that one target alone would say."""
    page = outage.pager.wait_for(
        lambda each: each.receiver == "pager" and each.tells(alertname="TokenProbeSignInServiceFailing"), within=120
    )

    assert page.labels()[0]["provider"] == "entra"
    assert not any(each.tells(alertname="TokenProbeNoSuccess") for each in outage.pager.received())


def test_a_drill_reaches_the_pager(outage: Outage) -> None:
    """Marked as one, in a page of its own."""
    exporter = f"--exporter.url=http://127.0.0.1:{outage.exporter.port}"
    begun = subprocess.run(
        [*COMMAND, "drill", "AADSTS50000", "--for=1m", exporter], capture_output=True, text=True, check=False
    )
    assert (begun.returncode, begun.stderr) == (0, "")
    assert begun.stdout == "target drill reports AADSTS50000 for 1m; nothing is sent\n"

    page = outage.pager.wait_for(lambda each: each.receiver == "pager" and each.tells(target="drill"), within=120)

    (alert,) = page.body["alerts"]
    assert alert["annotations"]["description"].startswith("DRILL, nothing is broken. ")


def test_the_watchdog_is_heard(outage: Outage) -> None:
    """By the receiver that notices when it is not."""
    outage.pager.wait_for(lambda each: each.receiver == "dead-man" and each.tells(alertname="TokenProbeWatchdog"))
