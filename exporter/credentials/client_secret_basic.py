"""The client's id and secret in the Authorization header, RFC 6749 section 2.3.1."""

import base64
from dataclasses import replace
from urllib.parse import quote_plus

from exporter.credentials.method import Client, Method, Needs
from exporter.model import Secret, TokenRequest


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds HTTP Basic credentials, each part form-encoded first as RFC 6749 appendix B asks."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret.reveal())}"
    proof = base64.b64encode(pair.encode()).decode()
    return replace(
        request,
        headers=(*request.headers, ("Authorization", Secret(f"Basic {proof}"))),
        hidden=(*request.hidden, client.secret, Secret(proof)),
    )


METHOD = Method("client_secret_basic", Needs.CLIENT_SECRET, authenticate)
