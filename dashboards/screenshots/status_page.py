"""Takes pictures of the exporter's own pages: an exporter has probed for an hour of made-up time, healthy or not."""

# ruff: noqa: INP001 - a script beside the dashboards, not a package

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from browser import Page, browser_page
from fakes import FakeClock, make_prober, make_target, refusal, token
from servers import application

from exporter.answers import Answers
from exporter.catalogue import Phase
from exporter.exporter import Exporter
from exporter.model import Answer, Config, Exchange, TokenEndpoint, TokenRequest, TokenResponse
from exporter.web import make_app

IMAGES = Path(__file__).parents[2] / "docs/images"
INTERVAL = 15.0
HOUR = 3600.0
BEGUN = 1_795_575_600.0
"""Unix time at which the pictures' exporter was started."""

WIDTH, HEIGHT = 1280, 720

TENANTS = {"contoso": ("graph", "orders", "payroll"), "fabrikam": ("graph", "shop"), "northwind": ("graph", "billing")}
EXPIRED = refusal(7000222, "invalid_client", 401)
FAULT = refusal(50000, "server_error", 500)
BUSY = refusal(90033, "temporarily_unavailable", 503)

OUTAGE = {"contoso-graph": (2640.0, 0.95), "contoso-orders": (2640.0, 0.9), "fabrikam-graph": (3120.0, 0.35)}
"""From which second, and with which share of failures."""


PHASES = {
    Phase.RESOLVE: (0.001, 0.004),
    Phase.CONNECT: (0.012, 0.02),
    Phase.TLS: (0.025, 0.05),
    Phase.PROCESSING: (0.05, 0.3),
    Phase.TRANSFER: (0.0, 0.001),
}
"""How long each phase of an attempt takes: seconds, from and to."""


class _Provider:
    """Answers every target of a tenant with tokens, but for what goes wrong in an incident."""

    def __init__(self, clock: FakeClock, *, incident: bool) -> None:
        self._clock = clock
        self._random = Random(50000)  # noqa: S311 - pictures that are the same each time
        self._incident = incident

    async def send(self, request: TokenRequest, _timeout: float) -> Answer:
        name = request.url.rsplit("/", 1)[1]
        phases = {phase: self._random.uniform(*PHASES[phase]) for phase in Phase}
        self._clock.now += sum(phases.values())
        answer = self._answer(name, self._clock.time() - BEGUN) if self._incident else token()
        return replace(answer, exchange=Exchange(phases=phases, address="20.190.159.4"))

    def _answer(self, name: str, at: float) -> TokenResponse:
        begin, ratio = OUTAGE.get(name, (HOUR, 0.0))
        if at >= begin and self._random.random() < ratio:
            return FAULT
        if name == "northwind-billing" and at >= HOUR / 4:
            return EXPIRED
        if name == "contoso-payroll" and HOUR / 2 < at < HOUR / 2 + 90:
            return BUSY
        return token()


def _config() -> Config:
    targets = [
        make_target(
            f"{tenant}-{application}",
            tenant=f"{tenant}.onmicrosoft.com",
            endpoint=TokenEndpoint(f"https://login.microsoftonline.com/{tenant}-{application}"),
            interval=INTERVAL,
        )
        for tenant, applications in TENANTS.items()
        for application in applications
    ]
    return Config(targets=tuple(targets), concurrency=10)


async def _pictures(page: Page, wanted: Mapping[str, tuple[str, int, str]], *, incident: bool) -> None:
    clock = FakeClock(BEGUN)
    provider = _Provider(clock, incident=incident)
    prober = make_prober(provider.send, clock)
    exporter = Exporter(_config(), prober, clock)
    probing = asyncio.create_task(exporter.run())
    async with application(make_app(Answers(exporter, clock).ports(drills=False))) as url:
        await clock.advance(HOUR - 1)
        for name, (path, width, scheme) in wanted.items():
            await page.prefer(scheme)
            await page.resize(width, HEIGHT, phone=width < WIDTH)
            await page.open(url + path)
            (IMAGES / f"{name}.png").write_bytes(await page.picture())
            print(IMAGES / f"{name}.png")  # noqa: T201 - what a command prints is its result
    probing.cancel()
    await asyncio.wait([probing])


async def main() -> None:
    """Takes all of them."""
    IMAGES.mkdir(exist_ok=True)
    async with browser_page() as page:
        await _pictures(page, {"status-healthy": ("/", WIDTH, "light")}, incident=False)
        incident = {
            "status-incident": ("/", WIDTH, "light"),
            "status-incident-dark": ("/", WIDTH, "dark"),
            "status-phone": ("/", 390, "light"),
            "status-target": ("/targets/contoso-graph", WIDTH, "light"),
        }
        await _pictures(page, incident, incident=True)


if __name__ == "__main__":
    asyncio.run(main())
