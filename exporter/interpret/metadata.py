"""A provider's metadata: what they say, and whether they may be believed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from exporter.catalogue import Category, Reason, Stage
from exporter.interpret.judge import judge_document
from exporter.model import TENANT_ID, Answer, Issuer, Outcome, TokenEndpoint
from exporter.urls import host_of, url_problem

_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

_ENDPOINTS = ("token_endpoint", "jwks_uri", "authorization_endpoint", "device_authorization_endpoint")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider's metadata say; '' is unsaid. `token_issuers` are those that its tokens may name.

    OpenID Connect Discovery 1.0 section 3, RFC 8628 section 4, RFC 8705 section 5.
    """

    issuer: str
    token_endpoint: str
    jwks_uri: str = ""
    device_authorization_endpoint: str = ""
    mtls_token_endpoint: str = ""
    token_issuers: tuple[str, ...] = ()


def judge_metadata(answer: Answer, endpoint: TokenEndpoint | Issuer) -> Metadata | Outcome:
    """The metadata of a target's provider, or why they cannot be used."""
    if answer.status == HTTPStatus.NOT_FOUND and isinstance(endpoint, Issuer):
        return Outcome.failed(Category.CONFIG, Stage.HTTP, Reason.CLIENT_ERROR)
    document = judge_document(answer)
    if isinstance(document, Outcome):
        return document
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not _is_right(issuer, endpoint):
        # A mistyped issuer is far likelier than one that names itself wrongly; where none is typed, it does.
        category = Category.CONFIG if isinstance(endpoint, Issuer) else Category.PROTOCOL
        return Outcome.failed(category, Stage.OAUTH, Reason.ISSUER_MISMATCH)
    named = {name: _url(document.get(name), endpoint) for name in _ENDPOINTS}
    hosts = _hosts(endpoint, issuer)
    if not hosts.issuperset(host_of(url) for url in named.values() if url):
        return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.FOREIGN_HOST)
    if not named["token_endpoint"]:
        return incomplete()
    return Metadata(
        issuer=issuer,
        token_endpoint=named["token_endpoint"],
        jwks_uri=named["jwks_uri"],
        device_authorization_endpoint=named["device_authorization_endpoint"],
        mtls_token_endpoint=_alias(document, endpoint, hosts),
        token_issuers=tuple(_token_issuers(issuer, endpoint, document)),
    )


def incomplete() -> Outcome:
    """The outcome of metadata that lack what is needed."""
    return Outcome.failed(Category.PROTOCOL, Stage.OAUTH, Reason.METADATA_INCOMPLETE)


def _is_right(issuer: str, endpoint: TokenEndpoint | Issuer) -> bool:
    """Whether this is the very issuer whose metadata were asked for (section 4.3), under one of its names."""
    if isinstance(endpoint, Issuer):
        return issuer == endpoint.url
    tenant = _tenant(issuer, endpoint)
    return not endpoint.issuers or any(issuer == name.replace(TENANT_ID, tenant) for name in endpoint.issuers)


def _tenant(issuer: str, endpoint: TokenEndpoint) -> str:
    """The id of the tenant: whatever name was asked for, Microsoft's issuers are called by it."""
    if endpoint.tenant:
        return endpoint.tenant
    stated = _ID.search(issuer)
    return stated[0] if stated else ""


def _hosts(endpoint: TokenEndpoint | Issuer, issuer: str) -> frozenset[str]:
    own = {host_of(url) for url in (endpoint.url, endpoint.metadata_url, issuer) if not url_problem(url)}
    return endpoint.hosts | own


def _token_issuers(issuer: str, endpoint: TokenEndpoint | Issuer, document: Mapping[str, Any]) -> Iterator[str]:
    """The issuers that tokens may name: the metadata's, one that these give for tokens, and the provider's others."""
    yield issuer
    # AD FS signs as the federation service that it is (Microsoft, "AD FS OpenID Connect/OAuth concepts").
    if isinstance(stated := document.get("access_token_issuer"), str):
        yield stated
    if isinstance(endpoint, TokenEndpoint):
        yield from (other.replace(TENANT_ID, _tenant(issuer, endpoint)) for other in endpoint.token_issuers)


def _alias(document: Mapping[str, Any], endpoint: TokenEndpoint | Issuer, hosts: frozenset[str]) -> str:
    """Where tokens are asked for by those who show a certificate; at a stranger's host it counts as unsaid.

    Hardly anybody asks there, so that a host which is not believed is no reason to believe nothing.
    """
    aliases = document.get("mtls_endpoint_aliases")
    url = _url(aliases.get("token_endpoint"), endpoint) if isinstance(aliases, dict) else ""
    return url if url and host_of(url) in hosts else ""


def _url(stated: object, endpoint: TokenEndpoint | Issuer) -> str:
    """A stated URL that may be asked; '' where none is stated."""
    if not isinstance(stated, str) or url_problem(stated):
        return ""
    return stated if endpoint.allow_http or stated.lower().startswith("https:") else ""
