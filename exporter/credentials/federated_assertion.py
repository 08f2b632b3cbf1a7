"""An assertion that somebody else signs, whom the provider trusts to know the client: workload identity federation.

RFC 7523 section 2.2; Microsoft, "Workload identity federation".
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.credentials.assertion import present
from exporter.credentials.method import Client, Method, Needs
from exporter.model import TokenRequest

FILE_VARIABLE = "AZURE_FEDERATED_TOKEN_FILE"
"""Names the file of a workload's assertion; this and those below are set by Azure's webhook for workload identities."""

VARIABLES: Mapping[str, str] = MappingProxyType(
    {"client_id": "AZURE_CLIENT_ID", "tenant": "AZURE_TENANT_ID", "authority_host": "AZURE_AUTHORITY_HOST"}
)
"""By the config's key, where it is found of a workload whose config does not state it."""


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds the assertion as it was read just now."""
    return present(request, client.client_id, client.secret)


METHOD = Method("federated_assertion", Needs.ASSERTION, authenticate)
