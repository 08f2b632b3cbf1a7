"""The status page in a real Chromium, over an exporter whose provider answers what it likes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from browser import Page, browser_page
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal, token
from processes import ROOT
from servers import application

from exporter.answers import Answers
from exporter.catalogue import Reason, Stage
from exporter.exporter import Exporter
from exporter.model import Answer, Config, Fault, TokenEndpoint, TokenRequest, TokenResponse, TransportFailure
from exporter.web import make_app

PAYLOADS = (
    "<script>pwned()</script>",
    "</script><script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    '"><svg onload=pwned()>',
    "'><svg/onload=pwned()>",
    "javascript:pwned()",
    "</title><script>pwned()</script>",
    "</pre></main><iframe srcdoc='<script>parent.pwned()</script>'>",
    "{{ 7*191 }}{% raw %}",
    "<!--<script>pwned()//-->",
    "<a href=javascript:pwned()>x</a>",
    "<details open ontoggle=pwned()>",
    "<style>@import '//evil.example'</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "\u202e\u2066<script>pwned()</script>",
    "&lt;script&gt;pwned()&lt;/script&gt;",
    "+ADw-script+AD4-pwned()+ADw-/script+AD4-",
    "\\u003cscript\\u003epwned()\\u003c/script\\u003e",
    "]]><script>pwned()</script>",
)


INTERVAL = 30.0
RESET = TransportFailure(fault=Fault(Stage.HEADERS, Reason.RESET))

CONTRASTS = (ROOT / "tests/contrast.js").read_text()


def hostile(payload: str) -> TokenResponse:
    """An answer that has a payload wherever a provider may write."""
    body = {
        "error": payload,
        "error_description": f"AADSTS50000: {payload}",
        "error_codes": [50000],
        "suberror": payload,
        "trace_id": payload,
        "correlation_id": payload,
        "timestamp": payload,
        "error_uri": payload,
    }
    plain = payload.encode("ascii", "ignore").decode()
    headers = {"content-type": "application/json", "x-ms-request-id": plain, "x-ms-ests-server": plain, "date": plain}
    return TokenResponse(status=500, headers=headers, body=json.dumps(body).encode())


@dataclass
class Running:
    """An exporter whose time the test moves on."""

    url: str
    clock: FakeClock
    exporter: Exporter


@asynccontextmanager
async def exporter_of(answers: Mapping[str, Sequence[Answer]], **changes: object) -> AsyncIterator[Running]:
    """An exporter with a target for each name, which gets these answers; and its pages, while the block runs."""
    clock = FakeClock()
    targets = [
        make_target(name, endpoint=TokenEndpoint(f"https://login.example/{number}"), confirmations=0, **changes)
        for number, name in enumerate(answers)
    ]
    sends = [ScriptedSend(listed) for listed in answers.values()]

    async def send(request: TokenRequest, timeout: float) -> Answer:
        return await sends[int(request.url.rpartition("/")[2])](request, timeout)

    exporter = Exporter(Config(targets=tuple(targets), concurrency=10), make_prober(send, clock), clock)
    task = asyncio.create_task(exporter.run())
    try:
        async with application(make_app(Answers(exporter, clock).ports(drills=False))) as url:
            await clock.advance(INTERVAL)
            yield Running(url, clock, exporter)
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser_page() as made:
        yield made


INCIDENT = {
    "orders": [token()],
    "graph": [token(), refusal(50000, "server_error", 500)],
    "payroll": [refusal(7000222, "invalid_client", 401)],
}


def complaints(page: Page) -> list[str]:
    """What the browser complained of: errors on the console, violations of the policy, exceptions."""
    said = []
    for event in page.events:
        if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in {"error", "warning"}:
            said.append(event["params"]["entry"]["text"])
        if event["method"] in {"Runtime.exceptionThrown", "Page.javascriptDialogOpening"}:
            said.append(event["method"])
    return said


@pytest.mark.fault(72)
async def test_no_text_of_a_provider_runs(page: Page) -> None:
    """Wherever it is shown: names of targets, descriptions, ids, headers, bodies; no page has an element of it."""
    # No config lets a name hold any of this, and no path a slash or brace.
    names = [re.sub("[/{}]", "|", f"{number} {payload}") for number, payload in enumerate(PAYLOADS)]
    answers = {name: [hostile(payload)] for name, payload in zip(names, PAYLOADS, strict=True)}
    async with exporter_of(answers, tenant=PAYLOADS[0], client_id=PAYLOADS[3], scope=PAYLOADS[5]) as running:
        await page.call("Page.addScriptToEvaluateOnNewDocument", source="window.pwned = () => { window.ran = true; };")
        targets = [f"/targets/{quote(name, safe='')}" for name in answers]
        failures = [f"/failures/{number}" for number in range(1, len(PAYLOADS) + 1)]
        searches = [f"{path}?q={quote(payload)}" for path in ("/", "/failures") for payload in PAYLOADS]
        for path in ("/", "/failures", *targets, *failures, *searches):
            await page.open(running.url + path)

            assert await page.evaluate("window.ran") is None, path
            assert await page.evaluate("location.pathname + location.search") == path
            elements = "script, style, iframe, base, img, meta[http-equiv], [onload], [onerror], [href^='javascript:']"
            found = await page.evaluate(f"[...document.querySelectorAll(`{elements}`)].map(e => e.outerHTML)")
            assert [html for html in found if html != '<script src="/refresh.js" defer=""></script>'] == [], path
        assert complaints(page) == []
    requests = [
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert {urlsplit(url).hostname for url in requests} == {"127.0.0.1"}


async def test_the_page_says_what_is_wrong_and_whose_side_it_is_on(page: Page) -> None:
    """In words first; then the targets, those of the provider's side first."""
    async with exporter_of(INCIDENT) as running:
        await running.clock.advance(INTERVAL)
        await page.open(running.url)

        assert "failing for 1 of 3 targets since" in await page.evaluate("document.querySelector('.service').innerText")
        rows = await page.evaluate(
            "[...document.querySelectorAll('.targets tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
        )
        assert [[cell.split("\n")[0] for cell in row[:4]] for row in rows] == [
            ["failing", "graph", "AADSTS50000 TokenIssuanceError", "provider"],
            ["failing", "payroll", "AADSTS7000222 InvalidClientSecretExpiredKeysProvided", "client"],
            ["ok", "orders", "", ""],
        ]
        assert await page.evaluate("document.title") == "2 failing · aadsts-exporter"


async def test_every_link_leads_somewhere(page: Page) -> None:
    """Of the status page, and of the pages of a target that fails and one that does not."""
    async with exporter_of(INCIDENT) as running, aiohttp.ClientSession() as session:
        await running.clock.advance(INTERVAL)
        links: set[str] = set()
        for path in ("/", "/targets/graph", "/targets/orders"):
            await page.open(running.url + path)
            links |= set(await page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)"))
        for link in sorted(links):
            async with session.get(link) as answer:
                assert answer.status == HTTPStatus.OK, link
        async with session.get(f"{running.url}/targets/nobody") as answer:
            assert answer.status == HTTPStatus.NOT_FOUND


async def test_the_page_shows_itself_anew(page: Page) -> None:
    """And says so when the exporter no longer answers."""
    async with exporter_of({"graph": [token(), refusal(50000, "server_error", 500)]}) as running:
        await page.open(running.url)
        assert await page.evaluate("document.querySelector('.service').innerText") == (
            "Entra public cloud: issuing tokens; none of 1 target failing"
        )
        await running.clock.advance(INTERVAL)
        await page.evaluate("refresh()")
        assert "issuing no tokens since" in await page.evaluate("document.querySelector('.service').innerText")
        assert await page.evaluate("document.getElementById('note').hidden") is True
    await page.evaluate("refresh()")
    assert await page.evaluate("document.getElementById('note').checkVisibility()") is True


async def test_the_page_works_without_javascript(page: Page) -> None:
    """It says the same, and the browser loads it anew by itself."""
    await page.call("Emulation.setScriptExecutionDisabled", value=True)
    async with exporter_of(INCIDENT) as running:
        await page.open(running.url)

        tree = json.dumps(await page.call("DOM.getDocument", depth=-1))
    assert "contoso" in tree
    assert '"http-equiv", "refresh", "content", "30"' in tree


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_is_written_can_be_read(page: Page, scheme: str) -> None:
    """Of every text the contrast to its background is at least 4.5 to 1 (WCAG 2.2 criterion 1.4.3)."""
    await page.prefer(scheme)
    async with exporter_of(INCIDENT | {"t": [refusal(53003, "access_denied")], "n": [RESET]}) as running:
        await running.clock.advance(INTERVAL)
        for path in ("/", "/targets/graph", "/targets/orders", "/failures", "/codes/AADSTS50000"):
            await page.open(running.url + path)

            assert await page.evaluate(f"({CONTRASTS})()") == [], path


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
async def test_the_page_fits_its_window(page: Page, width: int) -> None:
    """Nothing hangs over at the side, down to a small phone's width."""
    await page.resize(width, 800, phone=True)
    names = {"a-rather-long-name-of-a-target-that-somebody-thought-was-a-good-idea": [token()]}
    async with exporter_of(INCIDENT | names, tenant="11111111-2222-3333-4444-555555555555") as running:
        await running.clock.advance(INTERVAL)
        for path in ("/", "/targets/graph"):
            await page.open(running.url + path)

            assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_thousand_targets_stay_usable(page: Page) -> None:
    """Two hundred on a page, the failing ones first, any found by its name."""
    many = {f"target-{number:04}": [token()] for number in range(999)} | {
        "zebra": [refusal(50000, "server_error", 500)]
    }
    async with exporter_of(many) as running:
        await page.open(running.url)

        first = "document.querySelector('.targets tbody tr .name').innerText"
        rows = "document.querySelectorAll('.targets tbody tr').length"
        assert "zebra" in await page.evaluate(first)
        assert await page.evaluate(rows) == 200
        assert await page.evaluate("document.querySelector('.pager').innerText") == "page 1 of 5 next →"
        await page.open(f"{running.url}/?page=5")
        assert "target-0998" in await page.evaluate("document.querySelector('.targets').innerText")
        await page.open(f"{running.url}/?q=0777")
        assert await page.evaluate(rows) == 1
        assert "1 of 1000 targets shown" in await page.evaluate("document.querySelector('.counts').innerText")
