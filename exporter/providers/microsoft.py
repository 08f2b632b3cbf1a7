"""What Microsoft's own services have in common: their header fields, and the ids by which they call tenants."""

import re

from exporter.model import TENANT_ID, Place, TokenEndpoint

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_SHARED = {
    "common": TENANT_ID,
    "organizations": TENANT_ID,
    # The tenant of all personal accounts (Microsoft, "Access token claims reference", tid).
    "consumers": "9188040d-6c67-4c5b-b112-36a304b66dad",
}


def tenant_id(tenant: str) -> str:
    """The id by which issuers call a tenant; '' where only its domain is known."""
    name = tenant.lower()
    return name if _ID.fullmatch(name) else _SHARED.get(name, "")


def endpoint_of_host(
    place: Place, path: str, issuers: tuple[str, ...], token_issuers: tuple[str, ...] = ()
) -> TokenEndpoint:
    """The v2 endpoint of a tenant that has a host of its own; its tokens may name `token_issuers`, too."""
    base = f"{place.authority_host.rstrip('/')}/{path}"
    return TokenEndpoint(
        url=f"{base}/oauth2/v2.0/token",
        metadata_url=f"{base}/v2.0/.well-known/openid-configuration",
        allow_http=place.allow_http,
        issuers=issuers,
        token_issuers=token_issuers,
        tenant=tenant_id(place.tenant),
        hosts=place.allowed_hosts,
    )


def request_headers(request_id: str) -> tuple[tuple[str, str], ...]:
    """Our id becomes Entra's correlation id; the capability asks for a plain 429 when we are throttled."""
    return (
        ("client-request-id", request_id),
        ("return-client-request-id", "true"),
        ("x-ms-lib-capability", "retry-after, h429"),
    )
