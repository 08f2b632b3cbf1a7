"""The grants: one module each, one line each in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.grants.client_credentials import CLIENT_CREDENTIALS
from exporter.grants.none import NONE
from exporter.model import Grant

GRANTS: Mapping[str, Grant] = MappingProxyType({g.name: g for g in (CLIENT_CREDENTIALS, NONE)})
