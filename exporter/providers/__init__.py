"""The identity providers: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.model import Provider
from exporter.providers.adfs import ADFS
from exporter.providers.entra import ENTRA
from exporter.providers.entra_b2c import ENTRA_B2C
from exporter.providers.entra_external_id import ENTRA_EXTERNAL_ID
from exporter.providers.oidc import OIDC

PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {p.name: p for p in (ENTRA, ENTRA_EXTERNAL_ID, ENTRA_B2C, ADFS, OIDC)}
)
