"""Drives one grant's flow through `send`, and times it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from exporter import evidence
from exporter.catalogue import Category, Reason, Stage
from exporter.clock import Clock
from exporter.grants import GRANTS
from exporter.model import (
    Answer,
    Attempt,
    Evidence,
    Exchange,
    Flow,
    Outcome,
    ProbeResult,
    Secret,
    SecretSource,
    Target,
    TokenRequest,
    Unreadable,
)

Send = Callable[[TokenRequest, float], Awaitable[Answer]]
"""Sends one request within so many seconds; a failure to do so is a value, never an exception."""

ReadSecret = Callable[[SecretSource], Secret | Unreadable]
"""The secret as it is now, or why it cannot be read."""

METADATA_LIFETIME = 300.0
"""Seconds for which a provider's metadata is reused, so that its latency is not the token endpoint's."""


@dataclass(frozen=True, slots=True)
class _Conversation:
    """How a flow ended: its last request and answer, and the seconds that it took."""

    request: TokenRequest
    answer: Answer
    outcome: Outcome
    seconds: float


@dataclass(slots=True)
class Prober:
    """Makes attempts. Clock, secrets, ids and the way to send are arguments; so is all else that differs."""

    send: Send
    read_secret: ReadSecret
    clock: Clock
    new_id: Callable[[], str]
    _reusable: dict[tuple[str, Path | None], tuple[Answer, float]] = field(default_factory=dict)

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        """Makes one attempt within the target's timeout, or a shorter one. Seconds."""
        started_at = self.clock.time()
        request_id = self.new_id()
        secret = self.read_secret(target.credential.source) if target.credential else None
        if isinstance(secret, Unreadable):
            return self._without_secret(target, request_id, started_at, secret)
        attempt = Attempt(target=target, secret=secret, request_id=request_id)
        within = min(target.timeout, timeout or target.timeout)
        done = await self._converse(GRANTS[target.grant].steps(attempt), self.clock.monotonic() + within)
        return ProbeResult(
            target=target,
            started_at=started_at,
            duration=done.seconds,
            outcome=done.outcome,
            evidence=evidence.collect(
                done.request, done.answer, request_id, self.clock.time(), failed=not done.outcome.success
            ),
            exchange=done.answer.exchange,
            request=done.request,
        )

    async def _converse(self, flow: Flow, deadline: float) -> _Conversation:
        request = next(flow)
        seconds = 0.0
        while True:
            began = self.clock.monotonic()
            received = self._reused(request, began) or await self.send(request, deadline - began)
            seconds += self.clock.monotonic() - began
            answer = evidence.masked(received, request.secrets)
            try:
                following = flow.send(answer)
            except StopIteration as done:
                return _Conversation(request, answer, done.value, seconds)
            if request.reusable:
                # The flow went on from it, so it is sound; its time is not the token endpoint's.
                self._reusable.setdefault(_key(request), (answer, self.clock.monotonic() + METADATA_LIFETIME))
                seconds = 0.0
            request = following

    def _reused(self, request: TokenRequest, now: float) -> Answer | None:
        if not request.reusable or _key(request) not in self._reusable:
            return None
        answer, until = self._reusable[_key(request)]
        if now < until:
            return answer
        del self._reusable[_key(request)]
        return None

    @staticmethod
    def _without_secret(target: Target, request_id: str, started_at: float, secret: Unreadable) -> ProbeResult:
        return ProbeResult(
            target=target,
            started_at=started_at,
            duration=0.0,
            outcome=Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.SECRET_UNREADABLE),
            evidence=Evidence(endpoint=target.endpoint.url, request_id=request_id, body=secret.problem),
            exchange=Exchange(),
        )


def disturb(result: ProbeResult) -> ProbeResult:
    """The result of an attempt during which the exporter itself stood still: a timeout is then nobody else's."""
    failure = result.outcome.failure
    timed_out = failure is not None and failure.category is Category.NETWORK and failure.fault.reason is Reason.TIMEOUT
    outcome = Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.LOOP_STALL) if timed_out else result.outcome
    return replace(result, outcome=outcome, disturbed=True)


def _key(request: TokenRequest) -> tuple[str, Path | None]:
    """What two requests must share for one answer to serve both: the URL, and whom the connection trusts."""
    return request.url, request.ca_file
