"""The Kubernetes manifests, as kubectl would apply them."""

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from processes import ROOT, run
from tools import require_kubectl

from dashboards.kubernetes import write
from exporter import __version__

MANIFESTS = ROOT / "deploy/kubernetes"
OVERLAYS = ("base", "sharded", "workload-identity")
OPERATOR: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "operator.yaml").read_text())
RELEASES = ("1.30", "1.37")
"""Of Kubernetes, the oldest and the newest whose schemas the manifests are held against."""

USER = 65532
PORT = 10471

Resource = dict[str, Any]


@cache
def built(overlay: str, manifests: Path = MANIFESTS) -> str:
    """What kustomize makes of an overlay."""
    command = [require_kubectl(), "kustomize", str(manifests / overlay)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def resources(overlay: str) -> list[Resource]:
    return list(yaml.safe_load_all(built(overlay)))


def named(overlay: str, kind: str, name: str = "aadsts-exporter") -> Resource:
    """The one resource of this kind whose name begins so."""
    (found,) = (
        made for made in resources(overlay) if made["kind"] == kind and made["metadata"]["name"].startswith(name)
    )
    return found


def workload(overlay: str) -> Resource:
    return named(overlay, "StatefulSet" if overlay == "sharded" else "Deployment")


def pod(overlay: str) -> Any:
    return workload(overlay)["spec"]["template"]["spec"]


def container(overlay: str) -> Any:
    (only,) = pod(overlay)["containers"]
    return only


def check(resource: Resource, release: str) -> None:
    """Holds a resource against its schema, in which nothing unknown may stand."""
    if resource["apiVersion"].startswith("monitoring.coreos.com/"):
        jsonschema.validate(resource, OPERATOR[resource["kind"]])
    else:
        kubernetes_validate.validate(resource, release, strict=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid(overlay: str, release: str) -> None:
    """By the schemas of Kubernetes and the Prometheus operator."""
    made = resources(overlay)

    assert len(made) >= 10
    for resource in made:
        check(resource, release)


def test_the_probe_is_valid_and_asks_for_targets_of_the_config() -> None:
    """At the service, in its namespace."""
    probe = yaml.safe_load((MANIFESTS / "examples/probe.yaml").read_text())
    config = yaml.safe_load((MANIFESTS / "base/config.yaml").read_text())
    service = named("base", "Service")["metadata"]

    check(probe, RELEASES[-1])
    assert set(probe["spec"]["targets"]["staticConfig"]["static"]) == {target["name"] for target in config["targets"]}
    assert probe["spec"]["prober"]["url"] == f"{service['name']}.{service['namespace']}.svc:{PORT}"
    assert probe["metadata"]["namespace"] == service["namespace"]


@pytest.mark.parametrize(
    "path",
    [
        ("ServiceMonitor", "spec", "endpoints", 0, "scrapeIntervall"),
        ("PrometheusRule", "spec", "groups", 0, "rules", 0, "severity"),
        ("Deployment", "spec", "template", "spec", "containers", 0, "securityContext", "readonlyRootFilesystem"),
        ("NetworkPolicy", "spec", "podselector"),
    ],
    ids=lambda path: path[0],
)
def test_a_misspelt_field_is_found(path: tuple[str | int, ...]) -> None:
    """The API server would only drop it."""
    kind, *steps, field = path
    resource = copy.deepcopy(named("base", str(kind), ""))
    place: Any = resource
    for step in steps:
        place = place[step]
    place[field] = "x"

    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(resource, RELEASES[-1])


def objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every schema of an object within a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_operators_schemas_let_nothing_unknown_pass() -> None:
    """In any object of theirs, unless its keys are free."""
    for schema in objects(OPERATOR):
        assert schema["additionalProperties"] in (False, {"type": "string"})


def test_rules_and_dashboards_are_the_bundled_ones(tmp_path: Path) -> None:
    """`make kubernetes` was run after the last change."""
    write(tmp_path)

    for made in tmp_path.iterdir():
        assert made.read_text() == (MANIFESTS / "base" / made.name).read_text(), "make kubernetes"
    assert {made.name for made in tmp_path.iterdir()} == {"prometheusrule.yaml", "dashboards.yaml"}


def test_rules_and_dashboards_arrive_as_they_are() -> None:
    """Whatever YAML and kustomize do on the way."""
    rules = yaml.safe_load((ROOT / "dashboards/rules/token-probe.yaml").read_text())
    assert named("base", "PrometheusRule", "")["spec"] == rules

    for path in (ROOT / "dashboards/grafana").glob("*.json"):
        made = named("base", "ConfigMap", path.stem)
        assert made["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert made["data"] == {path.name: path.read_text()}
        # kubectl apply writes all of it into an annotation, and those hold 256 KiB together.
        assert len(json.dumps(made)) < 250_000


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_pod_may_nothing(overlay: str) -> None:
    """As the restricted Pod Security Standard asks, which its namespace enforces, and more."""
    assert pod(overlay)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(overlay)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(overlay)["automountServiceAccountToken"] is False
    assert "env" not in container(overlay)
    assert named(overlay, "Namespace", "token-probe")["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_exporter_understands_its_flags(overlay: str) -> None:
    """As they reach it out of the pod; all that is missing is the config."""
    ended = run(*container(overlay)["args"], environment={"POD_NAME": "aadsts-exporter-2"})

    assert ended.returncode == 2
    assert "/etc/aadsts-exporter/config.yaml: cannot be read" in ended.stderr


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_ports_labels_and_names_fit(overlay: str) -> None:
    """Service, monitor, policy and probes speak of the same container; the image is this version's."""
    labels = workload(overlay)["spec"]["template"]["metadata"]["labels"].items()
    port = {"name": "http", "containerPort": PORT}
    policy, monitor = named(overlay, "NetworkPolicy")["spec"], named(overlay, "ServiceMonitor")["spec"]
    service = named(overlay, "Service")

    assert container(overlay)["ports"] == [port]
    assert container(overlay)["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": port["name"]}
    assert container(overlay)["readinessProbe"]["httpGet"] == {"path": "/-/ready", "port": port["name"]}
    assert service["spec"]["ports"] == [{"name": "http", "port": PORT, "targetPort": port["name"]}]
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == ["http"]
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"protocol": "TCP", "port": port["name"]}]]
    assert service["spec"]["selector"].items() <= labels
    assert policy["podSelector"]["matchLabels"].items() <= labels
    assert workload(overlay)["spec"]["selector"]["matchLabels"].items() <= labels
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert container(overlay)["image"] == f"aadsts-exporter:{__version__}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_mounted_is_there(overlay: str) -> None:
    """The config by the name that changes with its content."""
    volumes = {volume["name"]: volume for volume in pod(overlay)["volumes"]}

    assert volumes.keys() == {mount["name"] for mount in container(overlay)["volumeMounts"]}
    assert volumes["config"]["configMap"]["name"] == named(overlay, "ConfigMap")["metadata"]["name"]
    assert named(overlay, "ConfigMap")["data"].keys() == {"config.yaml"}


def test_the_config_is_good() -> None:
    """As it is, without any secret."""
    assert run("check", f"--config.file={MANIFESTS / 'base/config.yaml'}").returncode == 0


def test_the_whole_config_is_good(tmp_path: Path) -> None:
    """With the target that is commented out: all that is missing is its secret."""
    config = tmp_path / "config.yaml"
    config.write_text(re.sub("^  # ", "  ", (MANIFESTS / "base/config.yaml").read_text(), flags=re.MULTILINE))
    (mount,) = (mount for mount in container("base")["volumeMounts"] if mount["name"] == "secrets")
    problem = f"its secret cannot be read: {mount['mountPath']}/contoso: No such file or directory"

    assert run("check", f"--config.file={config}").stderr == f"{config}: target contoso-graph: {problem}\n"


def test_the_overlay_of_the_docs_is_one(tmp_path: Path) -> None:
    """With a config of one's own, and an image."""
    (overlay,) = re.findall("```yaml\n(.*?)```", (ROOT / "docs/install.md").read_text(), re.DOTALL)
    shutil.copytree(MANIFESTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/kustomization.yaml").write_text(overlay)
    (tmp_path / "ours/config.yaml").write_text("targets: [] # ours\n")
    made = built("ours", tmp_path)

    assert f"image: registry.example/aadsts-exporter:{__version__}\n" in made
    assert "targets: [] # ours" in made
    for resource in yaml.safe_load_all(made):
        check(resource, RELEASES[-1])


def test_shards_are_as_many_as_they_believe() -> None:
    """And their pods get names that end in a number, by a service without an address."""
    workload = named("sharded", "StatefulSet")

    assert f"--shard.count={workload['spec']['replicas']}" in container("sharded")["args"]
    assert workload["spec"]["serviceName"] == named("sharded", "Service")["metadata"]["name"]
    assert named("sharded", "Service")["spec"]["clusterIP"] == "None"


def test_prometheus_calls_the_job_as_the_rules_do() -> None:
    """Not by the service's name."""
    (endpoint,) = named("base", "ServiceMonitor")["spec"]["endpoints"]
    rules = (ROOT / "dashboards/rules/token-probe.yaml").read_text()
    scraped = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yaml").read_text())

    (relabelled,) = endpoint["relabelings"]
    assert f'job="{relabelled["replacement"]}"' in rules
    assert relabelled["targetLabel"] == "job"
    assert endpoint["interval"] == scraped["global"]["scrape_interval"]


def test_the_config_of_a_workload_is_good(tmp_path: Path) -> None:
    """With the environment that the webhook makes of the account's annotations."""
    annotations = named("workload-identity", "ServiceAccount")["metadata"]["annotations"]
    assertion = tmp_path / "assertion"
    assertion.write_text("eyJhbGciOiJub25lIn0.e30.c2lnbmVk")
    environment = {
        "AZURE_CLIENT_ID": annotations["azure.workload.identity/client-id"],
        "AZURE_TENANT_ID": annotations["azure.workload.identity/tenant-id"],
        "AZURE_FEDERATED_TOKEN_FILE": str(assertion),
    }
    config = f"--config.file={MANIFESTS / 'workload-identity/config.yaml'}"

    assert run("check", config, environment=environment).stderr == ""
    assert "or in AZURE_CLIENT_ID" in run("check", config).stderr


def test_a_workload_with_an_identity_has_no_other() -> None:
    """The webhook finds its pod by the label and gives it a token by the account."""
    account = named("workload-identity", "ServiceAccount")

    assert pod("workload-identity")["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    assert workload("workload-identity")["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == (
        "true"
    )
