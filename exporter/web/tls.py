"""The TLS context of the web side, out of the web config and its files."""

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any

from exporter.certificates import parse_certificate
from exporter.files import read_file
from exporter.model import ClientAuth, TlsServer, TlsVersion, Unreadable

_MODES: Mapping[ClientAuth, ssl.VerifyMode] = MappingProxyType(
    {
        ClientAuth.NONE: ssl.CERT_NONE,
        ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
        ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
    }
)
_VERSIONS: Mapping[TlsVersion, ssl.TLSVersion] = MappingProxyType(
    {TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3}
)
_CURVES: Mapping[str, str] = MappingProxyType(
    {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
)
_KINDS = frozenset({"DNS", "IP Address", "URI", "email"})
_NO_PASSWORD = ""


def server_context(tls: TlsServer) -> ssl.SSLContext | Unreadable:
    """The context, or why its files are of no use. Never raises."""
    if problem := _unusable(tls):
        return problem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefer_server_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if tls.ciphers:
        context.set_ciphers(":".join(map(_openssl, tls.ciphers)))
    if tls.curve:
        context.set_ecdh_curve(_CURVES[tls.curve])
    context.verify_mode = _MODES[tls.client_auth]
    try:
        # A password is given so that none is ever asked for.
        context.load_cert_chain(tls.certificate, tls.private_key, _NO_PASSWORD)
        if tls.client_ca_file is not None:
            context.load_verify_locations(tls.client_ca_file)
    except OSError:
        return Unreadable(f"OpenSSL takes {', '.join(map(str, tls.files))} for no certificates in PEM")
    return context


def _unusable(tls: TlsServer) -> Unreadable | None:
    """What is in the way of files; OpenSSL would wait for a FIFO, and says little."""
    contents = [read_file(path) for path in tls.files]
    for content in contents:
        if isinstance(content, Unreadable):
            return content
    certificate, private_key = (content for content in contents[:2] if isinstance(content, bytes))
    parsed = parse_certificate(certificate, private_key, None, str(tls.certificate))
    return parsed if isinstance(parsed, Unreadable) else None


def _openssl(suite: str) -> str:
    """OpenSSL's name of a suite: `ECDHE-RSA-AES128-GCM-SHA256` is TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256."""
    name = suite.removeprefix("TLS_").replace("_WITH", "").replace("AES_", "AES").replace("_CBC", "")
    return name.replace("POLY1305_SHA256", "POLY1305").replace("_", "-")


def names_of(certificate: Mapping[str, Any]) -> frozenset[str]:
    """The names in a certificate that was verified, as `ssl` gives it: hosts, addresses, e-mail addresses, URIs."""
    return frozenset(_name(kind, value) for kind, value in certificate.get("subjectAltName", ()) if kind in _KINDS)


def _name(kind: str, value: str) -> str:
    try:
        return str(ip_address(value)) if kind == "IP Address" else value
    except ValueError:
        return value
