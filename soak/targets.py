"""Whom the exporter probes: targets that are well, targets with a fault of our own, and targets that suffer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from documented import series_documented, series_of_feature
from fakes import SECRET

from exporter.simulator.directory import CONTOSO
from exporter.simulator.directory import SECRET as SIMULATED

Entry = Mapping[str, object]
"""A target as the config has it."""

CANARY = "Zq7KvXw2"
"""What is in every secret that is made up here."""

RENAMED, LINKED = "renamed", "linked"
SECRET_FILE, NEXT_FILE, CERTIFICATE, KEY = "secret", "next", "tls.crt", "tls.key"
OWN_SECRET, OWN_STATE, AUTHORITY = "own-secret", "own-state", "authority.pem"

GRAPH = "https://graph.microsoft.com/.default"

SLOTS = 6
"""Targets that meet one fault after the other."""

KEPT_SLOT = 0
"""The one that keeps its connection."""

WELL_NAME, MOODY_NAME = "well.test", "moody.test"
"""Names whose server always answers, and sometimes."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where they are: the simulator, a server that takes our secrets, one with TLS, and one that makes codes up."""

    simulator: str
    lenient: int
    secure: str
    inventive: str

    def lenient_url(self, host: str = "127.0.0.1", path: str = "token") -> str:
        """The lenient server by one of its names."""
        return f"http://{host}:{self.lenient}/{path}"


def healthy(addresses: Addresses, folder: Path) -> dict[str, Entry]:
    """Targets that never fail and miss no tick, whatever happens to the others; their credentials are rotated."""
    at = addresses.lenient_url
    renamed, linked = folder / RENAMED, folder / LINKED
    issuer = f"{addresses.simulator}/{CONTOSO.tenant_id}/v2.0"
    pair = {
        "certificate_file": str(linked / CERTIFICATE),
        "private_key_file": str(linked / KEY),
        "algorithm": "ES256",
    }
    current, following = (
        {"client_secret_file": str(linked / name), "method": "client_secret_post"} for name in (SECRET_FILE, NEXT_FILE)
    )
    return {
        "well-entra": _simulated(addresses, 1),
        "well-token": _client({"client_secret": SIMULATED})
        | {"issuer": issuer, "client_id": _client_id(1), "scope": GRAPH, "expect": {"token": {}}},
        "well-keys": {"provider": "oidc", "issuer": issuer, "grant": "jwks", "allow_http": True},
        "well-renamed": _oidc(at(WELL_NAME), {"client_secret_file": str(renamed / SECRET_FILE)}),
        "well-linked": _oidc(at(), pair),
        "well-kept": _oidc(at(), {"client_secret": f"{CANARY}+/=&kept"}) | {"reuse_connection": True},
        "well-next": _oidc(at(), {"current": current, "next": following}),
    }


def own(addresses: Addresses, folder: Path) -> dict[str, Entry]:
    """Targets whose provider is well, but whose files come and go: their failures are the prober's own."""
    return {
        "own-secret": _oidc(addresses.lenient_url(), {"client_secret_file": str(folder / OWN_SECRET)}),
        "own-authority": _oidc(addresses.secure, {"client_secret": SECRET}) | {"ca_file": str(folder / AUTHORITY)},
        "own-state": {
            "provider": "oidc",
            "token_endpoint": addresses.lenient_url(path="refresh"),
            "allow_http": True,
            "grant": "refresh_token",
            "client_id": "soak",
            "refresh_token": f"{CANARY}-refresh",
            "state_file": str(folder / OWN_STATE / "state"),
        },
    }


def suffering(addresses: Addresses) -> dict[str, Entry]:
    """Targets whose provider misbehaves on its own account."""
    return {
        "struck-orders": _simulated(addresses, 2, "api://contoso-orders/.default"),
        "struck-payroll": _simulated(addresses, 3),
        "inventive": _victim(addresses.inventive),
        "passing": _victim(addresses.lenient_url()) | {"reuse_connection": True},
        "moody": _victim(addresses.lenient_url(MOODY_NAME)),
    }


def slot(number: int, url: str, authority: Path) -> Entry:
    """A target that meets what a case of the fault matrix has for it."""
    return _victim(url) | {"ca_file": str(authority), "reuse_connection": number == KEPT_SLOT}


def bounds(entries: Mapping[str, Entry]) -> dict[str, int]:
    """The series that each target has by the docs, before it failed at all."""
    return {name: _bound(entry) for name, entry in entries.items()}


_FEATURES: Mapping[str, Callable[[Entry], bool]] = {
    "its issuer": lambda entry: "issuer" in entry,
    "`expect: {token: ...}`": lambda entry: "expect" in entry,
    "grant `jwks`": lambda entry: entry["grant"] == "jwks",
    "a `next` credential": lambda entry: "next" in str(entry.get("credential")),
}
"""What adds series to a target, in the words of the docs."""


def _bound(entry: Entry) -> int:
    added = (series_of_feature(feature) for feature, has in _FEATURES.items() if has(entry))
    return series_documented(str(entry["provider"])) + sum(added)


def _client_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _simulated(addresses: Addresses, client: int, scope: str = GRAPH) -> Entry:
    return {
        "provider": "entra",
        "tenant": "contoso.onmicrosoft.com",
        "authority_host": addresses.simulator,
        "allow_http": True,
        "grant": "client_credentials",
        "client_id": _client_id(client),
        "scope": scope,
        "credential": {"client_secret": SIMULATED},
    }


def _client(credential: Entry) -> dict[str, object]:
    return {
        "provider": "oidc",
        "allow_http": True,
        "grant": "client_credentials",
        "client_id": "soak",
        "scope": "api://x/.default",
        "credential": credential,
    }


def _oidc(url: str, credential: Entry) -> dict[str, object]:
    return _client(credential) | {"token_endpoint": url}


def _victim(url: str) -> dict[str, object]:
    """A target that is given up on soon."""
    return _oidc(url, {"client_secret": SECRET}) | {"interval": "1s", "timeout": "800ms"}
