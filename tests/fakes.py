"""What tests put in the place of clocks, networks and configs."""

import asyncio
import heapq
from collections.abc import Iterable
from itertools import count

from exporter.clock import Clock
from exporter.model import (
    NEXT,
    Answer,
    Credential,
    InlineSecret,
    ProofSource,
    Reading,
    Secret,
    Target,
    TokenEndpoint,
    TokenRequest,
    TokenResponse,
    Unreadable,
)
from exporter.probe import Prober, ReadProof, Send
from exporter.state import Keeper

SECRET = "canary-Zq7+/=&secret"
NEXT_SECRET = "canary-next-secret"


class FakeClock:
    """Time that moves only when the test says so; wall and monotonic clock can be set apart."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.now = 1000.0
        self.wall_offset = wall - self.now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now + self.wall_offset

    async def sleep_until(self, when: float) -> None:
        if when > self.now:
            woken = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (when, next(self._order), woken))
            await woken

    async def advance(self, seconds: float) -> None:
        """Moves time on, waking every sleeper at its moment."""
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            when, _, woken = heapq.heappop(self._sleepers)
            self.now = max(self.now, when)
            if not woken.done():
                woken.set_result(None)
            await settle()
        self.now = end
        await settle()

    async def jump(self, seconds: float) -> None:
        """Moves time on at once, as after a suspend: whoever slept wakes late."""
        self.now += seconds
        await self.advance(0)


async def settle() -> None:
    """Lets every task run until all of them wait for something."""
    for _ in range(50):
        await asyncio.sleep(0)


def make_target(name: str = "contoso", **changes: object) -> Target:
    """A target with a secret, on Entra; anything can be changed."""
    values: dict[str, object] = {
        "name": name,
        "provider": "entra",
        "endpoint": TokenEndpoint("https://login.example/contoso/oauth2/v2.0/token"),
        "grant": "client_credentials",
        "interval": 30.0,
        "timeout": 10.0,
        "cloud": "public",
        "tenant": "contoso",
        "client_id": "client",
        "scope": "api://x/.default",
        "credential": Credential("client_secret_post", InlineSecret(Secret(SECRET))),
    }
    return Target(**(values | changes))  # type: ignore[arg-type]


def make_rotating_target(name: str = "contoso", **changes: object) -> Target:
    """A target whose secret shall be replaced by another."""
    following = Credential("client_secret_post", InlineSecret(Secret(NEXT_SECRET)), label=NEXT)
    return make_target(name, next_credential=following, **changes)


def token(**changes: object) -> TokenResponse:
    """A good token response."""
    body = b'{"token_type": "Bearer", "expires_in": 3599, "access_token": "aaa.bbb.ccc"}'
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return TokenResponse(**({"status": 200, "headers": headers, "body": body} | changes))  # type: ignore[arg-type]


def refusal(code: int, error: str, status: int = 400, **changes: object) -> TokenResponse:
    """An error answer in Entra's form."""
    body = (
        f'{{"error": "{error}", "error_codes": [{code}], "error_description": "AADSTS{code}: text", '
        '"trace_id": "00000000-0000-4000-8000-00000000000a", '
        '"correlation_id": "00000000-0000-4000-8000-00000000000b"}'
    ).encode()
    headers = {"content-type": "application/json"}
    return TokenResponse(**({"status": status, "headers": headers, "body": body} | changes))  # type: ignore[arg-type]


class ScriptedSend:
    """Answers requests out of a list, and keeps what was asked. The last answer goes on for ever."""

    def __init__(self, answers: Iterable[Answer], seconds: float = 0.0, clock: FakeClock | None = None) -> None:
        self._answers = list(answers)
        self._seconds = seconds
        self._clock = clock
        self.requests: list[TokenRequest] = []
        self.timeouts: list[float] = []

    async def __call__(self, request: TokenRequest, timeout: float) -> Answer:
        self.requests.append(request)
        self.timeouts.append(timeout)
        if self._clock is not None:
            self._clock.now += self._seconds
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def reveal(source: ProofSource) -> Reading | Unreadable:
    """Reads inline secrets only."""
    return Reading(source.secret) if isinstance(source, InlineSecret) else Unreadable("not inline")


def make_prober(send: Send, clock: Clock, read: ReadProof = reveal) -> Prober:
    """A prober whose request ids count up."""
    ids = count(1)
    return Prober(send=send, read=read, hold=Keeper(clock).hold, clock=clock, new_id=lambda: f"request-{next(ids)}")
