"""Two hundred targets of one provider that fail at once: how many alerts that is, and about whom."""

import json
import subprocess
from pathlib import Path

import pytest
from processes import ROOT
from tools import require_tool

TARGETS = 200
RULES = ROOT / "dashboards/rules/token-probe.yaml"


def failing(category: str, outage: int) -> list[dict[str, str]]:
    """Series of targets that fail in this way from 2m30s on."""
    said = [
        (
            "token_probe_target_info",
            'provider="entra", cloud="public", tenant="t", grant="client_credentials", client_id="1"',
            "1x40",
        ),
        ("token_probe_outage", "", f"0x9 {outage}x30"),
        ("token_probe_consecutive_failures", "", "0x9 1+1x30"),
        ("token_probe_window_failures", f'category="{category}", window="8"', "0x9 1+1x7 8x22"),
    ]
    return [
        {"series": f'{name}{{job="token-probe", instance="a:10471", target="t{number}", {labels}}}', "values": values}
        for number in range(TARGETS)
        for name, labels, values in said
    ]


@pytest.mark.fault(94)
@pytest.mark.parametrize(
    ("category", "outage", "service"),
    [pytest.param("service_fault", 1, 1, id="provider"), pytest.param("local", 0, 0, id="prober")],
)
def test_an_outage_of_two_hundred_targets_is_one_alert(
    tmp_path: Path, category: str, outage: int, service: int
) -> None:
    """The provider's, of its cloud; what is the prober's own fault is none of the provider's."""
    expected = [{"labels": '{alertname="TokenProbeSignInServiceFailing"}', "value": 1}] * service
    firing = 'count by (alertname) (ALERTS{alertstate="firing", alertname=~".*(Service|Network).*"})'
    case = {
        "interval": "15s",
        "input_series": failing(category, outage),
        "promql_expr_test": [{"expr": firing, "eval_time": "3m30s", "exp_samples": expected}],
    }
    document = tmp_path / "test.yaml"
    document.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [case]}))

    promtool = require_tool("promtool", "prometheus")
    done = subprocess.run([promtool, "test", "rules", document], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
