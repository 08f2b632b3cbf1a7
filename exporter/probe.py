"""Drives one grant's flow through `send`, and times it."""

from collections.abc import Awaitable, Callable, Sequence
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
    ProofSource,
    Reading,
    Secret,
    Target,
    TokenRequest,
    Unreadable,
)

Send = Callable[[TokenRequest, float], Awaitable[Answer]]
"""Sends one request within so many seconds; a failure to do so is a value, never an exception."""

ReadProof = Callable[[ProofSource], Reading | Unreadable]
"""What proves who somebody is, as it is now, or why it cannot be read."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A request, its answer, and the seconds between them."""

    request: TokenRequest
    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class _Conversation:
    """How a flow ended, the exchange that tells why, and the seconds of all that were probed."""

    told: _Spoken
    outcome: Outcome
    seconds: float


@dataclass(slots=True)
class Prober:
    """Makes attempts. Clock, secrets, ids and the way to send are arguments; so is all else that differs."""

    send: Send
    read: ReadProof
    clock: Clock
    new_id: Callable[[], str]
    _reusable: dict[tuple[str, Path | None], tuple[Answer, float]] = field(default_factory=dict)

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        """Makes one attempt within the target's timeout, or a shorter one. Seconds."""
        attempt = self._attempt(target)
        if isinstance(attempt, ProbeResult):
            return attempt
        within = min(target.timeout, timeout or target.timeout)
        done = await self._converse(GRANTS[target.grant].steps(attempt), self.clock.monotonic() + within)
        request, answer = done.told.request, done.told.answer
        return ProbeResult(
            target=target,
            started_at=attempt.now,
            duration=done.seconds,
            outcome=done.outcome,
            evidence=evidence.collect(
                request, answer, attempt.request_id, self.clock.time(), failed=not done.outcome.success
            ),
            exchange=answer.exchange,
            request=request,
        )

    def _attempt(self, target: Target) -> Attempt | ProbeResult:
        """An attempt with all that it needs, or its result where something cannot be read."""
        now, request_id = self.clock.time(), self.new_id()
        proof = self.read(target.credential.source) if target.credential else None
        if isinstance(proof, Unreadable):
            return _without_secret(target, request_id, now, proof)
        secrets = {}
        for name, source in target.secrets:
            read = self.read(source)
            if isinstance(read, Unreadable):
                return _without_secret(target, request_id, now, read)
            if isinstance(read.proof, Secret):
                secrets[name] = read.proof
        return Attempt(
            target=target,
            request_id=request_id,
            now=now,
            new_id=self.new_id,
            proof=proof.proof if proof else None,
            secrets=secrets,
        )

    async def _converse(self, flow: Flow, deadline: float) -> _Conversation:
        request = next(flow)
        probed: list[_Spoken] = []
        while True:
            spoken = await self._speak(request, deadline)
            if not request.reusable_for:
                probed.append(spoken)
            try:
                following = flow.send(spoken.answer)
            except StopIteration as done:
                outcome: Outcome = done.value
                if outcome.success:
                    self._keep(spoken)
                seconds = sum(each.seconds for each in probed or [spoken])
                return _Conversation(_telling(spoken, probed, outcome), outcome, seconds)
            self._keep(spoken)
            request = following

    async def _speak(self, request: TokenRequest, deadline: float) -> _Spoken:
        if request.after:
            await self.clock.sleep_until(min(deadline, self.clock.monotonic() + request.after))
        began = self.clock.monotonic()
        received = self._reused(request, began) or await self.send(request, deadline - began)
        return _Spoken(request, evidence.masked(received, request.secrets), self.clock.monotonic() - began)

    def _keep(self, spoken: _Spoken) -> None:
        """Keeps the answer to what may be reused: the flow was content with it, so it is sound."""
        if spoken.request.reusable_for:
            until = self.clock.monotonic() + spoken.request.reusable_for
            self._reusable.setdefault(_key(spoken.request), (spoken.answer, until))

    def _reused(self, request: TokenRequest, now: float) -> Answer | None:
        if not request.reusable_for or _key(request) not in self._reusable:
            return None
        answer, until = self._reusable[_key(request)]
        if now < until:
            return answer
        del self._reusable[_key(request)]
        return None


def _telling(last: _Spoken, probed: Sequence[_Spoken], outcome: Outcome) -> _Spoken:
    """The exchange that tells why an attempt ended so: the last one probed, unless what only prepares it failed."""
    if probed and (outcome.failure is None or outcome.failure.fault.stage is Stage.TOKEN):
        return probed[-1]
    return last


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
