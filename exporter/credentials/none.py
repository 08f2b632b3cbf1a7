"""A public client, which says who it is and cannot prove it, RFC 6749 section 3.2.1."""

from dataclasses import replace

from exporter.credentials.method import Client, Method, Needs
from exporter.model import TokenRequest


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds the parameter client_id, if there is one."""
    if not client.client_id:
        return request
    return replace(request, form=(*(request.form or ()), ("client_id", client.client_id)))


METHOD = Method("none", Needs.NOTHING, authenticate)
