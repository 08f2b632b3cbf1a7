"""What the tables hold: the grants and the providers."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.catalogue import Category, Reason, Stage
from exporter.model.exchange import Answer, TokenRequest
from exporter.model.outcome import Outcome, ProbeResult
from exporter.model.secrets import CredentialState, Proof, Secret, SecretSource
from exporter.model.target import ErrorCode, Issuer, Target, TokenEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a grant builds its requests from: a target, what proves its client, and what is presented, as read just now.

    `credentials` is what is known of these. `request_id` is fresh, and so is whatever `new_id` makes; `now` is Unix
    time.
    """

    target: Target
    request_id: str
    now: float
    new_id: Callable[[], str]
    proof: Proof | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    credentials: tuple[CredentialState, ...] = ()


Flow = Generator[TokenRequest, Answer, Outcome]
"""A conversation with no I/O in it: yields requests, is sent answers, returns the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a config says of where a provider is found; '' is unsaid."""

    cloud: str = ""
    tenant: str = ""
    version: str = ""
    region: str = ""
    policy: str = ""
    authority_host: str = ""
    issuer: str = ""
    token_endpoint: str = ""
    allowed_hosts: frozenset[str] = frozenset()
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Local:
    """Where a target is asked, and the secrets that only this machine's own endpoint asks for, by name."""

    endpoint: TokenEndpoint | Issuer
    secrets: tuple[tuple[str, SecretSource], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a target remembers from one attempt to the next.

    `fingerprint` is that of the secret as the config states it, `refresh_token` the newest one in its place. `refusals`
    of a password stand in a row; it is `proven` once it was accepted.
    """

    fingerprint: str = ""
    refresh_token: Secret | None = None
    refusals: int = 0
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Unsent:
    """Why an attempt ends before anything is sent, and what is to be said of it."""

    category: Category
    reason: Reason
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a grant remembers, as pure functions.

    `begin` tells, from what was remembered, what is presented and what must be kept before anything is sent, or why
    nothing is; `end` what to keep once the result is known. `volatile`: it is of use without a state file, too.
    """

    begin: Callable[[Attempt, State], tuple[Attempt, State] | Unsent]
    end: Callable[[State, ProbeResult], State]
    volatile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A way to obtain a token: its steps, the config keys that it needs and allows, and the secrets that it presents.

    Each of the `secrets`, and of those that it `may_present`, is stated in the config as `NAME`, `NAME_file` or
    `NAME_env`. Keys of the provider that it `waives` need not be stated; `provider` is the only one that has it.
    `endpoint` is where it asks, in place of the provider's, and what it presents there, as the environment tells. With
    `discovers` its endpoints stand in metadata. `warning` is for whoever uses it; seconds. `reasons` are faults of its
    own. One that `issues` no token has none to check, and keys that targets of any grant may have it `forbids`.
    """

    name: str
    steps: Callable[[Attempt], Flow]
    requires: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    may_present: frozenset[str] = frozenset()
    waives: frozenset[str] = frozenset()
    provider: str = ""
    endpoint: Callable[[Place, Mapping[str, str]], Local] | None = None
    discovers: bool = False
    memory: Memory | None = None
    min_interval: float = 0.0
    min_timeout: float = 0.0
    warning: str = ""
    reasons: frozenset[tuple[Stage, Reason]] = frozenset()
    issues: bool = True
    forbids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider: where it is found, how it likes to be asked, and which of its codes to watch.

    `one_of` lists config keys of which exactly one must be given. `objections` are what its keys demand of each other:
    the key that is wrong, and why. `request_headers` takes the request id. `title` is what people call a service that
    there is one of in each cloud.
    """

    name: str
    title: str = ""
    endpoint: Callable[[Place], TokenEndpoint | Issuer]
    requires: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()
    clouds: tuple[str, ...] = ()
    objections: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]] = lambda _: iter(())
    auth_method: str
    watched: tuple[ErrorCode, ...] = ()
    request_headers: Callable[[str], tuple[tuple[str, str], ...]]
