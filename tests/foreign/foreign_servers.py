"""Other people's authorization servers, running while the tests do; see README.md."""

import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from foreign_install import FOLDER, django_python, node
from foreign_parties import Client, Keys, django_settings, make_keys, oidc_provider_settings
from processes import PATIENCE, read_until


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer that a test can probe, and whose state it can change."""

    url: str
    ca_file: Path | None = None

    def metadata(self) -> dict[str, Any]:
        """Its own description of itself (OpenID Connect Discovery 1.0 section 4)."""
        return self.ask(f"{self.url}/.well-known/openid-configuration").content

    def jwks(self) -> list[dict[str, Any]]:
        """The keys that it publishes."""
        keys: list[dict[str, Any]] = self.ask(self.metadata()["jwks_uri"]).content["keys"]
        return keys

    def token(self, grant: str, client: Client, **form: str) -> Reply:
        """What its token endpoint answers to this client, whose secret, where it has one, goes into the form."""
        proof = {"client_secret": client.secret} if client.secret else {}
        return self.ask(
            self.metadata()["token_endpoint"], {"grant_type": grant, "client_id": client.client_id, **proof, **form}
        )

    def device_code(self, client: Client, scope: str = "openid") -> dict[str, Any]:
        """A device authorization (RFC 8628 section 3.2); django-oauth-toolkit's metadata does not name its endpoint."""
        endpoint = self.metadata().get("device_authorization_endpoint", f"{self.url}/device-authorization/")
        reply = self.ask(endpoint, {"client_id": client.client_id, "scope": scope})
        assert reply.status == 200, reply
        return reply.content

    def ask(
        self,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> Reply:
        """A GET, or a POST of a form; a client's certificate is the files of its chain and its key."""
        return self._send(Request(url, urlencode(form).encode() if form else None, headers or {}), certificate)

    def mint_refresh_token(self, client: Client, scope: str = "openid", *, expires_in: int = 3600, **more: str) -> str:
        """A refresh token as a user's sign-in would have given it; with `expires_in=0` one that has ended."""
        said = self.control("refresh_tokens", client_id=client.client_id, scope=scope, expires_in=expires_in, **more)
        return str(said["refresh_token"])

    def decide(self, user_code: str, decision: str) -> None:
        """Lets a device code be `approved`, `denied` or `expired`, as its user or time would."""
        self.control("device_codes", user_code=user_code, decision=decision)

    @contextmanager
    def knobs(self, **changes: object) -> Iterator[None]:
        """Turns knobs of README.md while the block runs."""
        before = self.control("knobs", **changes)
        try:
            yield
        finally:
            self.control("knobs", **before)

    def control(self, name: str, /, **arguments: object) -> dict[str, Any]:
        """Does to the server what README.md lists. Raises AssertionError where it cannot be done."""
        reply = self._send(Request(f"{self.url}/harness/{name}", json.dumps(arguments).encode()))
        assert reply.status == 200, reply
        return reply.content

    def _send(self, request: Request, certificate: tuple[Path, Path] | None = None) -> Reply:
        context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None
        if context and certificate:
            context.load_cert_chain(*certificate)
        try:
            response = urlopen(request, timeout=PATIENCE, context=context)
        except HTTPError as error:
            response = error
        with response:
            return Reply(response.status, json.load(response))


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """oidc-provider: one issuer over http, one over https, and the second's port for mutual TLS."""

    http: Issuer
    https: Issuer
    mtls: str
    keys: Keys


@dataclass(frozen=True, slots=True)
class Django:
    """django-oauth-toolkit, over http."""

    http: Issuer
    keys: Keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Keys of this run."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def oidc_provider(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """oidc-provider, one for all tests."""
    folder = tmp_path_factory.mktemp("oidc-provider")
    with _serving(folder, oidc_provider_settings(keys), node(), FOLDER / "oidc_provider.mjs") as urls:
        yield OidcProvider(Issuer(urls["http"]), Issuer(urls["https"], keys.ca_file), urls["mtls"], keys)


@pytest.fixture(scope="session")
def django(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Django]:
    """django-oauth-toolkit, one for all tests."""
    folder = tmp_path_factory.mktemp("django")
    with _serving(folder, django_settings(keys), django_python(), FOLDER / "django_server.py") as urls:
        yield Django(Issuer(urls["http"]), keys)


@contextmanager
def _serving(folder: Path, settings: Mapping[str, Any], *command: Path) -> Iterator[dict[str, str]]:
    """Runs a server while the block runs; yields the URLs that it says it listens at."""
    (folder / "settings.json").write_text(json.dumps(settings))
    with (
        (folder / "stderr").open("w+") as log,
        subprocess.Popen(
            [*command, folder / "settings.json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield json.loads(read_until(process, r"listening (\{.*\})"))
        except AssertionError as error:
            error.add_note((folder / "stderr").read_text())
            raise
        finally:
            process.kill()
