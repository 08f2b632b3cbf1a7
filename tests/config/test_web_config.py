"""From the text of a web config to how the web side is protected."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import load_web_config, parse_web_config
from exporter.config.web import CIPHERS
from exporter.model import ClientAuth, RateLimit, Secret, TlsServer, TlsVersion, WebConfig

FOLDER = Path("/etc/exporter")
HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"

GOOD = f"""\
tls_server_config:
  cert_file: server.crt
  key_file: /run/secrets/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example.org]
  min_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [CurveP384]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers: {{Strict-Transport-Security: max-age=31536000, X-Frame-Options: deny}}
basic_auth_users:
  alice: {HASH}
rate_limit: {{interval: 100ms, burst: 20}}
"""

READ = WebConfig(
    tls=TlsServer(
        certificate=FOLDER / "server.crt",
        private_key=Path("/run/secrets/server.key"),
        client_auth=ClientAuth.REQUIRED,
        client_ca_file=FOLDER / "ca.crt",
        client_allowed_sans=frozenset({"prometheus.example.org"}),
        min_version=TlsVersion.TLS13,
        ciphers=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",),
        curve="CurveP384",
        prefer_server_ciphers=False,
    ),
    headers={"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "deny"},
    users={"alice": Secret(HASH)},
    rate_limit=RateLimit(0.1, 20),
)


def test_everything_is_read() -> None:
    """Relative paths from the config's folder."""
    assert parse_web_config(GOOD, FOLDER) == READ
    assert HASH not in repr(parse_web_config(GOOD, FOLDER))


def test_a_rate_limit_of_nothing_is_none() -> None:
    """As the toolkit has it."""
    assert parse_web_config("rate_limit: {interval: 0, burst: 0}", FOLDER) == WebConfig()


TLS = "tls_server_config: {cert_file: a, key_file: b, %s}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "line 1: the file is empty", id="empty"),
        pytest.param(
            "tls_config: {}", "line 1: tls_config: unknown key; did you mean tls_server_config?", id="unknown"
        ),
        pytest.param(
            "tls_server_config: {cert_file: a}", "line 1: tls_server_config.key_file: is required", id="no key"
        ),
        pytest.param(TLS % "key: canary", "line 1: tls_server_config.key: Python reads it from", id="inline key"),
        pytest.param(TLS % "client_auth_type: RequireAnyClientCert", ".client_auth_type: Python verifies", id="any"),
        pytest.param(TLS % "client_auth_type: []", ".client_auth_type: must be", id="type of no type"),
        pytest.param(TLS % "client_ca_file: ca", ".client_auth_type: is required beside", id="authority, no policy"),
        pytest.param(
            TLS % "client_auth_type: VerifyClientCertIfGiven", ".client_ca_file: is required", id="policy, no authority"
        ),
        pytest.param(
            TLS % "client_ca_file: ca, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [x]",
            ".client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert",
            id="names of whom nobody asks",
        ),
        pytest.param(TLS % "min_version: TLS11", ".min_version: must be one of TLS12, TLS13", id="old"),
        pytest.param(TLS % "min_version: TLS13, max_version: TLS12", ".min_version: is above max_version", id="none"),
        pytest.param(TLS % "cipher_suites: [TLS_AES_128_GCM_SHA256]", ".cipher_suites[0]: must be one of", id="cipher"),
        pytest.param(TLS % "curve_preferences: [CurveP256, X25519]", ".curve_preferences: Python can be", id="curves"),
        pytest.param("http_server_config: {http2: true}", "http_server_config.http2: HTTP/2 is not spoken", id="http2"),
        pytest.param("http_server_config: {headers: {Server: x}}", "headers.Server: must be one of", id="header"),
        pytest.param(
            "http_server_config: {headers: {X-Frame-Options: never}}",
            "headers.X-Frame-Options: must be deny or sameorigin",
            id="header's value",
        ),
        pytest.param(
            'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}', "must be 1 to 4000", id="split header"
        ),
        pytest.param("basic_auth_users: {}", "basic_auth_users: must not be empty", id="no users"),
        pytest.param("basic_auth_users: {alice: canary}", "basic_auth_users.?: must be a bcrypt hash", id="password"),
        pytest.param(f"basic_auth_users: {{alice: {HASH.replace('$10$', '$31$')}}}", "of cost 4 to 18", id="costly"),
        pytest.param(f"basic_auth_users: {{'al:canary': {HASH}}}", "basic_auth_users.?: a user's name", id="colon"),
        pytest.param("rate_limit: {interval: 1s, burst: 0}", "rate_limit.burst: must be at least 1", id="no burst"),
        pytest.param("rate_limit: {interval: soon, burst: 1}", "rate_limit.interval: must be a duration", id="soon"),
        pytest.param("rate_limit: {interval: [], burst: 0}", "rate_limit.interval: must be a duration", id="list"),
    ],
)
def test_what_is_wrong_is_told(text: str, problem: str) -> None:
    """With path and line, and never with what stands there."""
    problems = parse_web_config(text, FOLDER)

    assert isinstance(problems, list)
    told = "\n".join(map(str, problems))
    assert problem in told
    assert "canary" not in told


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """Nor is one that is no text."""
    binary = tmp_path / "web.yaml"
    binary.write_bytes(b"\xff\xfe")

    for path, problem in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory"), (binary, "is not UTF-8")):
        problems = load_web_config(path)
        assert isinstance(problems, list)
        assert problem in str(problems[0])


def test_every_suite_is_one_of_the_toolkit() -> None:
    """As many as Go names secure; two go by two names."""
    assert len(CIPHERS) == 12


@given(
    st.recursive(
        st.sampled_from(["TLS12", "deny", "1s", HASH, "canary"]) | st.integers(0, 2) | st.booleans() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    (
                        "tls_server_config",
                        "client_auth_type",
                        "http_server_config",
                        "headers",
                        "X-Frame-Options",
                        "basic_auth_users",
                        "rate_limit",
                        "interval",
                        "burst",
                        "http2",
                        "min_version",
                        "curve_preferences",
                    )
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_nothing_that_is_read_raises(value: object) -> None:
    """Nor shows a value that stands where a key should, or the other way round."""
    read = parse_web_config(json.dumps(value), FOLDER)

    assert isinstance(read, WebConfig) or all("canary" not in str(problem) for problem in read)
