"""What is probed, how often, and what it should answer."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NewType, Self

from exporter.model.exchange import Parameters
from exporter.model.secrets import NEXT, Credential, ProofSource, SecretSource

DRILL_TARGET = "drill"
"""The target that fails in drills only."""

TENANT_ID = "{tenantid}"
"""Stands for the id of a tenant in issuers that have many (Microsoft, "Access tokens in the identity platform")."""

ErrorCode = NewType("ErrorCode", str)
"""A provider's own error code with its prefix, such as `AADSTS50000`."""


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A token endpoint whose URL is known, and that of its provider's metadata where that is known too.

    `issuers` are the names that the metadata may give their issuer, tokens may give `token_issuers` too. TENANT_ID in
    them stands for `tenant`, which is itself TENANT_ID where each token has its own, and '' where it is not known.
    `hosts` are those of the provider, beside the URLs' own, that metadata may send us to.
    """

    url: str
    metadata_url: str = ""
    allow_http: bool = False
    issuers: tuple[str, ...] = ()
    token_issuers: tuple[str, ...] = ()
    tenant: str = ""
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer whose token endpoint stands in its metadata (OpenID Connect Discovery 1.0 section 4).

    `hosts` are those, beside its own, that the metadata may send us to.
    """

    url: str
    allow_http: bool = False
    hosts: frozenset[str] = frozenset()

    @property
    def metadata_url(self) -> str:
        # Section 4.1: a slash at the issuer's end is removed first.
        return self.url.removesuffix("/") + "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCheck:
    """What a token must stand. Durations in seconds; what is empty is not asked for.

    Without an `issuer` of its own, a token whose `signature` is checked must name the issuer that the metadata name.
    `audience` are those of which it must be meant for one; of `claims` each must be there, with one of the values where
    any are listed; of `roles` it must have all.
    """

    signature: bool = True
    issuer: str = ""
    audience: frozenset[str] = frozenset()
    claims: tuple[tuple[str, frozenset[str]], ...] = ()
    roles: frozenset[str] = frozenset()
    min_lifetime: float = 0.0
    max_lifetime: float = math.inf
    clock_skew: float = 60.0

    @property
    def needs_jwt(self) -> bool:
        """Whether an opaque token cannot stand it."""
        return self.signature or bool(self.issuer or self.audience or self.claims or self.roles)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What counts as success: a token, or, where a code or error is named, that refusal; `token` is checked."""

    codes: frozenset[ErrorCode] = frozenset()
    errors: frozenset[str] = frozenset()
    token: TokenCheck | None = None

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
    def credentials(self) -> tuple[Credential, ...]:
        """The credential and the next one, as far as there are any."""
        return tuple(each for each in (self.credential, self.next_credential) if each is not None)

    @property
    def sources(self) -> tuple[ProofSource, ...]:
        """Where everything is read from that must not be seen."""
        return (*(each.source for each in self.credentials), *(source for _, source in self.secrets))

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
