"""One request, and the answer to it or the fault in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.catalogue import REASONS, Phase, Reason, Stage
from exporter.model.secrets import Certificate, Secret

Parameters = tuple[tuple[str, str | Secret], ...]
"""Names and values of form parameters or header fields, in order; a Secret is revealed on the wire only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """One HTTP request: a GET where `form` is None, else a POST of it.

    `hidden` are secrets that the request holds in another spelling. `takes` names what a later request presents of the
    answer. `after` is how many seconds to wait before it is sent. With `reusable_for` the request only prepares what is
    probed: an answer of the last so many seconds that some flow was content with serves as well, and its time is
    nobody's latency. `client_certificate` is shown in the TLS handshake. `keep` names those among whom the connection
    is kept for the next request; '' is a connection of its own.
    """

    url: str
    form: Parameters | None = None
    headers: Parameters = ()
    hidden: tuple[Secret, ...] = ()
    takes: frozenset[str] = frozenset()
    ca_file: Path | None = None
    client_certificate: Certificate | None = None
    reusable_for: float = 0.0
    after: float = 0.0
    keep: str = ""

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
    """A whole HTTP answer, whatever it says. Header names in lower case.

    `taken` is what the request takes of it, as it stands, while the body is masked.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    taken: Mapping[str, Secret] = field(default_factory=dict)
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
