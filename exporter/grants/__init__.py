"""The grants: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.grants.client_credentials import CLIENT_CREDENTIALS
from exporter.grants.device_code import DEVICE_CODE
from exporter.grants.discovery import DISCOVERY
from exporter.grants.jwks import JWKS
from exporter.grants.jwt_bearer import JWT_BEARER
from exporter.grants.managed_identity import MANAGED_IDENTITY
from exporter.grants.none import NONE
from exporter.grants.on_behalf_of import ON_BEHALF_OF
from exporter.grants.password import PASSWORD
from exporter.grants.refresh_token import REFRESH_TOKEN
from exporter.grants.token_exchange import TOKEN_EXCHANGE
from exporter.model import Grant

GRANTS: Mapping[str, Grant] = MappingProxyType(
    {
        grant.name: grant
        for grant in (
            CLIENT_CREDENTIALS,
            DEVICE_CODE,
            DISCOVERY,
            JWKS,
            JWT_BEARER,
            MANAGED_IDENTITY,
            NONE,
            ON_BEHALF_OF,
            PASSWORD,
            REFRESH_TOKEN,
            TOKEN_EXCHANGE,
        )
    }
)


def remembers(grant: Grant, has_state_file: bool) -> bool:
    """Whether an attempt of a target with this grant depends on those before it."""
    return grant.memory is not None and (grant.memory.volatile or has_state_file)
