"""The files that bring up Grafana, and everything together."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from processes import ROOT, run

DASHBOARDS = ROOT / "dashboards"


def load(path: str) -> Any:
    return yaml.safe_load((DASHBOARDS / path).read_text())


COMPOSE = load("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
(PROMETHEUS, ALERTMANAGER) = load("provisioning/datasources/prometheus.yaml")["datasources"]


def local(inside: str) -> Path:
    """A path in a container that mounts this folder, on this machine."""
    return DASHBOARDS / Path(inside).relative_to("/dashboards")


def published() -> set[int]:
    return {int(port.split(":")[1]) for port in SERVICES["exporter"]["ports"]}


def test_everything_finds_everything_on_localhost() -> None:
    """In one network namespace, so that the same files serve in containers and without."""
    assert {name for name in SERVICES if SERVICES[name].get("network_mode") != "service:exporter"} == {"exporter"}
    (scraped,) = load("prometheus/prometheus.yaml")["scrape_configs"][0]["static_configs"][0]["targets"]
    (told,) = load("prometheus/prometheus.yaml")["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert [scraped, told] == ["localhost:10471", "localhost:9093"]
    assert [urlsplit(source["url"]).netloc for source in (PROMETHEUS, ALERTMANAGER)] == [
        "localhost:9090",
        "localhost:9093",
    ]
    assert published() == {10471, 9090, 9093, 3000}


def test_nothing_is_reached_from_outside() -> None:
    """Nobody must log in, so nobody but this machine gets in."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["exporter"]["ports"])


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_a_server_gets_the_bundled_config(service: str) -> None:
    """Out of the folder that it mounts."""
    (config,) = (flag.split("=")[1] for flag in SERVICES[service]["command"] if flag.startswith("--config.file="))

    assert ".:/dashboards:ro" in SERVICES[service]["volumes"]
    assert local(config) == DASHBOARDS / service / f"{service}.yaml"
    assert local(config).is_file()


def test_exemplars_are_kept_and_lead_to_the_failure() -> None:
    """By the id that the exporter gives them."""
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]
    (link,) = PROMETHEUS["jsonData"]["exemplarTraceIdDestinations"]
    # Grafana reads $$ as $.
    assert (link["name"], link["url"]) == ("trace_id", "http://localhost:10471/failures?q=$${__value.raw}")


def test_grafana_takes_its_least_step_from_the_scrape_interval() -> None:
    """Else panels are empty, or coarser than the data."""
    assert PROMETHEUS["jsonData"]["timeInterval"] == load("prometheus/prometheus.yaml")["global"]["scrape_interval"]
    assert PROMETHEUS["isDefault"] is True


def test_grafana_finds_the_dashboards() -> None:
    """All of them, and the overview as its home."""
    environment = SERVICES["grafana"]["environment"]
    (provider,) = load("provisioning/dashboards/token-probe.yaml")["providers"]

    assert local(environment["GF_PATHS_PROVISIONING"]).is_dir()
    assert local(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
    assert local(provider["options"]["path"]) == DASHBOARDS / "grafana"
    assert provider["allowUiUpdates"] is False


def test_images_are_pinned() -> None:
    """To a release, so that what worked goes on working."""
    images = [service["image"] for service in SERVICES.values() if "image" in service]

    assert len(images) == len(SERVICES) - 1
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image) for image in images)


def test_volumes_are_declared() -> None:
    """Those that are no folder of ours."""
    named = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])} - {"."}

    assert named == COMPOSE["volumes"].keys()


def test_the_demo_takes_its_arguments() -> None:
    """As the container gives them."""
    assert run(*SERVICES["exporter"]["command"], "--help").returncode == 0
