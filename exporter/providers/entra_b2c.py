"""Azure AD B2C: a tenant's user flow or custom policy, at the tenant's own host or a custom domain.

Microsoft, "Set up OAuth 2.0 client credentials flow in Azure AD B2C" and "Overview of tokens in Azure AD B2C" (iss).
"""

from exporter.catalogue import watched
from exporter.model import TENANT_ID, ErrorCode, Place, Provider, TokenEndpoint
from exporter.providers.microsoft import endpoint_of_host, request_headers


def token_endpoint(place: Place) -> TokenEndpoint:
    """The token endpoint of a policy."""
    host = place.authority_host.rstrip("/")
    # The second where the policy's tokens shall say which policy they are of.
    issuers = (f"{host}/{TENANT_ID}/v2.0/", f"{host}/tfp/{TENANT_ID}/{place.policy.lower()}/v2.0/")
    return endpoint_of_host(place, f"{place.tenant}/{place.policy}", issuers)


ENTRA_B2C = Provider(
    name="entra_b2c",
    title="Azure AD B2C",
    endpoint=token_endpoint,
    requires=frozenset({"authority_host", "policy", "tenant"}),
    auth_method="client_secret_post",
    watched=tuple(ErrorCode(code) for code in watched("AADB2C")),
    request_headers=request_headers,
)
