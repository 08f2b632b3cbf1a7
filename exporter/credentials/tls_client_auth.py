"""The client's certificate in the TLS handshake, RFC 8705 section 2; the same for one that the client signed itself."""

from dataclasses import replace

from exporter.credentials.method import Client, Method, Needs
from exporter.model import TokenRequest


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds the parameter client_id, and the certificate to the handshake."""
    form = (*(request.form or ()), ("client_id", client.client_id))
    return replace(request, form=form, client_certificate=client.certificate)


METHOD = Method("tls_client_auth", Needs.CERTIFICATE, authenticate, mutual_tls=True)
