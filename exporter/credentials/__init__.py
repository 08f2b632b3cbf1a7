"""Client authentication methods: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.credentials import (
    client_secret_basic,
    client_secret_post,
    federated_assertion,
    none,
    private_key_jwt,
    tls_client_auth,
)
from exporter.credentials.method import Client, Method, Needs
from exporter.model import Credential, Reading, Unreadable

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        module.METHOD.name: module.METHOD
        for module in (
            client_secret_basic,
            client_secret_post,
            federated_assertion,
            none,
            private_key_jwt,
            tls_client_auth,
        )
    }
)


def fitting(credential: Credential, read: Reading | Unreadable) -> Reading | Unreadable:
    """What was read of a credential, or why its method can do nothing with it."""
    if isinstance(read, Unreadable):
        return read
    problem = METHODS[credential.method].unfit(read.proof, credential.signing)
    return Unreadable(problem) if problem else read


__all__ = ["METHODS", "Client", "Method", "Needs", "fitting"]
