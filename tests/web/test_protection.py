"""TLS, names and passwords, rates and headers out of a web config, over real sockets, and what becomes of a bad one."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
import trustme
from webside import Behind, basic, connected, get, hashed, protection, served, write_certificate

from exporter.config import load_web_config
from exporter.config.web import CIPHERS
from exporter.model import RateLimit, Secret, TlsServer
from exporter.web import Protection, make_app
from exporter.web.guard import Rate
from exporter.web.passwords import MAX_KNOWN, Passwords
from exporter.web.tls import names_of, server_context

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key%s}\n"
WITH_CLIENTS = ", client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert"
IF_GIVEN = ", client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven"
PASSWORD = "correct horse"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(tmp_path: Path, authority: trustme.CA) -> ssl.SSLContext:
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return write_certificate(tmp_path, authority, "localhost")


async def asked(
    protected: Protection, *headers: str, tls: ssl.SSLContext | None = None, path: str = "/config"
) -> tuple[int, bytes]:
    """The answer to one request."""
    async with (
        served(make_app(Behind().ports(), protection=protected), None, protected) as port,
        connected(port, tls) as client,
    ):
        await client.say(get(path, *headers))
        return await client.answer()


def lines(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


async def test_https_is_served(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """With the certificate of the file."""
    status, body = await asked(protection(tmp_path, TLS % ""), tls=trusting)

    assert (status, body) == (200, b"targets: <secret>\n")


@pytest.mark.parametrize(
    ("setting", "version", "agreed"),
    [
        ("", ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        ("", ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (", min_version: TLS13", ssl.TLSVersion.TLSv1_2, None),
        (", max_version: TLS12", ssl.TLSVersion.TLSv1_3, None),
    ],
)
async def test_versions(
    tmp_path: Path, trusting: ssl.SSLContext, setting: str, version: ssl.TLSVersion, agreed: str | None
) -> None:
    """TLS 1.2 and 1.3, unless the config names fewer."""
    trusting.minimum_version = trusting.maximum_version = version
    protected = protection(tmp_path, TLS % setting)
    async with served(make_app(Behind().ports(), protection=protected), None, protected) as port:
        if agreed is None:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                async with connected(port, trusting):
                    pass
            return
        async with connected(port, trusting) as client:
            assert client.writer.get_extra_info("ssl_object").version() == agreed


async def test_old_versions_are_not_spoken(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """Whatever the client offers."""
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        trusting.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        trusting.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asked(protection(tmp_path, TLS % ""), tls=trusting)


async def test_suites_and_their_order(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """The server's order decides, unless the config says otherwise; what is not listed is not spoken."""
    suites = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    listed = f", cipher_suites: [{suites}, {suites.replace('ECDSA', 'RSA')}]"
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    found = []
    for offered, setting in (
        ("AES128-GCM-SHA256:AES256-GCM-SHA384", listed),
        ("AES128-GCM-SHA256:AES256-GCM-SHA384", listed + ", prefer_server_cipher_suites: false"),
        ("CHACHA20-POLY1305:AES128-GCM-SHA256", listed),
    ):
        trusting.set_ciphers(":".join(f"ECDHE-{key}-{name}" for name in offered.split(":") for key in ("ECDSA", "RSA")))
        protected = protection(tmp_path, TLS % setting)
        async with (
            served(make_app(Behind().ports(), protection=protected), None, protected) as port,
            connected(port, trusting) as client,
        ):
            found.append(client.writer.get_extra_info("ssl_object").cipher()[0].split("-", 2)[2])

    assert found == ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES128-GCM-SHA256"]


@pytest.mark.parametrize("suite", sorted(CIPHERS))
def test_openssl_knows_every_suite(tmp_path: Path, trusting: ssl.SSLContext, suite: str) -> None:
    """By a name of its own."""
    made = server_context(
        TlsServer(certificate=tmp_path / "server.crt", private_key=tmp_path / "server.key", ciphers=(suite,))
    )

    assert isinstance(made, ssl.SSLContext)
    assert [cipher["name"] for cipher in made.get_ciphers() if cipher["protocol"] != "TLSv1.3"] != []


@pytest.mark.parametrize(
    ("curve", "offered", "agrees"),
    [
        ("CurveP384", "secp384r1", True),
        ("CurveP384", "prime256v1", False),
        ("CurveP256", "prime256v1", True),
        ("CurveP521", "secp521r1", True),
        ("X25519", "prime256v1", False),
    ],
)
async def test_the_curve(tmp_path: Path, trusting: ssl.SSLContext, curve: str, offered: str, agrees: bool) -> None:
    """The one that the config names, and no other."""
    trusting.set_ecdh_curve(offered)
    protected = protection(tmp_path, TLS % f", curve_preferences: [{curve}]")
    try:
        status, _ = await asked(protected, tls=trusting)
    except (ssl.SSLError, ConnectionError):
        status = 0

    assert status == (200 if agrees else 0)


@pytest.mark.parametrize(
    ("setting", "names", "admitted"),
    [
        pytest.param(WITH_CLIENTS, ("prometheus.example",), True, id="verified"),
        pytest.param(WITH_CLIENTS, (), False, id="none shown"),
        pytest.param(IF_GIVEN, (), True, id="optional"),
        pytest.param(
            WITH_CLIENTS + ", client_allowed_sans: [prometheus.example, x]", ("prometheus.example",), True, id="named"
        ),
        pytest.param(WITH_CLIENTS + ", client_allowed_sans: [x]", ("prometheus.example",), False, id="another's name"),
        pytest.param(WITH_CLIENTS + ', client_allowed_sans: ["::1"]', ("::1",), True, id="address"),
        pytest.param(WITH_CLIENTS + ", client_allowed_sans: [a@example]", ("a@example",), True, id="e-mail"),
    ],
)
async def test_certificates_of_clients(
    tmp_path: Path,
    authority: trustme.CA,
    trusting: ssl.SSLContext,
    setting: str,
    names: tuple[str, ...],
    admitted: bool,
) -> None:
    """Verified against the authorities of the file, and by name where names are listed."""
    if names:
        authority.issue_cert(*names).configure_cert(trusting)
    try:
        status, _ = await asked(protection(tmp_path, TLS % setting), tls=trusting)
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        status = 0

    assert status == (200 if admitted else 0)


async def test_a_certificate_of_a_strange_authority_is_refused(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """Also where one need not be shown."""
    trustme.CA().issue_cert("prometheus.example").configure_cert(trusting)
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await asked(protection(tmp_path, TLS % IF_GIVEN), tls=trusting)


def test_names_of_a_certificate() -> None:
    """Addresses in their short form; what is none stays what it is."""
    names = (("DNS", "a"), ("IP Address", "2001:DB8:0:0:0:0:0:1"), ("IP Address", "<invalid>"), ("DirName", "x"))

    assert names_of({"subjectAltName": names}) == {"a", "2001:db8::1", "<invalid>"}
    assert names_of({}) == frozenset()


async def test_a_renewed_certificate_is_shown(tmp_path: Path, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """To the next connection, without a restart."""
    protected = protection(tmp_path, TLS % "")
    serials = []
    async with served(make_app(Behind().ports(), protection=protected), None, protected) as port:
        for _ in range(2):
            async with connected(port, trusting) as client:
                serials.append(client.writer.get_extra_info("peercert")["serialNumber"])
            write_certificate(tmp_path, authority, "localhost")

    assert serials[0] != serials[1]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir()}


SPOILT: tuple[tuple[str, Callable[[Path], object]], ...] = (
    ("unknown key", lambda folder: (folder / "web.yaml").write_text(TLS % "" + "basic_auth: {}\n")),
    ("empty", lambda folder: (folder / "web.yaml").write_text("")),
    ("cut short", lambda folder: (folder / "web.yaml").write_text(TLS % WITH_CLIENTS)),
    ("users only", lambda folder: (folder / "web.yaml").write_text(f"basic_auth_users: {{a: '{hashed('b')}'}}")),
    ("no hash", lambda folder: (folder / "web.yaml").write_text(TLS % "" + "basic_auth_users: {a: b}")),
    ("gone", lambda folder: (folder / "web.yaml").unlink()),
    ("no certificate", lambda folder: (folder / "server.crt").unlink()),
    ("no key", lambda folder: (folder / "server.key").write_text("")),
    ("another's key", lambda folder: (folder / "server.key").write_bytes(trustme.CA().private_key_pem.bytes())),
    ("no authorities", lambda folder: (folder / "ca.crt").write_text("")),
)


@pytest.mark.fault(82)
@pytest.mark.parametrize("spoil", [spoil for _, spoil in SPOILT], ids=[name for name, _ in SPOILT])
async def test_a_config_that_is_spoilt_while_it_serves_closes_everything(
    tmp_path: Path,
    authority: trustme.CA,
    trusting: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], object],
) -> None:
    """Every request gets 500 over the last good TLS, with or without a password; once it is mended, all is well."""
    authority.issue_cert("prometheus.example").configure_cert(trusting)
    good = TLS % WITH_CLIENTS + f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n"
    protected = protection(tmp_path, good)
    kept = contents(tmp_path)

    def restore(_folder: Path) -> None:
        for path, content in kept.items():
            path.write_bytes(content)

    answers = []
    async with served(make_app(Behind().ports(), protection=protected), None, protected) as port:
        for change in (restore, spoil, restore):
            change(tmp_path)
            for headers in (basic("alice", PASSWORD), {}):
                async with connected(port, trusting) as client:
                    await client.say(get("/-/healthy", *lines(headers)))
                    answers.append((await client.answer())[0])

    assert answers == [200, 401, 500, 500, 200, 401]
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    assert hashed(PASSWORD)[:7] not in caplog.text


@pytest.mark.fault(81)
@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(lines(basic("alice", PASSWORD)), 200, id="right"),
        pytest.param([], 401, id="none"),
        pytest.param(lines(basic("alice", "wrong")), 401, id="wrong"),
        pytest.param(lines(basic("bob", PASSWORD)), 401, id="unknown name"),
        pytest.param(lines(basic("", "")), 401, id="empty"),
        pytest.param(lines(basic("alice", PASSWORD + "\0")), 401, id="NUL"),
        pytest.param(lines(basic("alice", "\0")), 401, id="only NUL"),
        pytest.param(lines(basic("alice", "x" * 73)), 401, id="longer than bcrypt looks"),
        pytest.param(lines(basic("alice", "x" * 5000)), 401, id="huge"),
        pytest.param(lines(basic("alice", b"\xff\xfe")), 401, id="no UTF-8"),
        pytest.param(["Authorization: Basic !!!"], 401, id="no base64"),
        pytest.param(["Authorization: Basic YWxpY2U="], 401, id="no colon"),
        pytest.param(["Authorization: Basic /v8="], 401, id="a name that is no UTF-8"),
        pytest.param(["Authorization: Basic"], 401, id="nothing"),
        pytest.param(["Authorization: Bearer abc"], 401, id="another scheme"),
        pytest.param(lines(basic("alice", PASSWORD)) * 2, 401, id="twice"),
        pytest.param([lines(basic("alice", PASSWORD))[0].replace("Basic", "bAsIc")], 200, id="scheme's case"),
    ],
)
async def test_names_and_passwords(tmp_path: Path, header: list[str], status: int) -> None:
    """Every path asks for them; whatever is wrong with them is 401."""
    text = f"basic_auth_users:\n  alice: {hashed(PASSWORD).replace('$2b$', '$2y$')}\n"
    protected = protection(tmp_path, text)
    for path in ("/metrics", "/-/healthy", "/nowhere"):
        behind = Behind()
        behind.go_on.set()
        async with served(make_app(behind.ports(), protection=protected)) as port, connected(port) as client:
            await client.say(get(path, *header))
            found, body = await client.answer()

        assert found == (404 if status == 200 and path == "/nowhere" else status)
        assert behind.renders == (status == 200 and path == "/metrics")
        assert b"horse" not in body


@pytest.mark.fault(81)
async def test_a_password_of_72_bytes_is_taken_whole(tmp_path: Path) -> None:
    """And its last byte matters."""
    right = "x" * 71 + "y"
    protected = protection(tmp_path, f"basic_auth_users: {{alice: '{hashed(right)}'}}")

    statuses = [(await asked(protected, *lines(basic("alice", each))))[0] for each in (right, "x" * 72, "x" * 71)]

    assert statuses == [200, 401, 401]


async def test_a_changed_password_counts_at_once(tmp_path: Path) -> None:
    """The old one no more, though it was proven before."""
    path = tmp_path / "web.yaml"
    protected = protection(tmp_path, f"basic_auth_users: {{alice: '{hashed('old')}'}}")
    statuses = []
    async with served(make_app(Behind().ports(), protection=protected)) as port, connected(port) as client:
        for password in ("old", "new"):
            path.write_text(f"basic_auth_users: {{alice: '{hashed(password)}'}}")
            for tried in ("old", "new"):
                await client.say(get("/config", *lines(basic("alice", tried))))
                statuses.append((await client.answer())[0])

    assert statuses == [200, 401, 401, 200]


@pytest.mark.fault(81)
async def test_a_proven_password_costs_nothing_again() -> None:
    """A wrong one does, each time; what is kept in mind is bounded and tells nothing."""
    costly = {"alice": Secret(bcrypt.hashpw(b"right", bcrypt.gensalt(11)).decode())}
    passwords = Passwords(b"k" * 32)
    took = []
    for password in ("right", "right", "wrong", "wrong"):
        began = time.perf_counter()
        admitted = await passwords.admit(costly, [basic("alice", password)["Authorization"]])
        took.append(time.perf_counter() - began)
        assert admitted is (password == "right")

    assert took[1] < took[0] / 10
    assert took[3] > took[0] / 10
    for number in range(MAX_KNOWN * 2):
        user = {"alice": Secret(hashed(str(number)))}
        assert await passwords.admit(user, [basic("alice", str(number))["Authorization"]])
    assert len(passwords._known) <= MAX_KNOWN  # noqa: SLF001
    assert all(len(mark) == 32 for mark in passwords._known)  # noqa: SLF001


@pytest.mark.fault(81)
async def test_an_unknown_name_takes_as_long_as_a_known_one() -> None:
    """So that nobody learns names by the clock."""
    users = {"alice": Secret(bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode())}
    passwords = Passwords(b"k" * 32)
    took: dict[str, list[float]] = {"alice": [], "nobody": []}
    for _ in range(3):
        for name, seconds in took.items():
            began = time.process_time()
            assert not await passwords.admit(users, [basic(name, "wrong")["Authorization"]])
            seconds.append(time.process_time() - began)

    assert min(took["nobody"]) > min(took["alice"]) / 2


def test_a_rate_is_kept() -> None:
    """So many at once, then one an interval; a bucket is never fuller than that."""
    now = 0.0
    rate = Rate(lambda: now)
    limit = RateLimit(1.0, 3)
    admitted = []
    for at in (0, 0, 0, 0, 1, 1, 100, 100, 100, 100):
        now = float(at)
        admitted.append(rate.admits(limit))

    assert admitted == [True, True, True, False, True, False, True, True, True, False]


async def test_more_requests_than_the_rate_are_turned_away(tmp_path: Path) -> None:
    """With 429, before any password is looked at."""
    text = f"rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{alice: '{hashed(PASSWORD)}'}}"
    protected = protection(tmp_path, text)
    async with served(make_app(Behind().ports(), protection=protected)) as port, connected(port) as client:
        statuses = []
        for _ in range(3):
            await client.say(get("/-/healthy"))
            statuses.append((await client.answer())[0])

    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("path", ["/", "/config", "/nowhere", "/style.css", "/-/drill"])
async def test_headers_stand_on_every_answer(tmp_path: Path, path: str) -> None:
    """Ours, and in their place or beside them those of the web config."""
    text = (
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: default-src 'none'}}\n"
        f"basic_auth_users: {{alice: '{hashed(PASSWORD)}'}}"
    )
    protected = protection(tmp_path, text)
    for header in (lines(basic("alice", PASSWORD)), []):
        async with served(make_app(Behind().ports(), protection=protected)) as port, connected(port) as client:
            await client.say(get(path, "Connection: close", *header))
            head = (await client.hear()).partition(b"\r\n\r\n")[0].decode()
        assert "X-Frame-Options: deny" in head
        assert "Content-Security-Policy: default-src 'none'\r\n" in head
        assert "Cache-Control: no-store" in head
        assert "X-Content-Type-Options: nosniff" in head
        assert head.count("Content-Security-Policy") == 1


async def test_a_malformed_request_gets_them_too(tmp_path: Path) -> None:
    """And nothing of what it said."""
    async with served(make_app(Behind().ports())) as port, connected(port) as client:
        await client.say("GET / <script>canary</script>\r\n\r\n")
        heard = await client.hear()

    assert heard.startswith(b"HTTP/1.0 400")
    assert b"canary" not in heard
    assert b"Content-Security-Policy" in heard
    assert b"nosniff" in heard


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path: Path, trusting: ssl.SSLContext) -> None:
    """It is a problem, and does not wait at the terminal."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (tmp_path / "server.key").write_bytes(encrypted)
    (tmp_path / "web.yaml").write_text(TLS % "")

    problems = Protection(tmp_path / "web.yaml", load_web_config).problems

    assert [problem.path for problem in problems] == ["tls_server_config"]
    assert "needs a password" in problems[0].message
