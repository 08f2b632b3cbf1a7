"""Drives one grant's flow through `send`, and times it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from exporter import evidence
from exporter.catalogue import Category, Reason, Stage
from exporter.clock import Clock
from exporter.credentials import fitting
from exporter.grants import GRANTS, remembers
from exporter.interpret import with_taken
from exporter.model import (
    Answer,
    Attempt,
    Certificate,
    CredentialState,
    Evidence,
    Exchange,
    Fault,
    Flow,
    Memory,
    Outcome,
    ProbeResult,
    Proof,
    ProofSource,
    Reading,
    Secret,
    State,
    Target,
    TokenRequest,
    TransportFailure,
    Unreadable,
    Unsent,
)

Send = Callable[[TokenRequest, float], Awaitable[Answer]]
"""Sends one request within so many seconds; a failure to do so is a value, never an exception."""

ReadProof = Callable[[ProofSource], Reading | Unreadable]
"""What proves who somebody is, as it is now, or why it cannot be read."""


class Held(Protocol):
    """What a target remembers, in the hands of the one attempt that may change it."""

    @property
    def state(self) -> State:
        """What was remembered last."""
        ...

    async def prepare(self, state: State) -> Unreadable | None:
        """Keeps this, and makes sure that more can be kept; or tells what is in the way."""
        ...

    async def keep(self, state: State) -> Unreadable | None:
        """Keeps this, or tells what is in the way."""
        ...


Hold = Callable[[Target], AbstractAsyncContextManager[Held | Unreadable]]
"""Waits until no other attempt has what the target remembers."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A request, its answer, the seconds between them, and when the answer came (monotonic)."""

    request: TokenRequest
    answer: Answer
    seconds: float
    at: float


@dataclass(frozen=True, slots=True)
class _Conversation:
    """How a flow ended, the exchange that tells why, and the seconds of all that were probed."""

    told: _Spoken
    outcome: Outcome
    seconds: float


_TOO_SHORT = TransportFailure(fault=Fault(Stage.LOCAL, Reason.TIMEOUT_TOO_SHORT))
"""The answer to a request that would have to wait longer than there is time."""


Retain = Callable[[Collection[str]], Awaitable[None]]
"""Closes what is kept open for targets of any other name than these."""


async def retain_nothing(_names: Collection[str]) -> None:
    """Where nothing is kept open there is nothing to close."""


@dataclass(slots=True)
class Prober:
    """Makes attempts. Clock, secrets, ids, memory and the way to send are arguments; so is all else that differs."""

    send: Send
    read: ReadProof
    hold: Hold
    clock: Clock
    new_id: Callable[[], str]
    retain: Retain = retain_nothing
    _reusable: dict[tuple[str, Path | None], _Spoken] = field(default_factory=dict)
    _spending: set[asyncio.Task[ProbeResult]] = field(default_factory=set)

    async def probe(self, target: Target, timeout: float | None = None) -> ProbeResult:
        """Makes one attempt within the target's timeout, or a shorter one. Seconds."""
        within = min(target.timeout, timeout or target.timeout)
        grant = GRANTS[target.grant]
        if grant.memory is not None and remembers(grant, target.state_file is not None):
            return await self._remember(target, grant.memory, within)
        attempt = self._attempt(target)
        return attempt if isinstance(attempt, ProbeResult) else await self._make(attempt, within)

    async def finish(self) -> None:
        """Waits for the attempts that must not end half way: what they spend, they must be able to replace."""
        while self._spending:
            await asyncio.wait(self._spending)

    async def _remember(self, target: Target, memory: Memory, within: float) -> ProbeResult:
        """Makes an attempt that depends on earlier ones; one of a target at a time."""
        async with AsyncExitStack() as stack:
            held = await stack.enter_async_context(self.hold(target))
            if isinstance(held, Unreadable):
                return self._unsent(target, _unusable(held))
            attempt = self._attempt(target)
            if isinstance(attempt, ProbeResult):
                return attempt
            # In a thread: to compare fingerprints is slow on purpose.
            begun = await asyncio.to_thread(memory.begin, attempt, held.state)
            if isinstance(begun, Unsent):
                return self._unsent(target, begun, attempt.credentials)
            if problem := await held.prepare(begun[1]):
                return self._unsent(target, _unusable(problem), attempt.credentials)
            spend = self._spend(stack.pop_all(), held, memory, begun, within)
        spending = asyncio.create_task(spend)
        self._spending.add(spending)
        spending.add_done_callback(self._spending.discard)
        return await asyncio.shield(spending)

    async def _spend(
        self, holding: AsyncExitStack, held: Held, memory: Memory, begun: tuple[Attempt, State], within: float
    ) -> ProbeResult:
        """Presents what may work only once, and keeps what came of it."""
        attempt, state = begun
        async with holding:
            result = await self._make(attempt, within)
            problem = await held.keep(memory.end(state, result))
        if problem is None:
            return replace(result, outcome=replace(result.outcome, renewed=None))
        outcome = _failed(_unusable(problem))
        return replace(result, outcome=outcome, evidence=replace(result.evidence, body=problem.problem))

    async def _make(self, attempt: Attempt, within: float) -> ProbeResult:
        target = attempt.target
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
            credentials=attempt.credentials,
        )

    def _attempt(self, target: Target) -> Attempt | ProbeResult:
        """An attempt with all that it needs, or its result where something cannot be read."""
        found = self._read(target)
        states = tuple(_state(target, label, read) for label, read in found.items())
        proofs = _proofs(found)
        if isinstance(proofs, Unreadable):
            return self._unsent(target, _unreadable(proofs), states)
        return Attempt(
            target=target,
            request_id=self.new_id(),
            now=self.clock.time(),
            new_id=self.new_id,
            proof=proofs.get(target.credential.label) if target.credential else None,
            secrets={name: proof for name, proof in proofs.items() if isinstance(proof, Secret)},
            credentials=states,
        )

    def _read(self, target: Target) -> dict[str, Reading | Unreadable]:
        """Everything that a target proves itself by or presents, by the label of its series."""
        found = {name: self.read(source) for name, source in target.secrets}
        if target.credential is not None:
            found[target.credential.label] = fitting(target.credential, self.read(target.credential.source))
        return found

    def _unsent(self, target: Target, unsent: Unsent, states: tuple[CredentialState, ...] = ()) -> ProbeResult:
        return ProbeResult(
            target=target,
            started_at=self.clock.time(),
            duration=0.0,
            outcome=_failed(unsent),
            evidence=Evidence(endpoint=target.endpoint.url, request_id=self.new_id(), body=unsent.problem),
            exchange=Exchange(),
            credentials=states,
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
            send_at = self.clock.monotonic() + request.after
            if send_at >= deadline:
                return _Spoken(request, _TOO_SHORT, 0.0, send_at)
            await self.clock.sleep_until(send_at)
        began = self.clock.monotonic()
        if (kept := self._reused(request, began)) is not None:
            return replace(kept, request=request, seconds=0.0)
        received = await self.send(request, deadline - began)
        came = self.clock.monotonic()
        answer = evidence.masked(with_taken(received, request), request.secrets)
        return _Spoken(request, answer, came - began, came)

    def _keep(self, spoken: _Spoken) -> None:
        """Keeps the answer to what may be reused: the flow was content with it, so it is sound."""
        if spoken.request.reusable_for:
            self._reusable[_key(spoken.request)] = spoken

    def _reused(self, request: TokenRequest, now: float) -> _Spoken | None:
        """An answer that came to an earlier attempt, and is young enough for this request."""
        kept = self._reusable.get(_key(request))
        return kept if kept is not None and now - kept.at < request.reusable_for else None


def _telling(last: _Spoken, probed: Sequence[_Spoken], outcome: Outcome) -> _Spoken:
    """The exchange that tells why an attempt ended so: the last one probed, unless what only prepares it failed."""
    if probed and (outcome.failure is None or outcome.failure.fault.stage is Stage.TOKEN):
        return probed[-1]
    return last


def _unreadable(secret: Unreadable) -> Unsent:
    return Unsent(Category.LOCAL, Reason.SECRET_UNREADABLE, secret.problem)


def _unusable(state: Unreadable) -> Unsent:
    return Unsent(Category.LOCAL, Reason.STATE_UNUSABLE, state.problem)


def _failed(unsent: Unsent) -> Outcome:
    return Outcome.failed(unsent.category, Stage.LOCAL, unsent.reason)


def _proofs(found: Mapping[str, Reading | Unreadable]) -> dict[str, Proof] | Unreadable:
    """What was read by its label, or the first that could not be."""
    proofs = {}
    for label, read in found.items():
        if isinstance(read, Unreadable):
            return read
        proofs[label] = read.proof
    return proofs


def _state(target: Target, label: str, read: Reading | Unreadable) -> CredentialState:
    """What is known of a credential once it was read; of two ends, stated and a certificate's, the earlier."""
    stated = target.credential.expires if target.credential and target.credential.label == label else None
    if isinstance(read, Unreadable):
        return CredentialState(label, read.problem, stated)
    own = read.proof.expires if isinstance(read.proof, Certificate) else None
    return CredentialState(label, read.stale, min((end for end in (stated, own) if end is not None), default=None))


def disturb(result: ProbeResult) -> ProbeResult:
    """The result of an attempt during which the exporter itself stood still: a timeout is then nobody else's."""
    failure = result.outcome.failure
    timed_out = failure is not None and failure.category is Category.NETWORK and failure.fault.reason is Reason.TIMEOUT
    outcome = Outcome.failed(Category.LOCAL, Stage.LOCAL, Reason.LOOP_STALL) if timed_out else result.outcome
    return replace(result, outcome=outcome, disturbed=True)


def _key(request: TokenRequest) -> tuple[str, Path | None]:
    """What two requests must share for one answer to serve both: the URL, and whom the connection trusts."""
    return request.url, request.ca_file
