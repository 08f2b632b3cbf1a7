"""Writes the dashboards: `python -m dashboards.grafana [FOLDER]`."""

import sys
from pathlib import Path

from dashboards.grafana.frame import as_json
from dashboards.grafana.health import health
from dashboards.grafana.overview import overview
from dashboards.grafana.target import target

DASHBOARDS = (overview, target, health)


def write(folder: Path) -> None:
    """Writes each dashboard into a file that has its uid for a name."""
    for make in DASHBOARDS:
        dashboard = make()
        (folder / f"{dashboard.uid}.json").write_text(as_json(dashboard), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
