"""The nouns: what is probed, what was sent, what came back, and what it means."""

import base64
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType, Self
from urllib.parse import quote, quote_plus

from exporter.catalogue import REASONS, Category, Departure, Phase, Reason, Side, Stage

MASK = "<secret>"

DRILL_TARGET = "drill"
"""The target that fails in drills only."""

ErrorCode = NewType("ErrorCode", str)
"""A provider's own error code with its prefix, such as `AADSTS50000`."""


class Secret:
    """Text that never shows itself: `repr`, `str` and `format` print a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def spellings(self) -> frozenset[str]:
        """The forms in which a party may echo the text: raw, form- and URL-encoded, base64."""
        raw = self._text
        encoded = base64.b64encode(raw.encode()).decode()
        url_safe = encoded.replace("+", "-").replace("/", "_")
        whole = {raw, quote(raw, safe=""), quote_plus(raw), encoded, url_safe}
        return frozenset({*whole, encoded.rstrip("="), url_safe.rstrip("=")})

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


Parameters = tuple[tuple[str, str | Secret], ...]
"""Names and values of form parameters or header fields, in order; a Secret is revealed on the wire only."""


@dataclass(frozen=True, slots=True)
class InlineSecret:
    """A secret that stands in the config itself."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class EnvironmentSecret:
    """A secret in an environment variable."""

    variable: str


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A secret in a file of its own."""

    path: Path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a secret cannot be read: where it should be, and what is in the way."""

    problem: str


SecretSource = InlineSecret | EnvironmentSecret | FileSecret


@dataclass(frozen=True, slots=True)
class Credential:
    """How the client proves who it is, where its secret is read from, and when that ends (Unix time)."""

    method: str
    source: SecretSource
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A token endpoint whose URL is known."""

    url: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer whose token endpoint stands in its metadata (OpenID Connect Discovery 1.0 section 4)."""

    url: str
    allow_http: bool = False


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

    `confirmations` are the extra attempts an hour that may be made to be sure of an outage.
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
    expect: Expectation = Expectation()
    ca_file: Path | None = None
    watch: tuple[ErrorCode, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that the exporter was told to do; `shown` is the file's content with every secret masked."""

    targets: tuple[Target, ...]
    concurrency: int
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One HTTP request: a GET where `form` is None, else a POST of it.

    `hidden` are secrets that the request holds in another spelling. `reusable` lets the answer serve later
    attempts too, once a flow went on from it.
    """

    url: str
    form: Parameters | None = None
    headers: Parameters = ()
    hidden: tuple[Secret, ...] = ()
    ca_file: Path | None = None
    reusable: bool = False

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything that must not be seen again in whatever comes back."""
        values = (value for _, value in (*(self.form or ()), *self.headers))
        return (*self.hidden, *(value for value in values if isinstance(value, Secret)))


@dataclass(frozen=True, slots=True)
class Exchange:
    """How far one request got on the wire. Phases in seconds.

    `certificate_expiry` is when the first certificate of the chain that the server showed ends, in Unix time.
    """

    phases: Mapping[Phase, float] = field(default_factory=dict)
    address: str = ""
    certificate_expiry: float | None = None
    tls_version: str = ""
    cipher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """A whole HTTP answer, whatever it says. Header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    exchange: Exchange = field(default_factory=Exchange)


@dataclass(frozen=True, slots=True)
class Fault:
    """The stage that an attempt failed at, and the reason out of that stage's closed set."""

    stage: Stage
    reason: Reason

    def __post_init__(self) -> None:
        if self.reason not in REASONS[self.stage]:
            raise ValueError(f"{self.stage} has no reason {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFailure:
    """No whole HTTP answer came back; `status` and `headers` where its head did."""

    fault: Fault
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    exchange: Exchange = field(default_factory=Exchange)


Answer = TokenResponse | TransportFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorResponse:
    """What an error answer says of itself (RFC 6749 section 5.2 and Entra's additions); '' is absent.

    `codes` stand in the order in which the answer gives them, `code` is the primary one.
    """

    error: str = ""
    codes: tuple[ErrorCode, ...] = ()
    suberror: str = ""
    trace_id: str = ""
    correlation_id: str = ""
    timestamp: str = ""
    claims: bool = False

    @property
    def code(self) -> ErrorCode | None:
        return self.codes[0] if self.codes else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed."""

    category: Category
    fault: Fault

    @property
    def side(self) -> Side:
        return self.category.side


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attempt came to: success where `failure` is None. Token lifetime in seconds."""

    failure: Failure | None = None
    refusal: ErrorResponse | None = None
    token_lifetime: float | None = None
    departures: tuple[Departure, ...] = ()

    @property
    def success(self) -> bool:
        return self.failure is None

    @classmethod
    def failed(cls, category: Category, stage: Stage, reason: Reason) -> Self:
        """A failure of which nothing but its kind is known."""
        return cls(failure=Failure(category, Fault(stage, reason)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a support ticket asks for, redacted. `clock_difference` is the server's clock less ours, in seconds.

    `retry_after` is what the answer says of when to ask again (RFC 9110 section 10.2.3), as it stands.
    """

    endpoint: str
    request_id: str
    status: int | None = None
    address: str = ""
    server_request_id: str = ""
    server: str = ""
    server_date: str = ""
    retry_after: str = ""
    clock_difference: float | None = None
    body: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """One finished attempt. `started_at` in Unix time, `duration` and phases in seconds.

    `request` is the last one sent; None where none was. `disturbed`: the exporter itself stood still meanwhile, so the
    times are not the provider's.
    """

    target: Target
    started_at: float
    duration: float
    outcome: Outcome
    evidence: Evidence
    exchange: Exchange
    request: TokenRequest | None = None
    disturbed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a grant builds its requests from: a target, its secret as read just now, and a fresh request id."""

    target: Target
    secret: Secret | None
    request_id: str


Flow = Generator[TokenRequest, Answer, Outcome]
"""A conversation with no I/O in it: yields requests, is sent answers, returns the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A way to obtain a token: its steps, and the config keys that it needs and allows."""

    name: str
    steps: Callable[[Attempt], Flow]
    requires: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()


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
