"""The exporter's own HTTP side, over a real socket."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes import FakeClock, ScriptedSend, make_prober, make_target, refusal
from servers import application
from webside import Behind

from exporter.web import make_app
from exporter.web.probe import scrape_timeout


@pytest.fixture
def behind() -> Behind:
    made = Behind()
    made.go_on.set()
    return made


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[aiohttp.ClientSession]:
    async with application(make_app(behind.ports(), max_requests=5)) as url, aiohttp.ClientSession(url) as session:
        yield session


async def test_metrics_come_in_the_form_asked_for(client: aiohttp.ClientSession) -> None:
    """Content type, Vary and compression agree with the body."""
    plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    fancy = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})

    assert plain.content_type == "text/plain"
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert await plain.read() == b"text\n"
    assert fancy.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert await fancy.read() == b"openmetrics\n"


async def test_metrics_come_in_pieces_and_their_length_before_them(
    client: aiohttp.ClientSession, behind: Behind
) -> None:
    """The length alone, where that is all that is asked for; and the connection goes on."""
    behind.text = b"first 1\nsecond 2\n"
    plain = {"Accept-Encoding": "identity"}
    for method, body in (("HEAD", b""), ("GET", behind.text), ("HEAD", b"")):
        answer = await client.request(method, "/metrics", headers=plain)

        assert answer.headers["Content-Length"] == "17"
        assert await answer.read() == body


async def test_metrics_are_compressed_for_who_takes_gzip(behind: Behind) -> None:
    """As Prometheus does."""
    async with (
        application(make_app(behind.ports())) as url,
        aiohttp.ClientSession(url, auto_decompress=False) as session,
    ):
        answer = await session.get("/metrics", headers={"Accept-Encoding": "gzip"})

        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await answer.read()) == b"text\n"


@pytest.mark.fault(79)
async def test_simultaneous_scrapers_share_one_rendering(client: aiohttp.ClientSession, behind: Behind) -> None:
    """Those who come while one is under way wait for it; the event loop goes on meanwhile."""
    behind.go_on.clear()
    scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(4)]
    for _ in scrapes:
        # Each of these goes round the server once, after the scrapes that were sent before it.
        await (await client.get("/-/healthy")).read()
    behind.go_on.set()
    answers = [await (await scrape).read() for scrape in scrapes]

    assert answers == [b"text\n"] * 4
    assert behind.renders == 1


async def test_a_failed_probe_is_an_answer(client: aiohttp.ClientSession, behind: Behind) -> None:
    """HTTP 200 with probe_success 0, within the scrape's timeout less half a second."""
    answer = await client.get("/probe?target=contoso", headers={"X-Prometheus-Scrape-Timeout-Seconds": "5"})

    assert answer.status == 200
    assert await answer.text() == "probe_success 0\n"
    assert behind.asked == [("contoso", 4.5)]


async def test_debug_shows_the_conversation(client: aiohttp.ClientSession) -> None:
    """And the metrics after it, as plain text."""
    answer = await client.get("/probe?target=contoso&debug=true")

    assert answer.content_type == "text/plain"
    text = await answer.text()
    assert text.startswith("POST https://login\n")
    assert text.endswith("probe_success 0\n")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?target=", 400),
        ("?target=contoso&target=other", 400),
        ("?target=stranger", 404),
        ("?target=https://evil.example/", 404),
        ("?target=%3Cscript%3E", 404),
    ],
)
async def test_only_targets_of_the_config_are_probed(client: aiohttp.ClientSession, query: str, status: int) -> None:
    """A URL is no target, and what was asked for is not repeated."""
    answer = await client.get(f"/probe{query}")

    assert answer.status == status
    assert "evil" not in await answer.text()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("10", 9.5), ("0.55", 0.1), ("0", None), ("-1", None), ("", None), ("soon", None), ("nan", None), ("inf", None)],
)
def test_the_scrape_timeout_bounds_a_probe(header: str, seconds: float | None) -> None:
    """Half a second is left for the answer; what makes no sense bounds nothing."""
    assert scrape_timeout(header) == seconds


@pytest.mark.fault(84)
async def test_health_and_readiness(client: aiohttp.ClientSession, behind: Behind) -> None:
    """A stopping exporter is healthy and not ready."""
    assert (await client.get("/-/healthy")).status == 200
    assert (await client.get("/-/ready")).status == 200
    behind.is_ready = False
    assert (await client.get("/-/healthy")).status == 200
    assert (await client.get("/-/ready")).status == 503


async def test_the_config_is_shown_as_plain_text(client: aiohttp.ClientSession) -> None:
    """Masked before it gets here."""
    answer = await client.get("/config")

    assert answer.content_type == "text/plain"
    assert await answer.text() == "targets: <secret>\n"


@pytest.mark.fault(78)
async def test_more_requests_than_the_limit_are_turned_away(client: aiohttp.ClientSession, behind: Behind) -> None:
    """They get 503 at once; health and other paths are not affected."""
    behind.go_on.clear()
    scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(6)]
    done, _ = await asyncio.wait(scrapes, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert (await client.get("/-/healthy")).status == 200
    assert (await client.get("/probe?target=contoso")).status == 200
    behind.go_on.set()
    statuses = sorted([(await scrape).status for scrape in scrapes])

    assert len(done) == 1
    assert statuses == [200] * 5 + [503]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/metrics", 405), ("GET", "/nowhere", 404)])
async def test_other_paths_and_methods_are_refused(
    client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    """With the same security headers as everything else."""
    answer = await client.request(method, path)

    assert answer.status == status
    assert "Content-Security-Policy" in answer.headers


HOSTILE = "<script>alert(1)</script>"


async def test_failures_are_listed_and_shown(client: aiohttp.ClientSession, behind: Behind) -> None:
    """Newest first, with links to each, to its code and to the evidence."""
    answer = refusal(50000, "server_error", 500)
    hostile = refusal(50000, "server_error", 500, body=answer.body.replace(b"text", HOSTILE.encode()))
    prober = make_prober(ScriptedSend([hostile]), FakeClock())
    behind.history.record(await prober.probe(make_target(HOSTILE)))

    listed = await (await client.get("/failures")).text()
    shown = await (await client.get("/failures/1")).text()

    assert 'href="/failures/1"' in listed
    assert 'href="/codes/AADSTS50000"' in listed
    assert "00000000-0000-4000-8000-00000000000a" in shown
    for text in (listed, shown):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
    assert (await client.get("/failures/2")).status == 404
    assert (await client.get("/failures/x")).status == 404


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", 2),
        ("orders", 1),
        ("aadsts50000", 2),
        ("00000000-0000-4000-8000-00000000000A", 2),
        ("request-2", 1),
        (" provider ", 2),
        ("nowhere", 0),
    ],
)
async def test_failures_are_looked_for(client: aiohttp.ClientSession, behind: Behind, wanted: str, found: int) -> None:
    """By what a ticket, an alert or a trace names; so an exemplar in Grafana leads to its failure."""
    prober = make_prober(ScriptedSend([refusal(50000, "server_error", 500)]), FakeClock())
    for name in ("contoso-graph", "contoso-orders"):
        behind.history.record(await prober.probe(make_target(name)))

    text = await (await client.get("/failures", params={"q": wanted})).text()

    assert text.count('<a href="/failures/') == found


async def test_nothing_failed_is_a_page_too(client: aiohttp.ClientSession) -> None:
    """It says so."""
    assert "No failure is kept" in await (await client.get("/failures")).text()


@pytest.mark.parametrize(
    ("query", "asked", "content_type"),
    [
        ("", ("", "", 3600.0), "text/plain"),
        ("?code=AADSTS50000&since=30m", ("AADSTS50000", "", 1800.0), "text/plain"),
        ("?code=50000&target=contoso&format=json", ("AADSTS50000", "contoso", 3600.0), "application/json"),
        ("?format=csv&since=1d", ("", "", 86400.0), "text/csv"),
        ("?code=aadsts99999", ("AADSTS99999", "", 3600.0), "text/plain"),
        ("?code=invalid_client", ("invalid_client", "", 3600.0), "text/plain"),
    ],
)
async def test_evidence_comes_in_three_forms(
    client: aiohttp.ClientSession, behind: Behind, query: str, asked: tuple[str, str, float], content_type: str
) -> None:
    """By code, with or without its prefix, by target, and since when."""
    answer = await client.get(f"/evidence{query}")

    assert (answer.status, answer.content_type) == (200, content_type)
    assert behind.tickets == [asked]


@pytest.mark.parametrize("query", ["?format=xml", "?since=yesterday", "?since=0s", "?since=-1h", "?since=800000d"])
async def test_evidence_refuses_what_makes_no_sense(client: aiohttp.ClientSession, query: str) -> None:
    """With a sentence that says what to write."""
    answer = await client.get(f"/evidence{query}")

    assert answer.status == 400
    assert "must be" in await answer.text()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?target=nope", "no target of this name is probed on schedule here"),
        ("?code=FOO", "such as AADSTS50000"),
        ("?code=AADSTS", "such as AADSTS50000"),
        ("?code=FOO&target=contoso&format=json", "such as AADSTS50000"),
    ],
)
async def test_evidence_of_what_nobody_knows_is_no_empty_ticket(
    client: aiohttp.ClientSession, behind: Behind, query: str, says: str
) -> None:
    """Which would read as if nothing had failed."""
    answer = await client.get(f"/evidence{query}")

    assert answer.status == 404
    assert says in await answer.text()
    assert behind.tickets == []


async def test_evidence_of_an_error_value_that_a_provider_made_up(
    client: aiohttp.ClientSession, behind: Behind
) -> None:
    """It is known by having been seen."""
    made_up = refusal(0, "realm_asleep", body=b'{"error": "realm_asleep"}')
    behind.history.record(await make_prober(ScriptedSend([made_up]), FakeClock()).probe(make_target()))

    seen = await client.get("/evidence?code=realm_asleep&format=json")

    assert (await seen.json())["failures"] == 1
    assert (await client.get("/evidence?code=realm_awake")).status == 404


async def test_an_exporter_without_a_schedule_does_not_say_that_nothing_fails(client: aiohttp.ClientSession) -> None:
    """Nor that the config has no target: it knows neither."""
    overview = await (await client.get("/")).text()
    target = await client.get("/targets/contoso")

    assert "nothing is probed on schedule" in overview
    assert "--no-schedule" in overview
    assert "nothing fails" not in overview
    assert (target.status, "probed on schedule here" in await target.text()) == (404, True)


async def test_a_code_has_a_page(client: aiohttp.ClientSession) -> None:
    """Name, meaning, side, what to do; also for OAuth errors, codes split off, codes that nobody knows and faults."""
    known = await (await client.get("/codes/AADSTS50000")).text()
    error = await (await client.get("/codes/invalid_client")).text()
    split = await (await client.get("/codes/AADSTS5000042")).text()
    unknown = await (await client.get("/codes/AADSTS99999")).text()
    fault = await (await client.get("/codes/secret_unreadable")).text()

    assert "TokenIssuanceError" in known
    assert "service_fault" in known
    assert "credential_invalid" in error
    assert "it splits AADSTS50000" in split
    assert "does not know this code" in unknown
    assert "local/secret_unreadable" in fault
    assert "Run aadsts-exporter check" in fault
    assert (await client.get("/codes/bogus")).status == 404


async def test_a_drill_begins(client: aiohttp.ClientSession, behind: Behind) -> None:
    """With the code and for the time asked for, or for three minutes."""
    for query in ("code=AADSTS50000&for=90s", "code=AADSTS90033"):
        assert (await client.post(f"/-/drill?{query}")).status == 200

    assert behind.drills == [("AADSTS50000", 90.0), ("AADSTS90033", 180.0)]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "code must be an AADSTS code"),
        ("code=50000", "code must be an AADSTS code"),
        ("code=AADSTS1", "code must be an AADSTS code"),
        ("code=invalid_client", "code must be an AADSTS code"),
        ("code=AADSTS50000&for=", "for must be a duration"),
        ("code=AADSTS50000&for=3", "for must be a duration"),
        ("code=AADSTS50000&for=61m", "for must be at most 1h"),
    ],
)
async def test_a_drill_that_makes_no_sense_is_refused(
    client: aiohttp.ClientSession, behind: Behind, query: str, says: str
) -> None:
    """And says why."""
    answer = await client.post(f"/-/drill?{query}")

    assert answer.status == 400
    assert (await answer.text()).startswith(says)
    assert behind.drills == []


async def test_a_drill_is_not_begun_from_a_browser(client: aiohttp.ClientSession, behind: Behind) -> None:
    """A page that somebody opens must not page anybody; nor does a link."""
    posted = await client.post("/-/drill?code=AADSTS50000", headers={"Origin": "https://evil.example"})
    linked = await client.get("/-/drill?code=AADSTS50000")

    assert (posted.status, linked.status) == (403, 405)
    assert behind.drills == []


async def test_drills_are_off_by_default(behind: Behind) -> None:
    """The answer says how to turn them on."""
    behind.drills_on = False
    async with application(make_app(behind.ports())) as url, aiohttp.ClientSession(url) as session:
        answer = await session.post("/-/drill?code=AADSTS50000")

        assert answer.status == 403
        assert "--web.enable-drills" in await answer.text()
