"""How a client presents an assertion of who it is, RFC 7521 section 4.2."""

from dataclasses import replace

from exporter.model import Secret, TokenRequest

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The type of assertions that are JWTs, RFC 7523 section 2.2."""


def present(request: TokenRequest, client_id: str, assertion: Secret) -> TokenRequest:
    """Adds the client's id and its assertion, a JWT, to the form parameters."""
    added = (("client_id", client_id), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion))
    return replace(request, form=(*(request.form or ()), *added))
