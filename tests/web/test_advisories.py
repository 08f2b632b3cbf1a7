"""Advisories of neighbours: each exploit is tried on ourselves, over sockets, and fails.

Those of JWT libraries (CVE-2026-48526 and its like) are tried where tokens are verified, in interpret/test_tokens.py
and grants/test_token_check.py; here stands only that no vulnerable release may be installed.
"""

import asyncio
import json
import re
import tomllib
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from endpoints import ISSUED, answer_of, targets_on
from packaging.requirements import Requirement
from packaging.version import Version
from processes import ROOT
from pydantic import SecretStr
from servers import GOOD, Behaviour, answering, raw_server, read_request
from webside import Behind, basic, connected, get, hashed, protection, real_exporter, served

from exporter.config.schema import CredentialEntry, TargetEntry
from exporter.transport.connector import StagedConnector
from exporter.web import make_app

CANARY = "canary-Zq7-secret"


def config(port: int, *names: str) -> str:
    """A config of targets on this port of the loopback interface, each with a secret of its own."""
    entries = (targets_on(port, name, secret=f"{CANARY}-{name}") for name in names or ("contoso",))
    return json.dumps({"defaults": {"interval": "3s", "timeout": "2s"}, "targets": [each for (each,) in entries]})


class Witness:
    """A server that keeps what it is sent, and answers."""

    def __init__(self, answer: bytes = ISSUED) -> None:
        self.connections = 0
        self.heard: list[bytes] = []
        self._answer = answer

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heard.append(await read_request(reader))
        writer.write(self._answer)
        await writer.drain()


async def ask(port: int, path: str, *headers: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of one answer."""
    async with connected(port) as client:
        await client.say(get(path, *headers, method=method))
        return await client.answer()


async def series(port: int) -> set[str]:
    """The names and labels of everything in /metrics."""
    _, body = await ask(port, "/metrics")
    return {line.rpartition(" ")[0] for line in body.decode().splitlines() if not line.startswith("#")}


@asynccontextmanager
async def exporter_before(behaviour: Behaviour, *, scheduled: bool = False) -> AsyncIterator[int]:
    """An exporter with a target `contoso` whose endpoint behaves so; yields the exporter's port."""
    async with raw_server(behaviour) as endpoint, real_exporter(config(endpoint), scheduled=scheduled) as port:
        yield port


ADDRESSES = (
    "http://127.0.0.1:{port}/latest/meta-data/",
    "http://169.254.169.254/metadata/identity/oauth2/token",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "https://127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "localhost:{port}",
    "http://rebind.localhost:{port}/",
    "http://0x7f000001:{port}/",
    "http://2130706433:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://contoso@127.0.0.1:{port}/",
    "http://contoso:x@127.0.0.1:{port}/#contoso",
    "//127.0.0.1:{port}/",
    "contoso\r\nHost: 127.0.0.1:{port}",
    "contoso@127.0.0.1:{port}",
    "contoso/../http://127.0.0.1:{port}",
    "redis://127.0.0.1:{port}",
    "gopher://127.0.0.1:{port}/_x",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_probe_is_no_proxy(address: str) -> None:
    """CVE-2020-16248, CVE-2023-26735, blackbox_exporter #1639, postgres_exporter #1302: no URL is a target.

    (GHSA-8jrj-57gq-475g, GHSA-939c-3g97-vpvv.) Neither by address in any of its spellings, nor by a name that resolves
    to one, nor past a known name.
    """
    inside, endpoint = Witness(), Witness()
    async with (
        raw_server(inside) as inner,
        raw_server(endpoint) as known,
        real_exporter(config(known)) as port,
    ):
        status, body = await ask(port, "/probe?target=" + quote(address.format(port=inner)))

    assert status == 404
    assert (inside.connections, endpoint.connections) == (0, 0)
    assert b"root:" not in body


@pytest.mark.parametrize(
    "name",
    ["authority_host", "token_endpoint", "issuer", "host", "url", "module", "proxy", "client_secret_file", "ca_file"],
)
async def test_no_parameter_sends_a_secret_elsewhere(name: str) -> None:
    """redis_exporter #1104: the configured password goes to the configured host, whatever a scraper asks for."""
    attacker, endpoint = Witness(), Witness()
    async with (
        raw_server(attacker) as evil,
        raw_server(endpoint) as known,
        real_exporter(config(known)) as port,
    ):
        query = urlencode({"target": "contoso", name: f"http://127.0.0.1:{evil}"})
        _, shown = await ask(port, f"/probe?{query}&debug=true")

    assert (attacker.connections, endpoint.connections) == (0, 1)
    assert CANARY.encode() in endpoint.heard[0]
    assert CANARY.encode() not in shown


async def test_no_unix_socket_is_reached(tmp_path: Path) -> None:
    """redis_exporter #1115: `target=unix:///run/docker.sock` reaches nothing."""
    witness = Witness()
    server = await asyncio.start_unix_server(witness, tmp_path / "s")
    async with server, exporter_before(Witness()) as port:
        statuses = [
            (await ask(port, "/probe?target=" + quote(form.format(tmp_path / "s"), safe="")))[0]
            for form in ("unix://{}", "unix:{}", "{}", "http+unix://{}")
        ]

    assert statuses == [404] * 4
    assert witness.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"-ERR unknown\r\n*-1\r\n", id="another protocol"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 -1 \x00\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", id="odd status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
        pytest.param(answer_of(b"[" * 60000), id="deep"),
        pytest.param(answer_of(b'{"error": "\\ud800", "error_codes": [1e400]}', "400 Bad"), id="surrogate"),
        pytest.param(
            answer_of(b'{"error": {"a": 1}, "error_codes": "x", "error_description": 7}', "400 Bad"), id="types"
        ),
        pytest.param(answer_of(b'{"error_codes": [' + b"9" * 5000 + b"]}", "400 Bad"), id="long number"),
        pytest.param(answer_of(b"null"), id="null"),
        pytest.param(answer_of(b"\xff\xfe{\x00}\x00"), id="UTF-16"),
        pytest.param(answer_of(b'{"access_token": "' + b"a" * 60000 + b'"}'), id="long token"),
        pytest.param(answer_of(b'{"expires_in": NaN, "access_token": "a", "token_type": "Bearer"}'), id="NaN"),
        pytest.param(answer_of(GOOD, extra="Retry-After: " + "9" * 400 + "\r\n"), id="long wait"),
        pytest.param(answer_of(b"{}", extra="Date: Thu, 99 Foo 99999 99:99:99 GMT\r\n"), id="no date"),
    ],
)
async def test_a_malformed_reply_ends_one_attempt_only(answer: bytes) -> None:
    """redis_exporter #1115: one malformed reply made the whole exporter panic."""
    async with exporter_before(answering(answer)) as port:
        status, text = await ask(port, "/probe?target=contoso")
        after = [(await ask(port, path))[0] for path in ("/metrics", "/-/healthy", "/probe?target=contoso", "/")]

    assert status == 200
    assert re.search(rb"(?m)^probe_success [01]", text)
    assert after == [200] * 4


async def test_the_config_is_masked_for_every_target() -> None:
    """snmp_exporter #691: secrets of the first module only were masked."""
    async with raw_server(Witness()) as known, real_exporter(config(known, "a", "b", "c")) as port:
        _, shown = await ask(port, "/config")

    assert shown.count(b"client_secret: <secret>") == 3
    assert CANARY.encode() not in shown


def secrets_of(*models: Any) -> Iterable[tuple[Any, str]]:
    for model in models:
        for name, field in model.model_fields.items():
            if "SecretStr" in repr(field.annotation):
                yield model, name


@pytest.mark.parametrize(
    ("model", "name"),
    list(secrets_of(TargetEntry, CredentialEntry)),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_no_place_of_a_secret_is_shown(model: Any, name: str) -> None:
    """CVE-2026-42151 (GHSA-wg65-39gg-5wfj), GHSA-39j6-789q-qxvh: a client_secret was no secret to /config.

    This holds for every key that is declared one, also for those that are yet to come.
    """
    value: object = {"password": SecretStr(CANARY)} if name == "parameters" else SecretStr(CANARY)

    shown = model.model_construct(**{name: value}).model_dump_json(exclude_unset=True)

    assert name in shown
    assert CANARY not in shown


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "</textarea><svg onload=alert(1)>",
    "{{1331*1331}}",
)


@pytest.mark.fault(72)
async def test_no_text_of_a_provider_is_markup() -> None:
    """CVE-2026-40179, GHSA-fw8g-cg8f-9j28, CVE-2019-10215: stored XSS through what a scraped endpoint says.

    On no page, and in no label, from where it would reach Prometheus's own pages.
    """
    payload = "".join(HOSTILE)
    said = {"error": payload, "error_codes": [payload], "error_description": f"AADSTS50000: {payload}"}
    said |= {"trace_id": payload, "correlation_id": payload, "suberror": payload, "error_uri": payload}
    refusal = answer_of(json.dumps(said).encode(), "400 " + payload, extra=f"x-ms-request-id: {payload}\r\n")
    async with (
        exporter_before(answering(refusal), scheduled=True) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):

        async def page(path: str) -> str:
            return await (await session.get(path)).text()

        for _ in range(400):
            if "/failures/1" in await page("/failures"):
                break
            await asyncio.sleep(0.05)
        failure = await page("/failures/1")
        pages = [
            await page(path)
            for path in ("/", "/targets/contoso", "/failures", f"/failures?q={quote(payload)}", f"/?q={quote(payload)}")
        ]
        missing = [
            await page(path + quote(payload, safe=""))
            for path in ("/targets/", "/codes/", "/evidence?code=", "/evidence?target=", "/evidence?format=", "/")
        ]
        plain = [await session.get(path) for path in ("/probe?target=contoso&debug=true", "/evidence", "/config")]
        metrics = await page("/metrics") + await page("/probe?target=contoso")

    assert "&lt;script&gt;" in failure
    for text in (failure, *pages, *missing):
        assert not re.search(r"<script>|<img|<svg onload|1771561|href=.javascript:", text), text
    assert {(answer.content_type, answer.headers["X-Content-Type-Options"]) for answer in plain} == {
        ("text/plain", "nosniff")
    }
    assert "token_probe_errors_total{" in metrics
    assert "alert(1)" not in metrics


def bomb() -> bytes:
    """200 KB that unpack to 200 MB, made without ever holding these."""
    made = zlib.compressobj(9, wbits=31)
    return b"".join(made.compress(bytes(1 << 20)) for _ in range(200)) + made.flush()


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """The most bytes that Python held at once during the test."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


async def test_a_bomb_from_a_provider_does_not_go_off(peak: Callable[[], int]) -> None:
    """CVE-2026-42154 (GHSA-8rm2-7qqf-34qm): what unpacks to 60 MB is never unpacked."""
    async with exporter_before(answering(answer_of(bomb()[:60000], extra="Content-Encoding: gzip\r\n"))) as port:
        _, text = await ask(port, "/probe?target=contoso&debug=true")

    assert b"unexpected_encoding" in text
    assert peak() < 30 << 20


async def test_a_bomb_from_a_client_does_not_go_off(peak: Callable[[], int]) -> None:
    """CVE-2025-69223: what a client compresses is never unpacked."""
    sent = bomb()
    head = (f"Content-Length: {len(sent)}", "Content-Encoding: gzip", "Connection: close")
    async with served(make_app(Behind().ports())) as port, connected(port) as client:
        await client.say(get("/-/drill?code=AADSTS50000", *head, method="POST"))
        await client.say(sent)
        heard = await client.hear()

    assert heard.startswith(b"HTTP/1.1 200")
    assert peak() < 30 << 20


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/..",
        "/%2f%2fevil.example",
        "/\\evil.example",
        "/new//evil.example",
        "/targets",
        "http://evil.example/",
        "/?next=//evil.example",
        "/failures/",
        "/-/../..//evil.example",
        "/targets//evil.example",
    ],
)
async def test_nobody_is_sent_elsewhere(path: str) -> None:
    """CVE-2021-29622 (GHSA-vx57-7f4q-fpc7): no path answers with a redirect, so none leads to another site."""
    async with served(make_app(Behind().ports())) as port, connected(port) as client:
        await client.say(get(path, "Connection: close"))
        head = (await client.hear()).partition(b"\r\n\r\n")[0]

    assert int(head.split()[1]) in {200, 400, 404}
    assert b"location" not in head.lower()


async def test_no_other_password_passes_for_one_that_was_proven(tmp_path: Path) -> None:
    """CVE-2022-46146: parts of name, hash and password moved over their borders made one key of the cache."""
    stored = hashed("right")
    protected = protection(tmp_path, f"basic_auth_users: {{alice: '{stored}', al: '{hashed('other')}'}}")
    whole = "alice" + stored + "right"
    forged = [("al", "iceright"), ("al", "ice" + stored + "right"), ("alice" + stored, "right"), ("alic", "eright")]
    forged += [(whole[:cut].replace(":", ""), whole[cut:][-72:]) for cut in range(0, len(whole), 7)]
    async with served(make_app(Behind().ports(), protection=protected)) as port, connected(port) as client:
        statuses = []
        for name, password in [("alice", "right"), *forged, ("nobody", "fakepassword"), ("alice", "right")]:
            header = basic(name, password)["Authorization"]
            await client.say(get("/-/healthy", f"Authorization: {header}"))
            statuses.append((await client.answer())[0])

    assert statuses == [200, *[401] * (len(forged) + 1), 200]


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
async def test_no_redirect_takes_a_secret_along(status: str) -> None:
    """CVE-2025-4673, CVE-2023-45289, CVE-2026-34518, CVE-2026-47265, aiohttp #13180: no redirect is followed.

    (Prometheus common #901, #920, #921; GHSA-966j-vmvw-g2g9, GHSA-hg6j-4rv6-33pg.)
    """
    sink = Witness()
    async with raw_server(sink) as elsewhere:
        redirect = Witness(answer_of(b"", f"{status} Go", extra=f"Location: http://127.0.0.1:{elsewhere}/token\r\n"))
        async with exporter_before(redirect) as port:
            _, text = await ask(port, "/probe?target=contoso")

    assert re.search(rb"(?m)^probe_success 0", text)
    assert (redirect.connections, sink.connections) == (1, 0)


@pytest.mark.fault(91)
async def test_no_cookie_is_kept() -> None:
    """CVE-2026-47265 (GHSA-hg6j-4rv6-33pg): what one answer sets, no request takes to anybody."""
    endpoint = Witness(answer_of(GOOD, extra="Set-Cookie: session=canary; Domain=localhost; Path=/\r\n"))
    async with exporter_before(endpoint) as port:
        for _ in range(2):
            await ask(port, "/probe?target=contoso")

    assert endpoint.connections == 2
    assert b"cookie" not in endpoint.heard[1].lower()


async def test_requests_make_no_series() -> None:
    """CVE-2022-21698 (GHSA-cg3q-j54f-5p7p): methods, paths, parameters and headers of ours are no labels."""
    async with exporter_before(Witness()) as port:
        await ask(port, "/probe?target=contoso")
        before = await series(port)
        for number in range(40):
            for method, path in (
                ("GET", f"/x{number}"),
                (f"M{number}", "/metrics"),
                ("GET", f"/probe?target=t{number}"),
            ):
                await ask(port, path, f"User-Agent: agent-{number}", f"Host-{number}: x", method=method)

        assert await series(port) == before


def test_no_name_of_a_host_is_kept() -> None:
    """CVE-2026-34513 (GHSA-hcc4-c3v8-rx92): connections come of no connector with a cache of names that could grow."""
    assert not issubclass(StagedConnector, aiohttp.TCPConnector)


async def test_pipelined_requests_hold_little_memory() -> None:
    """CVE-2026-54273: behind a request that is being answered only so many are taken, then nothing is read."""
    behind = Behind()
    async with served(make_app(behind.ports())) as port, connected(port) as client:
        flood = asyncio.create_task(client.say(get("/metrics") + get("/-/healthy") * 500_000))
        done, _ = await asyncio.wait([flood], timeout=1)
        flood.cancel()

        assert not done
        assert (await ask(port, "/-/healthy"))[0] == 200


@pytest.mark.fault(76)
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param("GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", id="long line"),
        pytest.param(get("/", "X-Long: " + "a" * 100_000), id="long field"),
        pytest.param(get("/", *(f"X-{number}: 1" for number in range(500))), id="many fields"),
        pytest.param("GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 20_000, id="endless fields"),
        pytest.param(get("/", "X: a\0b"), id="NUL"),
        pytest.param("GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(get("/", "Host: other"), id="two hosts"),
        pytest.param(
            get("/", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST") + "0\r\n\r\n", id="CL+TE"
        ),
        pytest.param(get("/", "Content-Length: 5", "Content-Length: 6", method="POST") + "hello", id="two lengths"),
        pytest.param(get("/", "Content-Length: -1", method="POST"), id="negative length"),
        pytest.param(get("/", "Content-Length: +5", method="POST") + "hello", id="signed length"),
        pytest.param(
            get("/", "Transfer-Encoding: chunked, identity", method="POST") + "0\r\n\r\n", id="not chunked last"
        ),
        pytest.param(get("/", "Transfer-Encoding: xchunked", method="POST") + "0\r\n\r\n", id="unknown coding"),
        pytest.param(get("/", "X : y"), id="space before colon"),
        pytest.param(get("/", " folded: y"), id="folded field"),
        pytest.param("GET / HTTP/1.1\nHost: x\n\n", id="bare line feeds"),
        pytest.param("GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n", id="no URL"),
        pytest.param("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
    ],
)
async def test_no_request_is_smuggled_and_no_head_is_endless(request_: str) -> None:
    """CVE-2026-54277 and CVE-2025-69224's kind: what has two readings or no end is 400, and the connection ends."""
    async with served(make_app(Behind().ports())) as port, connected(port) as client:
        await client.say(request_ + get("/config"))
        heard = await client.hear()

        assert re.match(rb"HTTP/1\.[01] 400", heard), heard[:200]
        assert heard.count(b"HTTP/1.") == 1
        assert b"targets" not in heard
        assert (await ask(port, "/-/healthy"))[0] == 200


@pytest.mark.fault(83)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param((), 200, id="curl"),
        pytest.param(("Origin: https://evil.example",), 403, id="another site"),
        pytest.param(("Origin: null",), 403, id="sandboxed frame"),
        pytest.param(("Sec-Fetch-Site: cross-site",), 403, id="cross-site"),
        pytest.param(("Host: evil.example", "Origin: http://evil.example:10471"), 403, id="rebound name"),
        pytest.param(("Sec-Fetch-Site: same-origin",), 403, id="rebound name, no origin"),
    ],
)
async def test_no_page_in_a_browser_makes_us_do_anything(headers: tuple[str, ...], status: int) -> None:
    """DNS rebinding and CSRF: what changes anything is not for browsers, not even those that believe us same-origin."""
    behind = Behind()
    request_ = get("/-/drill?code=AADSTS50000", *headers, method="POST")
    if any(header.startswith("Host:") for header in headers):
        request_ = request_.replace("Host: localhost\r\n", "")
    async with served(make_app(behind.ports())) as port, connected(port) as client:
        await client.say(request_)
        found, _ = await client.answer()

    assert (found, len(behind.drills)) == (status, status == 200)


@pytest.mark.fault(75)
@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/templates/overview.html"]
)
async def test_no_file_is_served(path: str) -> None:
    """What the pages load is known by name; there is no folder behind it."""
    async with served(make_app(Behind().ports())) as port:
        assert (await ask(port, path))[0] == 404


@pytest.mark.fault(76)
@pytest.mark.parametrize(("method", "status"), [("TRACE", 405), ("OPTIONS", 405), ("CONNECT", 405), ("PUT", 405)])
async def test_other_methods_are_refused(method: str, status: int) -> None:
    """TRACE would hand a page what its browser adds to requests."""
    async with served(make_app(Behind().ports())) as port:
        path = "localhost:80" if method == "CONNECT" else "/metrics"
        found, _ = await ask(port, path, "X-Canary: canary", method=method)

        assert found in {status, 400, 404}


@pytest.mark.parametrize(("package", "floor"), [("aiohttp", "3.14.3"), ("PyJWT", "2.13")])
def test_vulnerable_releases_cannot_be_installed(package: str, floor: str) -> None:
    """CVE-2026-34993 and the others of aiohttp; CVE-2026-32597, CVE-2026-48526 of PyJWT."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {req.name: req.specifier for req in map(Requirement, project["dependencies"])}[package]
    before = (*Version(floor).release[:-1], Version(floor).release[-1] - 1)

    assert wanted.contains(floor)
    assert not wanted.contains(".".join(map(str, before)))
    assert Version(version(package)) >= Version(floor)
