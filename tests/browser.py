"""A real Chromium without a window, driven over its DevTools protocol."""

import asyncio
import base64
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp
from tools import require_tool

PATIENCE = 30.0
_FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Page:
    """One tab. `events` are what it told of, in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self._told = asyncio.Condition()

    async def listen(self) -> None:
        """Takes in what the browser says, until it hangs up."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
                continue
            self.events.append(said)
            async with self._told:
                self._told.notify_all()

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Calls a method of the protocol. Raises RuntimeError with what the browser says of a wrong call."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        said = await asyncio.wait_for(answer, PATIENCE)
        if "error" in said:
            raise RuntimeError(said["error"]["message"])
        result: dict[str, Any] = said["result"]
        return result

    async def until(self, method: str, after: int) -> None:
        """Waits for an event that comes after so many others."""
        async with asyncio.timeout(PATIENCE), self._told:
            await self._told.wait_for(lambda: any(event["method"] == method for event in self.events[after:]))

    async def open(self, url: str) -> None:
        """Goes to a page and waits until it is loaded."""
        seen = len(self.events)
        await self.call("Page.navigate", url=url)
        await self.until("Page.loadEventFired", seen)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, a promise's included."""
        said = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """Gives the page another size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )

    async def prefer(self, scheme: str) -> None:
        """Prefers light or dark."""
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        """The page as a PNG, as large as it is."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def browser_page() -> AsyncIterator[Page]:
    """An empty page of a Chromium of its own, while the block runs."""
    program = require_tool("chromium", "chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                address = await _address(process)
            async with aiohttp.ClientSession(f"http://{address}") as session, _connected(session) as page:
                yield page
        finally:
            process.kill()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = b""
    while line := await process.stderr.readline():
        said += line
        if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
            return found[1].decode()
    raise AssertionError(f"Chromium did not start: {said.decode()}")


@asynccontextmanager
async def _connected(session: aiohttp.ClientSession) -> AsyncIterator[Page]:
    async with session.get("/json/list") as answer:
        (tab,) = (tab for tab in await answer.json() if tab["type"] == "page")
    async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
        page = Page(socket)
        listening = asyncio.create_task(page.listen())
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.call(f"{domain}.enable")
            yield page
        finally:
            listening.cancel()
            await asyncio.wait([listening])
