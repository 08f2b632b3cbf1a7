"""Who takes part: the clients that the servers know, with their secrets, keys and certificates."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import trustme
from foreign_keys import Key, make_key

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CLIENT_NAME = "probe.example"
"""What the certificate of client `mtls` is issued for."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is registered; without a secret it has another way to prove who it is, or none."""

    client_id: str
    secret: str = ""


POST = Client("post", "post-secret-4f8")
BASIC = Client("b:a+s%i/c &=", "b:a+s%i/c &=?secret~9")
"""Wrong at every server that form-decodes, unless it is form-encoded (RFC 6749 section 2.3.1 and appendix B)."""
ACCENTED = Client("accentué", "é:clé+%/ &")
"""More than RFC 6749 appendix A.2 allows; django-oauth-toolkit takes it, oidc-provider does not."""
REFRESH = Client("refresh", "refresh-secret-2c1")
"""May refresh, and not ask for a token of its own."""
DEVICE = Client("device")
PRIVATE_KEY_JWT: Mapping[str, Client] = MappingProxyType(
    {algorithm: Client(f"jwt-{algorithm.lower()}") for algorithm in ("RS256", "PS256", "ES256")}
)
MTLS = Client("mtls")
MTLS_SELF_SIGNED = Client("mtls-self-signed")


@dataclass(frozen=True, slots=True)
class Keys:
    """What parties hold: signing keys of server and clients by algorithm, and what TLS needs. All as files, too."""

    server: Mapping[str, Key]
    clients: Mapping[str, Key]
    subject: Key
    stranger: Key
    authority: trustme.CA
    ca_file: Path
    client_key_file: Path
    client_certificate_file: Path


def make_keys(folder: Path) -> Keys:
    """Fresh keys, their files in the folder."""
    authority = trustme.CA()
    client = authority.issue_cert(CLIENT_NAME)
    keys = Keys(
        server={alg: make_key(folder, f"server-{alg}", alg) for alg in ("RS256", "PS256", "ES256")},
        clients={alg: make_key(folder, f"client-{alg}", alg) for alg in PRIVATE_KEY_JWT},
        subject=make_key(folder, "subject", "ES256"),
        stranger=make_key(folder, "stranger", "RS256"),
        authority=authority,
        ca_file=folder / "ca.pem",
        client_key_file=folder / "client.key",
        client_certificate_file=folder / "client.pem",
    )
    authority.cert_pem.write_to_path(keys.ca_file)
    client.private_key_pem.write_to_path(keys.client_key_file)
    client.cert_chain_pems[0].write_to_path(keys.client_certificate_file)
    return keys


def oidc_provider_settings(keys: Keys) -> dict[str, Any]:
    """What oidc_provider.mjs is told."""
    server = keys.authority.issue_cert("localhost")
    return {
        "tls": {
            "key": server.private_key_pem.bytes().decode(),
            "certificate": "".join(pem.bytes().decode() for pem in server.cert_chain_pems),
            "authority": keys.authority.cert_pem.bytes().decode(),
        },
        "signing_keys": [key.jwk(private=True) for key in keys.server.values()],
        "subject_key": keys.subject.jwk(),
        "clients": list(_registrations(keys)),
    }


def _registrations(keys: Keys) -> list[dict[str, Any]]:
    """The clients in the words of RFC 7591 section 2."""
    with_secrets = [
        _registration(POST, "client_secret_post", "client_credentials", TOKEN_EXCHANGE, JWT_BEARER),
        _registration(BASIC, "client_secret_basic", "client_credentials"),
        _registration(REFRESH, "client_secret_post", "refresh_token"),
        _registration(DEVICE, "none", DEVICE_CODE, "refresh_token"),
    ]
    with_keys = [
        _registration(client, "private_key_jwt", "client_credentials")
        | {"jwks": {"keys": [keys.clients[alg].jwk()]}, "token_endpoint_auth_signing_alg": alg}
        for alg, client in PRIVATE_KEY_JWT.items()
    ]
    self_signed = {"jwks": {"keys": [keys.clients["RS256"].jwk()]}}
    with_certificates = [
        _registration(MTLS, "tls_client_auth", "client_credentials") | {"tls_client_auth_san_dns": CLIENT_NAME},
        _registration(MTLS_SELF_SIGNED, "self_signed_tls_client_auth", "client_credentials") | self_signed,
    ]
    return [*with_secrets, *with_keys, *with_certificates]


def _registration(client: Client, method: str, *grants: str) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        **({"client_secret": client.secret} if client.secret else {}),
        "token_endpoint_auth_method": method,
        "grant_types": list(grants),
        "redirect_uris": [],
        "response_types": [],
        # One client may have less than the server knows, so that more is refused.
        "scope": "read write" if client == POST else "openid offline_access read write",
    }


def django_settings(keys: Keys) -> dict[str, Any]:
    """What django_server.py is told: fields of django-oauth-toolkit's Application, each with one grant."""
    return {
        "signing_key": keys.server["RS256"].key_file.read_text(),
        "clients": [
            *(_application(client, "client-credentials") for client in (POST, BASIC, ACCENTED)),
            _application(REFRESH, "password"),
            _application(DEVICE, DEVICE_CODE),
        ],
    }


def _application(client: Client, grant: str) -> dict[str, str]:
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "client_type": "confidential" if client.secret else "public",
        "authorization_grant_type": grant,
    }
