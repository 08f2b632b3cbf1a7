"""Writes rules and dashboards as Kubernetes has them: `python -m dashboards.kubernetes [FOLDER]`."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
BASE = HERE.parent / "deploy/kubernetes/base"
HEAD = "# Made by `make kubernetes` out of dashboards/; changes belong there.\n"

Resource = Mapping[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, so that it can be read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def rule() -> Resource:
    """The alert rules, for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "token-probe"},
        "spec": yaml.safe_load((HERE / "rules/token-probe.yaml").read_text(encoding="utf-8")),
    }


def dashboard(path: Path) -> Resource:
    """A dashboard, for the sidecar of Grafana's chart, which looks for this label."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": path.stem, "labels": {"grafana_dashboard": "1"}},
        "data": {path.name: path.read_text(encoding="utf-8")},
    }


def write(folder: Path) -> None:
    """Writes a file of rules and one of dashboards."""
    _write(folder / "prometheusrule.yaml", [rule()])
    _write(folder / "dashboards.yaml", map(dashboard, sorted((HERE / "grafana").glob("*.json"))))


def _write(path: Path, resources: Iterable[Resource]) -> None:
    text = yaml.dump_all(resources, Dumper=_Dumper, sort_keys=False, width=sys.maxsize, allow_unicode=True)
    path.write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else BASE)
