"""Microsoft Entra ID, v2 token endpoint.

Hosts: Microsoft, "National clouds"; paths: "Microsoft identity platform and OAuth 2.0 client credentials flow".
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.catalogue import watched
from exporter.model import ErrorCode, Place, Provider, TokenEndpoint

AUTHORITY_HOSTS: Mapping[str, str] = MappingProxyType(
    {
        "public": "https://login.microsoftonline.com",
        "usgov": "https://login.microsoftonline.us",
        "china": "https://login.partner.microsoftonline.cn",
    }
)


def token_endpoint(place: Place) -> TokenEndpoint:
    """The v2 token endpoint of a tenant in its cloud, or at another authority host."""
    host = place.authority_host or AUTHORITY_HOSTS[place.cloud or "public"]
    tenant = f"{host.rstrip('/')}/{place.tenant}"
    return TokenEndpoint(
        url=f"{tenant}/oauth2/v2.0/token",
        metadata_url=f"{tenant}/v2.0/.well-known/openid-configuration",
        allow_http=place.allow_http,
    )


def request_headers(request_id: str) -> tuple[tuple[str, str], ...]:
    """Our id becomes Entra's correlation id; the capability asks for a plain 429 when we are throttled."""
    return (
        ("client-request-id", request_id),
        ("return-client-request-id", "true"),
        ("x-ms-lib-capability", "retry-after, h429"),
    )


ENTRA = Provider(
    name="entra",
    title="Entra",
    endpoint=token_endpoint,
    requires=frozenset({"tenant"}),
    allows=frozenset({"cloud", "authority_host"}),
    clouds=tuple(AUTHORITY_HOSTS),
    auth_method="client_secret_post",
    watched=tuple(ErrorCode(code) for code in watched("AADSTS")),
    request_headers=request_headers,
)
