"""The client's id and secret in the Authorization header, RFC 6749 section 2.3.1."""

import base64
from dataclasses import replace
from urllib.parse import quote_plus

from exporter.model import Secret, TokenRequest


def authenticate(request: TokenRequest, client_id: str, secret: Secret) -> TokenRequest:
    """Adds HTTP Basic credentials, each part form-encoded first as RFC 6749 appendix B asks."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
    proof = base64.b64encode(pair.encode()).decode()
    return replace(
        request,
        headers=(*request.headers, ("Authorization", Secret(f"Basic {proof}"))),
        hidden=(*request.hidden, secret, Secret(proof)),
    )
