"""What one attempt came to, and what is kept of it."""

from dataclasses import dataclass, field
from typing import Self

from exporter.catalogue import Category, Departure, Reason, Side, Stage
from exporter.model.exchange import Exchange, Fault, TokenRequest
from exporter.model.secrets import CredentialState, Secret
from exporter.model.target import ErrorCode, Target


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
    """What one attempt came to: success where `failure` is None. Token lifetime in seconds.

    `signing_keys` are the ids of those that a provider has, where it was asked for them. `issued`: the attempt failed
    although a token came, which did not stand its checks. `renewed` is the refresh token that came in the place of the
    one presented, until it is kept.
    """

    failure: Failure | None = None
    refusal: ErrorResponse | None = None
    token_lifetime: float | None = None
    signing_keys: frozenset[str] | None = None
    issued: bool = False
    departures: tuple[Departure, ...] = ()
    renewed: Secret | None = None

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
    times are not the provider's. `credentials` are those that were read for it.
    """

    target: Target
    started_at: float
    duration: float
    outcome: Outcome
    evidence: Evidence
    exchange: Exchange
    request: TokenRequest | None = None
    disturbed: bool = False
    credentials: tuple[CredentialState, ...] = ()
