"""Who is registered with the simulator: one tenant and its clients. All ids and secrets are made up and public."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SECRET = "simulated-secret"  # noqa: S105 - stands in the docs
EXPIRED_SECRET = "simulated-expired-secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """An application of the tenant; a client without secrets is public."""

    name: str
    client_id: str
    secrets: frozenset[str] = frozenset({SECRET})
    expired_secrets: frozenset[str] = frozenset({EXPIRED_SECRET})
    disabled: bool = False

    @property
    def confidential(self) -> bool:
        return bool(self.secrets)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A directory: its id, its verified domains, and its applications by client id."""

    tenant_id: str
    domains: frozenset[str]
    clients: Mapping[str, RegisteredClient]
    resources: frozenset[str]

    def named(self, name: str) -> bool:
        """Whether the tenant goes by this name."""
        return name.lower() in {self.tenant_id, *self.domains}


def _client_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


_CLIENTS = (
    RegisteredClient("contoso-graph", _client_id(1)),
    RegisteredClient("contoso-orders", _client_id(2)),
    RegisteredClient("contoso-payroll", _client_id(3)),
    RegisteredClient("contoso-disabled", _client_id(4), disabled=True),
    RegisteredClient("contoso-cli", _client_id(5), secrets=frozenset(), expired_secrets=frozenset()),
)

CONTOSO = Tenant(
    tenant_id="11111111-1111-4111-8111-111111111111",
    domains=frozenset({"contoso.onmicrosoft.com", "contoso.example"}),
    clients=MappingProxyType({client.client_id: client for client in _CLIENTS}),
    resources=frozenset({"https://graph.microsoft.com", "api://contoso-orders"}),
)
