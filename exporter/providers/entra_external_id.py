"""Microsoft Entra External ID: tenants of customers, each at a host of its own.

Microsoft, "Set up your OpenID Connect application with Microsoft Entra External ID" and "Custom URL domains in external
tenants"; the issuer's host is called by the tenant's id, whatever name was asked for (MSAL.js, issue 8592).
"""

from exporter.catalogue import watched
from exporter.model import TENANT_ID, ErrorCode, Place, Provider, TokenEndpoint
from exporter.providers.microsoft import endpoint_of_host, request_headers


def token_endpoint(place: Place) -> TokenEndpoint:
    """The token endpoint of a tenant at its own host."""
    host = place.authority_host.rstrip("/")
    issuers = (f"https://{TENANT_ID}.ciamlogin.com/{TENANT_ID}/v2.0", f"{host}/{TENANT_ID}/v2.0")
    return endpoint_of_host(place, place.tenant, issuers, (*issuers, f"https://sts.windows.net/{TENANT_ID}/"))


ENTRA_EXTERNAL_ID = Provider(
    name="entra_external_id",
    title="Entra External ID",
    endpoint=token_endpoint,
    requires=frozenset({"authority_host", "tenant"}),
    auth_method="client_secret_post",
    watched=tuple(ErrorCode(code) for code in watched("AADSTS")),
    request_headers=request_headers,
)
