"""How the exporter's own web side is protected, as its web config says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from exporter.model.secrets import Secret


class ClientAuth(StrEnum):
    """Which certificate a client must show, in Go's words, which Prometheus's exporters use."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class TlsVersion(StrEnum):
    """The versions of TLS that are spoken."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServer:
    """The certificate that is shown to clients, and what is asked of them. `ciphers` and `curve` in IANA's names."""

    certificate: Path
    private_key: Path
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca_file: Path | None = None
    client_allowed_sans: frozenset[str] = frozenset()
    min_version: TlsVersion = TlsVersion.TLS12
    max_version: TlsVersion = TlsVersion.TLS13
    ciphers: tuple[str, ...] = ()
    curve: str = ""
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that its TLS context is made of."""
        return tuple(path for path in (self.certificate, self.private_key, self.client_ca_file) if path)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A request every `interval` seconds, and so many at once."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """A web config; `users` maps names to bcrypt hashes, `headers` are added to every answer."""

    tls: TlsServer | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    users: Mapping[str, Secret] = field(default_factory=lambda: MappingProxyType({}))
    rate_limit: RateLimit | None = None
