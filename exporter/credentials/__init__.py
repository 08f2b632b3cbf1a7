"""Client authentication methods: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.credentials import client_secret_basic, client_secret_post
from exporter.credentials.method import Client, Method

METHODS: Mapping[str, Method] = MappingProxyType(
    {m.name: m for m in (client_secret_basic.METHOD, client_secret_post.METHOD)}
)

__all__ = ["METHODS", "Client", "Method"]
