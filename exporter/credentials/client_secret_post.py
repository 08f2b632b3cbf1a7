"""The client's id and secret among the form parameters, RFC 6749 section 2.3.1."""

from dataclasses import replace

from exporter.credentials.method import Client, Method, Needs
from exporter.model import TokenRequest


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds the parameters client_id and client_secret."""
    added = (("client_id", client.client_id), ("client_secret", client.secret))
    return replace(request, form=(*(request.form or ()), *added))


METHOD = Method("client_secret_post", Needs.CLIENT_SECRET, authenticate)
