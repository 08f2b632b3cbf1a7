"""The identity providers: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.model import Provider
from exporter.providers.entra import ENTRA
from exporter.providers.oidc import OIDC

PROVIDERS: Mapping[str, Provider] = MappingProxyType({p.name: p for p in (ENTRA, OIDC)})
