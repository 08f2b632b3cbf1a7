"""What the tables hold: the grants and the providers."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

from exporter.model.exchange import Answer, TokenRequest
from exporter.model.outcome import Outcome
from exporter.model.secrets import Proof, Secret
from exporter.model.target import ErrorCode, Issuer, Target, TokenEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a grant builds its requests from: a target, what proves its client, and what is presented, as read just now.

    `request_id` is fresh, and so is whatever `new_id` makes; `now` is Unix time.
    """

    target: Target
    request_id: str
    now: float
    new_id: Callable[[], str]
    proof: Proof | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)


Flow = Generator[TokenRequest, Answer, Outcome]
"""A conversation with no I/O in it: yields requests, is sent answers, returns the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A way to obtain a token: its steps, the config keys that it needs and allows, and the secrets that it presents.

    Each of the `secrets` is stated in the config as `NAME`, `NAME_file` or `NAME_env`.
    """

    name: str
    steps: Callable[[Attempt], Flow]
    requires: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a config says of where a provider is found."""

    cloud: str = ""
    tenant: str = ""
    authority_host: str = ""
    issuer: str = ""
    token_endpoint: str = ""
    allow_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider: where it is found, how it likes to be asked, and which of its codes to watch.

    `one_of` lists config keys of which exactly one must be given. `request_headers` takes the request id. `title` is
    what people call a service that there is one of in each cloud.
    """

    name: str
    title: str = ""
    endpoint: Callable[[Place], TokenEndpoint | Issuer]
    requires: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()
    clouds: tuple[str, ...] = ()
    auth_method: str
    watched: tuple[ErrorCode, ...] = ()
    request_headers: Callable[[str], tuple[tuple[str, str], ...]]
