"""Client authentication methods: one module each, one line each in the table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from exporter.credentials import client_secret_basic, client_secret_post
from exporter.model import Secret, TokenRequest

AuthenticationMethod = Callable[[TokenRequest, str, Secret], TokenRequest]
"""Adds a client's id and the proof of who it is to a request."""

METHODS: Mapping[str, AuthenticationMethod] = MappingProxyType(
    {
        "client_secret_basic": client_secret_basic.authenticate,
        "client_secret_post": client_secret_post.authenticate,
    }
)
