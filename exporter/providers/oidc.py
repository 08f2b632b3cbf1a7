"""Any OpenID Connect issuer, or any plain OAuth 2.0 token endpoint."""

from exporter.model import Issuer, Place, Provider, TokenEndpoint


def endpoint(place: Place) -> TokenEndpoint | Issuer:
    """The token endpoint where one is given, else the issuer whose metadata names it."""
    if place.token_endpoint:
        return TokenEndpoint(place.token_endpoint, allow_http=place.allow_http)
    return Issuer(place.issuer, allow_http=place.allow_http, hosts=place.allowed_hosts)


def request_headers(request_id: str) -> tuple[tuple[str, str], ...]:
    """The id under which proxies and providers commonly log a request."""
    return (("x-request-id", request_id),)


OIDC = Provider(
    name="oidc",
    endpoint=endpoint,
    one_of=frozenset({"issuer", "token_endpoint"}),
    # What a client has that registered no method (OpenID Connect Core 1.0 section 9).
    auth_method="client_secret_basic",
    request_headers=request_headers,
)
