"""The client's id and secret among the form parameters, RFC 6749 section 2.3.1."""

from dataclasses import replace

from exporter.model import Secret, TokenRequest


def authenticate(request: TokenRequest, client_id: str, secret: Secret) -> TokenRequest:
    """Adds the parameters client_id and client_secret."""
    added = (("client_id", client_id), ("client_secret", secret))
    return replace(request, form=(*(request.form or ()), *added))
