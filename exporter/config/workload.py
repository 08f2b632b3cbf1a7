"""What Azure's environment variables add to a target that has the identity of a workload."""

from collections.abc import Mapping
from typing import Any

from exporter.config.proofs import proofs_of
from exporter.credentials.federated_assertion import VARIABLES
from exporter.providers.entra import AUTHORITY_HOSTS


def completed(root: Any, environ: Mapping[str, str]) -> Any:
    """A config's plain values, with those that targets leave to the environment; whatever shape they have."""
    if not isinstance(root, dict) or not isinstance(root.get("targets"), list):
        return root
    return root | {"targets": [_completed(target, environ) for target in root["targets"]]}


def _completed(target: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(target, dict) or not has_workload_identity(target):
        return target
    found = {key: environ[variable] for key, variable in VARIABLES.items() if environ.get(variable)}
    if "cloud" in target:
        found.pop("authority_host", None)
    host = found.get("authority_host", "").rstrip("/")
    for cloud, known in AUTHORITY_HOSTS.items():
        if host == known and "authority_host" not in target:
            found = {**found, "cloud": cloud}
            del found["authority_host"]
    return found | target


def has_workload_identity(target: Mapping[str, Any]) -> bool:
    """Whether a target, as it stands in the config, says that it has the identity of a workload."""
    return any(credential.get("workload_identity") is True for _, credential in proofs_of(target))


def or_variable(target: Mapping[str, Any], key: str) -> str:
    """What to say beside the complaint that a key is missing: where else it is looked for."""
    return f", or in {VARIABLES[key]}" if key in VARIABLES and has_workload_identity(target) else ""
