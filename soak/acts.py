"""Does what the plan says."""

import asyncio
import math
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
from wirerows import CASES

from soak.figures import Faults, Span
from soak.plan import Act, Action, chosen
from soak.process import Served
from soak.scraper import ODD_REQUESTS, Scraper
from soak.targets import CANARY, SLOTS
from soak.world import World

Tell = Callable[[str], None]
"""Takes up, in words, what does not hold."""

Look = Callable[[str, bytes], None]
"""Looks at what a sink shows."""

_SPOILS: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("grant:", f"gr{CANARY}ant:", 1),
    lambda text: f"{text}\n  {CANARY}: [\n",
    lambda text: text.replace("client_secret:", f"client_secret: {CANARY}\n    client_secret:", 1),
    lambda text: text.replace("interval: 3s", "interval: NO"),
    lambda text: text.replace("timeout: 2500ms", "timeout: 1h"),
    lambda text: text.replace("provider: oidc", f"provider: {CANARY}"),
    lambda _text: "",
    lambda _text: f"\x00{CANARY}",
)
"""Ways to spoil a config, some with a secret where none belongs."""

_DESCRIPTORS_LEFT = 2
_AT_ONCE = 8
"""Scrapers that abort at the same time."""

AFTERMATH = 6.0
"""Seconds after which nobody feels any more that there were no descriptors: connections were dropped, and wait."""

LATE = 0.5
"""Seconds after which an attempt has told that there were no descriptors."""


class Acts:
    """Does to an exporter what an action says; what lasts goes on in the background."""

    def __init__(
        self, world: World, served: Served, scraper: Scraper, tell: Tell, look: Look, late: Sequence[Span]
    ) -> None:
        self._world = world
        self._served = served
        self._scraper = scraper
        self._tell = tell
        self._look = look
        self._late = late
        self._away: set[str] = set()
        self._config = asyncio.Lock()
        self._starved: list[Span] = []
        self._ways: Mapping[Act, Callable[[Action], Awaitable[None]]] = {
            Act.TRADE: self._trade,
            Act.LEAVE: self._leave,
            Act.SPOIL: self._spoil,
            Act.RENAME: self._rename,
            Act.LINK: self._link,
            Act.VANISH: self._vanish,
            Act.SILENCE: self._silence,
            Act.STOP: self._stop,
            Act.STARVE: self._starve,
            Act.LINGER: self._linger,
            Act.ABORT: self._abort,
            Act.ODD: self._ask_oddly,
            Act.PROBE: self._probe,
        }

    async def do(self, action: Action) -> None:
        """Does one thing, to its end, and says if that cannot be done."""
        try:
            await self._ways[action.act](action)
        except (aiohttp.ClientError, OSError, TimeoutError, AssertionError) as error:
            if not self.is_starved:
                self._tell(f"{action.act} cannot be done: {type(error).__name__} {error}")

    @property
    def faults(self) -> Faults:
        """When the machine was at fault so far."""
        return Faults(self._starved, self._late)

    @property
    def is_starved(self) -> bool:
        """Whether there are, or were of late, no descriptors."""
        return any(begin <= time.time() <= end + AFTERMATH for begin, end in self._starved)

    # --- The config

    async def _trade(self, action: Action) -> None:
        number, case = action.choice % SLOTS, chosen(CASES, action.choice // SLOTS)
        async with self._config, self._world.empty(number):
            await self._world.fill(number, case)
            await self._take_up(action)

    async def _leave(self, action: Action) -> None:
        async with self._config, self._world.empty(action.choice % SLOTS):
            await self._take_up(action)

    async def _take_up(self, action: Action) -> None:
        self._world.write_config()
        if action.choice % 3 == 0:
            self._served.send(signal.SIGHUP)
        else:
            await self.reload()

    async def reload(self) -> None:
        """Has the config read as it is now written, and says if that fails."""
        status, said = await self._scraper.reload()
        self._look("a reload", said)
        if status != HTTPStatus.OK and not self.is_starved:
            self._tell(f"a good config was refused: {said.decode()}")

    async def _spoil(self, action: Action) -> None:
        async with self._config:
            self._world.write_config(chosen(_SPOILS, action.choice))
            try:
                status, said = await self._scraper.reload()
                self._look("a refused reload", said)
                if status != HTTPStatus.INTERNAL_SERVER_ERROR:
                    self._tell(f"a bad config was taken: {status}")
                await self._check()
            finally:
                self._world.write_config()
            await self.reload()

    # --- Files

    async def _rename(self, _action: Action) -> None:
        self._world.rename()

    async def _link(self, _action: Action) -> None:
        self._world.link()

    async def _vanish(self, action: Action) -> None:
        name = chosen(tuple(self._world.vanishing), action.choice)
        async with self._once(name) as first:
            if first:
                self._world.vanish(name)
                await asyncio.sleep(action.lasts)
                self._world.bring_back(name)

    # --- The machine

    async def _silence(self, action: Action) -> None:
        async with self._once("name server") as first:
            if first:
                self._world.providers.moody.silent = True
                await asyncio.sleep(action.lasts)
                self._world.providers.moody.silent = False

    async def _stop(self, action: Action) -> None:
        self._served.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(action.lasts)
        finally:
            self._served.send(signal.SIGCONT)

    async def _starve(self, action: Action) -> None:
        async with self._once("descriptors") as first:
            if not first:
                return
            begun = time.time()
            self._starved.append((begun, math.inf))
            self._served.limit_descriptors(_DESCRIPTORS_LEFT)
            try:
                await asyncio.sleep(action.lasts)
            finally:
                self._served.limit_descriptors(None)
                self._starved[-1] = (begun, time.time() + LATE)

    # --- Readers

    async def _linger(self, action: Action) -> None:
        await self._scraper.linger(action.lasts)

    async def _abort(self, _action: Action) -> None:
        await asyncio.gather(*(self._scraper.abort() for _ in range(_AT_ONCE)))

    async def _ask_oddly(self, action: Action) -> None:
        request = chosen(ODD_REQUESTS, action.choice)
        said = await self._scraper.ask_oddly(request)
        self._look("the answer to an odd request", said)
        if said.split(b" ", 2)[1:2] == [b"500"]:
            self._tell(f"an odd request fails: {request[:60]!r}")

    async def _probe(self, action: Action) -> None:
        name = chosen(tuple(self._world.entries()), action.choice)
        self._look("/probe", await self._scraper.get(f"/probe?target={name}&debug=true"))

    async def _check(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "exporter",
            "check",
            f"--config.file={self._world.config}",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        self._look("check", said)

    @asynccontextmanager
    async def _once(self, what: str) -> AsyncIterator[bool]:
        """Whether this is not under way already."""
        if what in self._away:
            yield False
            return
        self._away.add(what)
        try:
            yield True
        finally:
            self._away.discard(what)
