"""Active Directory Federation Services, on an organisation's own servers.

Microsoft, "AD FS OpenID Connect/OAuth concepts" and "AD FS OpenID Connect/OAuth flows and application scenarios".
"""

from exporter.catalogue import watched
from exporter.model import ErrorCode, Place, Provider, TokenEndpoint
from exporter.providers.microsoft import request_headers


def token_endpoint(place: Place) -> TokenEndpoint:
    """The one token endpoint of a federation service."""
    service = f"{place.authority_host.rstrip('/')}/adfs"
    return TokenEndpoint(
        url=f"{service}/oauth2/token",
        metadata_url=f"{service}/.well-known/openid-configuration",
        allow_http=place.allow_http,
        issuers=(service,),
        hosts=place.allowed_hosts,
    )


ADFS = Provider(
    name="adfs",
    endpoint=token_endpoint,
    requires=frozenset({"authority_host"}),
    auth_method="client_secret_post",
    watched=tuple(ErrorCode(code) for code in watched("MSIS")),
    request_headers=request_headers,
)
