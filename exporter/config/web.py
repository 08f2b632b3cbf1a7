"""The web config, in the form that Prometheus's exporters share (prometheus/exporter-toolkit).

What Python's TLS cannot do is refused with what to write instead: a wish that is passed over would be a protection
that somebody believes in.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from exporter.config.entry import read_entry
from exporter.config.schema import Strict
from exporter.config.values import Text, matching, one_of
from exporter.document import Complaint, Problem, load
from exporter.durations import parse_duration
from exporter.files import read_file
from exporter.model import ClientAuth, RateLimit, Secret, TlsServer, TlsVersion, Unreadable, WebConfig

CIPHERS = frozenset(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in (
        "AES_128_CBC_SHA",
        "AES_128_GCM_SHA256",
        "AES_256_CBC_SHA",
        "AES_256_GCM_SHA384",
        "CHACHA20_POLY1305",
        "CHACHA20_POLY1305_SHA256",
    )
)
"""The suites of TLS 1.2 that Go holds to be secure; those of TLS 1.3 cannot be chosen, in Go or in Python."""

CURVES = ("CurveP256", "CurveP384", "CurveP521", "X25519")

_HEADERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Content-Security-Policy": (),
        "Strict-Transport-Security": (),
        "X-Content-Type-Options": ("nosniff",),
        "X-Frame-Options": ("deny", "sameorigin"),
        "X-XSS-Protection": (),
    }
)
"""The headers that can be set, each with its possible values where they are few."""

_UNVERIFIED = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
_OFF = (0, "0", "0s")

# The last character of a salt stands for two bits only. A cost above 18 would keep a request waiting for minutes.
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-8])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")


def _refused(message: str) -> Any:
    """The type of a key that the ecosystem's schema has and that cannot be honoured here."""

    def refuse(_value: object) -> object:
        raise ValueError(message)

    return Annotated[str | None, BeforeValidator(refuse)]


def _client_auth(value: object) -> object:
    if value in _UNVERIFIED:
        raise ValueError(f"Python verifies every certificate that it asks for; use {ClientAuth.REQUIRED}")
    return value


def _no_http2(value: object) -> object:
    if value is True:
        raise ValueError("HTTP/2 is not spoken here; leave the key out")
    return value


def _interval(value: object) -> float:
    return 0.0 if value in _OFF and value is not False else parse_duration(value)


def _hash(value: SecretStr) -> SecretStr:
    if not _BCRYPT.fullmatch(value.get_secret_value()):
        raise ValueError("must be a bcrypt hash of cost 4 to 18, as of: htpasswd -nBC 10 USER")
    return value


_IN_FILE = "Python reads it from files only; use {}_file"
_ONE_LINE = Annotated[str, AfterValidator(matching(r"[ -~]{1,4000}", "must be 1 to 4000 printable ASCII characters"))]


class TlsEntry(Strict):
    """The certificate of the web side, and what it asks of clients."""

    cert_file: Text
    key_file: Text
    cert: _refused(_IN_FILE.format("cert")) = None  # type: ignore[valid-type]
    key: _refused(_IN_FILE.format("key")) = None  # type: ignore[valid-type]
    client_ca: _refused(_IN_FILE.format("client_ca")) = None  # type: ignore[valid-type]
    client_auth_type: Annotated[one_of(ClientAuth), BeforeValidator(_client_auth)] = ClientAuth.NONE  # type: ignore[valid-type]
    client_ca_file: Text | None = None
    client_allowed_sans: list[Text] | None = Field(None, min_length=1)
    min_version: one_of(TlsVersion) = TlsVersion.TLS12  # type: ignore[valid-type]
    max_version: one_of(TlsVersion) = TlsVersion.TLS13  # type: ignore[valid-type]
    cipher_suites: list[one_of(sorted(CIPHERS))] | None = Field(None, min_length=1)  # type: ignore[valid-type]
    curve_preferences: list[one_of(CURVES)] | None = Field(None, min_length=1)  # type: ignore[valid-type]
    prefer_server_cipher_suites: bool = True


class HttpEntry(Strict):
    """Headers of every answer."""

    http2: Annotated[bool, BeforeValidator(_no_http2)] = False
    headers: dict[one_of(_HEADERS), _ONE_LINE] | None = None  # type: ignore[valid-type]


class RateEntry(Strict):
    """How many requests are served."""

    interval: Annotated[float, BeforeValidator(_interval)]
    burst: int = Field(ge=0, le=1_000_000)


class WebEntry(Strict):
    """A web config file."""

    tls_server_config: TlsEntry | None = None
    http_server_config: HttpEntry | None = None
    basic_auth_users: dict[Text, Annotated[SecretStr, AfterValidator(_hash)]] | None = Field(None, min_length=1)
    rate_limit: RateEntry | None = None


KEYS = frozenset().union(*(model.model_fields for model in (WebEntry, TlsEntry, HttpEntry, RateEntry)))
"""Every key that a web config may hold."""


def load_web_config(path: Path) -> WebConfig | list[Problem]:
    """Reads a web config; relative paths in it are meant from its folder."""
    content = read_file(path)
    if isinstance(content, Unreadable):
        return [Problem(0, "", "cannot be read: " + content.problem.removeprefix(f"{path}: "))]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return [Problem(0, "", "is not UTF-8 text; save it as UTF-8")]
    return parse_web_config(text, path.parent)


def parse_web_config(text: str, folder: Path) -> WebConfig | list[Problem]:
    """Reads the text of a web config: a WebConfig, or every problem in the order of its lines."""
    entry = read_entry(load(text, private={"basic_auth_users": ()}), WebEntry, KEYS, complaints)
    if isinstance(entry, list):
        return entry
    http, users, rate = entry.http_server_config, entry.basic_auth_users or {}, entry.rate_limit
    return WebConfig(
        tls=_tls(entry.tls_server_config, folder) if entry.tls_server_config else None,
        headers=MappingProxyType(dict(http.headers or {}) if http else {}),
        users=MappingProxyType({name: Secret(value.get_secret_value()) for name, value in users.items()}),
        rate_limit=RateLimit(rate.interval, rate.burst) if rate and rate.interval else None,
    )


def _tls(entry: TlsEntry, folder: Path) -> TlsServer:
    return TlsServer(
        certificate=folder / entry.cert_file,
        private_key=folder / entry.key_file,
        client_auth=ClientAuth(entry.client_auth_type),
        client_ca_file=folder / entry.client_ca_file if entry.client_ca_file else None,
        client_allowed_sans=frozenset(entry.client_allowed_sans or ()),
        min_version=TlsVersion(entry.min_version),
        max_version=TlsVersion(entry.max_version),
        ciphers=tuple(entry.cipher_suites or ()),
        curve=next(iter(entry.curve_preferences or ()), ""),
        prefer_server_ciphers=entry.prefer_server_cipher_suites,
    )


def complaints(root: Mapping[str, Any]) -> Iterator[Complaint]:
    """Everything in a web config that contradicts something else in it."""
    yield from (
        (("tls_server_config", *path), message)
        for path, message in _tls_complaints(_mapping(root, "tls_server_config"))
    )
    headers = _mapping(_mapping(root, "http_server_config"), "headers")
    for name, value in headers.items():
        allowed = _HEADERS.get(name, ())
        if allowed and value not in allowed:
            yield ("http_server_config", "headers", name), "must be " + " or ".join(allowed)
    for name in _mapping(root, "basic_auth_users"):
        if ":" in name:
            yield ("basic_auth_users", name), "a user's name must not hold a colon (RFC 7617 section 2)"
    rate = _mapping(root, "rate_limit")
    if rate.get("burst") == 0 and rate.get("interval") not in _OFF:
        yield ("rate_limit", "burst"), "must be at least 1, or no request is served"


def _tls_complaints(entry: Mapping[str, Any]) -> Iterator[Complaint]:
    auth = entry.get("client_auth_type", ClientAuth.NONE)
    if auth == ClientAuth.NONE and "client_ca_file" in entry:
        yield ("client_auth_type",), f"is required beside client_ca_file, such as {ClientAuth.REQUIRED}"
    if auth in (ClientAuth.IF_GIVEN, ClientAuth.REQUIRED) and "client_ca_file" not in entry:
        yield ("client_ca_file",), f"is required for {auth}"
    if "client_allowed_sans" in entry and auth != ClientAuth.REQUIRED:
        yield ("client_allowed_sans",), f"needs client_auth_type {ClientAuth.REQUIRED}"
    if (entry.get("min_version"), entry.get("max_version")) == (TlsVersion.TLS13, TlsVersion.TLS12):
        yield ("min_version",), "is above max_version"
    curves = entry.get("curve_preferences")
    if isinstance(curves, list) and len(curves) > 1:
        yield ("curve_preferences",), "Python can be told one curve only; name one, or leave the key out"


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}
