"""Clients that prove who they are by a key or a certificate, at a server that was not written against ours."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from foreign_parties import MTLS, MTLS_SELF_SIGNED, PRIVATE_KEY_JWT, Client, Keys
from foreign_probe import probe
from foreign_servers import Issuer, OidcProvider

from exporter.catalogue import Category, Reason, Side, Stage
from exporter.model import Fault, ProbeResult

Credential = dict[str, object]


async def probe_client(issuer: Issuer, client: Client, credential: Credential) -> ProbeResult:
    """One attempt of a client that asks for a token of its own."""
    trusted = {"ca_file": str(issuer.ca_file)} if issuer.ca_file else {}
    return await probe(
        issuer=issuer.url,
        grant="client_credentials",
        client_id=client.client_id,
        credential=credential,
        **trusted,
    )


@pytest.mark.parametrize("algorithm", PRIVATE_KEY_JWT)
async def test_an_assertion_is_accepted(oidc_provider: OidcProvider, keys: Keys, algorithm: str) -> None:
    """Signed with the key that is registered, its certificate in one file and the key in another."""
    key = keys.clients[algorithm]
    files: Credential = {"certificate_file": str(key.certificate_file), "private_key_file": str(key.key_file)}

    result = await probe_client(
        oidc_provider.http, PRIVATE_KEY_JWT[algorithm], {**files, "algorithm": algorithm, "kid": key.kid}
    )

    assert result.outcome.success, result.evidence.body


async def test_an_assertion_is_accepted_whose_key_comes_out_of_pkcs12(
    oidc_provider: OidcProvider, keys: Keys, tmp_path: Path
) -> None:
    """Locked with a password; PS256 without a `kid`, as Entra has it, is the method's own choice."""
    key, password = keys.clients["PS256"], "p12-password"
    locked = BestAvailableEncryption(password.encode())
    file = tmp_path / "client.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"x", key.private, key.certificate, None, locked))

    result = await probe_client(
        oidc_provider.http,
        PRIVATE_KEY_JWT["PS256"],
        {"certificate_file": str(file), "certificate_password": password},
    )

    assert result.outcome.success, result.evidence.body


async def test_an_assertion_of_another_key_is_refused(oidc_provider: OidcProvider, keys: Keys) -> None:
    """In the very words of RFC 6749 section 5.2, and the client can mend it."""
    stranger = keys.stranger
    files: Credential = {"certificate_file": str(stranger.certificate_file), "private_key_file": str(stranger.key_file)}

    result = await probe_client(oidc_provider.http, PRIVATE_KEY_JWT["RS256"], {**files, "algorithm": "RS256"})

    assert result.outcome.refusal is not None
    assert result.outcome.refusal.error == "invalid_client"
    assert result.outcome.failure is not None
    assert (result.outcome.failure.category, result.outcome.failure.side) == (Category.CREDENTIAL_INVALID, Side.CLIENT)


def mutual_tls(certificate: Path, key: Path) -> Credential:
    return {"method": "tls_client_auth", "certificate_file": str(certificate), "private_key_file": str(key)}


async def test_a_certificate_is_accepted(oidc_provider: OidcProvider, keys: Keys) -> None:
    """Shown where the metadata says that the server wants to see it (RFC 8705 section 5)."""
    credential = mutual_tls(keys.client_certificate_file, keys.client_key_file)

    result = await probe_client(oidc_provider.https, MTLS, credential)

    assert result.outcome.success, result.evidence.body
    assert result.evidence.endpoint.startswith(oidc_provider.mtls)


async def test_a_certificate_that_it_signed_itself_is_accepted(oidc_provider: OidcProvider, keys: Keys) -> None:
    """Where it is registered (RFC 8705 section 2.2)."""
    key = keys.clients["RS256"]

    result = await probe_client(oidc_provider.https, MTLS_SELF_SIGNED, mutual_tls(key.certificate_file, key.key_file))

    assert result.outcome.success, result.evidence.body


async def test_a_strangers_certificate_is_refused(oidc_provider: OidcProvider, keys: Keys) -> None:
    """By the token endpoint, or by the handshake before it."""
    stranger = keys.stranger

    result = await probe_client(oidc_provider.https, MTLS, mutual_tls(stranger.certificate_file, stranger.key_file))

    failure, refusal = result.outcome.failure, result.outcome.refusal
    assert failure is not None
    if refusal is None:
        assert failure.fault == Fault(Stage.TLS, Reason.CLIENT_CERTIFICATE_REFUSED)
    else:
        assert (refusal.error, failure.side) == ("invalid_client", Side.CLIENT)
