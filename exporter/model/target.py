"""What is probed, how often, and what it should answer."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NewType, Self

from exporter.model.exchange import Parameters
from exporter.model.secrets import NEXT, Credential, SecretSource

DRILL_TARGET = "drill"
"""The target that fails in drills only."""

ErrorCode = NewType("ErrorCode", str)
"""A provider's own error code with its prefix, such as `AADSTS50000`."""


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A token endpoint whose URL is known, and that of its provider's metadata where that is known too."""

    url: str
    metadata_url: str = ""
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer whose token endpoint stands in its metadata (OpenID Connect Discovery 1.0 section 4)."""

    url: str
    allow_http: bool = False

    @property
    def metadata_url(self) -> str:
        # Section 4.1: a slash at the issuer's end is removed first.
        return self.url.removesuffix("/") + "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What counts as success: a token, or, where a code or error is named, that refusal."""

    codes: frozenset[ErrorCode] = frozenset()
    errors: frozenset[str] = frozenset()

    @property
    def refusal(self) -> bool:
        """Whether a refusal is the success and a token the failure."""
        return bool(self.codes or self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is probed, how often, and what it should answer. Durations in seconds.

    `next_credential` shall replace `credential`, and is tried beside it.
    `confirmations` are the extra attempts an hour that may be made to be sure of an outage. `secrets` are what the
    grant presents, by the name of the parameter: a password, a refresh token, somebody's assertion. `arguments` are
    what it says besides, by the key of the config: a user's name, a resource. `state_file` is where the target
    remembers what must outlive the process.
    """

    name: str
    provider: str
    endpoint: TokenEndpoint | Issuer
    grant: str
    interval: float
    timeout: float
    confirmations: int = 0
    cloud: str = ""
    tenant: str = ""
    client_id: str = ""
    scope: str = ""
    parameters: Parameters = ()
    credential: Credential | None = None
    next_credential: Credential | None = None
    secrets: tuple[tuple[str, SecretSource], ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    state_file: Path | None = None
    expect: Expectation = Expectation()
    ca_file: Path | None = None
    reuse_connection: bool = False
    watch: tuple[ErrorCode, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def is_rotated(self) -> bool:
        """Whether this is a target as it will be, with its next credential in place."""
        return self.credential is not None and self.credential.label == NEXT

    def rotated(self) -> Self | None:
        """The target as it will be once its next credential is in place; None where there is none."""
        if self.next_credential is None:
            return None
        return replace(self, credential=self.next_credential, next_credential=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that the exporter was told to do; `shown` is the file's content with every secret masked.

    `warnings` are about what is permitted and yet has its dangers.
    """

    targets: tuple[Target, ...]
    concurrency: int
    shown: str = ""
    warnings: tuple[str, ...] = ()
