"""The exporter gets its tokens from servers that it was not written against."""

import json
from pathlib import Path

import pytest
from foreign_parties import ACCENTED, BASIC, POST, Client
from foreign_probe import config_of, probe
from foreign_servers import Django, Issuer, OidcProvider
from processes import run

from exporter.catalogue import Reason, Stage
from exporter.model import Fault, Outcome, ProbeResult

OIDC_PROVIDER_LIFETIME, DJANGO_LIFETIME = 3600.0, 36000.0

with_secrets = pytest.mark.parametrize(
    ("client", "method"),
    [
        pytest.param(POST, "client_secret_post", id="post"),
        pytest.param(POST, "client_secret_basic", id="basic"),
        pytest.param(BASIC, "client_secret_post", id="post, characters that need encoding"),
        pytest.param(BASIC, "client_secret_basic", id="basic, characters that need encoding"),
    ],
)


async def probe_client(issuer: Issuer, client: Client, method: str, **target: object) -> ProbeResult:
    return await probe(
        grant="client_credentials",
        client_id=client.client_id,
        credential={"method": method, "client_secret": client.secret},
        **({"issuer": issuer.url} | target),
    )


@with_secrets
async def test_oidc_provider_knows_the_client(oidc_provider: OidcProvider, client: Client, method: str) -> None:
    """Its endpoint found by discovery."""
    result = await probe_client(oidc_provider.http, client, method)

    assert result.outcome == Outcome(token_lifetime=OIDC_PROVIDER_LIFETIME)


@with_secrets
async def test_django_knows_the_client(django: Django, client: Client, method: str) -> None:
    """Likewise."""
    result = await probe_client(django.http, client, method)

    assert result.outcome == Outcome(token_lifetime=DJANGO_LIFETIME)


async def test_letters_beyond_ascii_are_utf_8_before_they_are_encoded(django: Django) -> None:
    """As RFC 6749 appendix B has it; only django-oauth-toolkit lets a client have them."""
    result = await probe_client(django.http, ACCENTED, "client_secret_basic")

    assert result.outcome == Outcome(token_lifetime=DJANGO_LIFETIME)


async def test_a_token_endpoint_can_be_named(django: Django) -> None:
    """Without discovery."""
    endpoint = f"{django.http.url}/token/"

    result = await probe(
        token_endpoint=endpoint,
        grant="client_credentials",
        client_id=POST.client_id,
        credential={"client_secret": POST.secret},
    )

    assert result.outcome == Outcome(token_lifetime=DJANGO_LIFETIME)
    assert result.evidence.endpoint == endpoint


async def test_tls_is_trusted_by_ca_file(oidc_provider: OidcProvider) -> None:
    """Metadata and token both come over TLS."""
    issuer = oidc_provider.https

    result = await probe_client(issuer, BASIC, "client_secret_basic", ca_file=str(issuer.ca_file), allow_http=False)

    assert result.outcome == Outcome(token_lifetime=OIDC_PROVIDER_LIFETIME)
    assert result.exchange.tls_version == "TLSv1.3"


async def test_tls_is_not_trusted_without(oidc_provider: OidcProvider) -> None:
    """The system does not know the authority."""
    result = await probe_client(oidc_provider.https, BASIC, "client_secret_basic")

    assert result.outcome.failure is not None
    assert result.outcome.failure.fault == Fault(Stage.TLS, Reason.UNTRUSTED)


async def test_an_issuer_of_another_name_is_told(oidc_provider: OidcProvider) -> None:
    """The very same server by its address is not the issuer that it says it is."""
    result = await probe_client(
        Issuer(oidc_provider.http.url.replace("localhost", "127.0.0.1")), POST, "client_secret_post"
    )

    assert result.outcome.failure is not None
    assert result.outcome.failure.fault == Fault(Stage.OAUTH, Reason.ISSUER_MISMATCH)


def test_the_command_line_probes_both(oidc_provider: OidcProvider, django: Django, tmp_path: Path) -> None:
    """One run, two servers, and a wrong secret at each."""
    client = {"grant": "client_credentials", "client_id": POST.client_id}
    right, wrong = ({"credential": {"client_secret": secret}} for secret in (POST.secret, "not the secret"))
    config = tmp_path / "config.yaml"
    config.write_text(
        config_of(
            {"issuer": oidc_provider.https.url, "ca_file": str(oidc_provider.https.ca_file), **client, **right},
            {"issuer": django.http.url, **client, **right},
            {"issuer": oidc_provider.https.url, "ca_file": str(oidc_provider.https.ca_file), **client, **wrong},
            {"issuer": django.http.url, **client, **wrong},
        )
    )

    ended = run("once", f"--config.file={config}", "--format=json")

    results = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert [(r["success"], r["error"], r["category"], r["side"]) for r in results] == [
        (True, None, None, None),
        (True, None, None, None),
        (False, "invalid_client", "credential_invalid", "client"),
        (False, "invalid_client", "credential_invalid", "client"),
    ]
    assert POST.secret not in ended.stdout + ended.stderr
