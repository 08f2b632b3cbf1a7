"""What the grants share: the provider's metadata, and one request to the token endpoint or another."""

from collections.abc import Generator
from dataclasses import replace

from exporter.credentials import METHODS, Client, Method
from exporter.interpret import Metadata, judge_metadata, judge_token, renewed_token
from exporter.model import Answer, Attempt, Flow, Outcome, Parameters, Signing, TokenEndpoint, TokenRequest
from exporter.providers import PROVIDERS

METADATA_LIFETIME = 300.0
"""Seconds for which a provider's metadata is reused, so that its latency is not the token endpoint's."""


def ask_for_token(attempt: Attempt, own: Parameters, takes: frozenset[str] = frozenset()) -> Flow:
    """Sends a grant's own parameters to the target's token endpoint, and judges the answer.

    A refresh token that the grant `takes` of it goes with the outcome.
    """
    url = yield from token_endpoint(attempt)
    if isinstance(url, Outcome):
        return url
    request = replace(post(attempt, url, own), takes=takes)
    answer = yield request
    outcome = judge_token(answer, request, attempt.target.expect)
    return replace(outcome, renewed=renewed_token(answer))


def token_endpoint(attempt: Attempt) -> Generator[TokenRequest, Answer, str | Outcome]:
    """The URL of the target's token endpoint; its provider is asked where the config does not tell."""
    if isinstance(attempt.target.endpoint, TokenEndpoint):
        return attempt.target.endpoint.url
    metadata = yield from ask_for_metadata(attempt)
    if isinstance(metadata, Outcome):
        return metadata
    # RFC 8705 section 5: whoever shows a certificate asks where servers want to see one.
    return (_method(attempt).mutual_tls and metadata.mtls_token_endpoint) or metadata.token_endpoint


def ask_for_metadata(attempt: Attempt) -> Generator[TokenRequest, Answer, Metadata | Outcome]:
    """The provider's metadata, or why they cannot be used (OpenID Connect Discovery 1.0 section 4)."""
    endpoint = attempt.target.endpoint
    request = get(attempt, endpoint.metadata_url)
    answer = yield replace(request, reusable_for=METADATA_LIFETIME)
    return judge_metadata(answer, endpoint)


def get(attempt: Attempt, url: str) -> TokenRequest:
    """A request of what everybody may read."""
    return TokenRequest(url=url, headers=_headers(attempt), ca_file=attempt.target.ca_file)


def post(attempt: Attempt, url: str, own: Parameters) -> TokenRequest:
    """A request with a grant's own parameters, in which the client says who it is."""
    target = attempt.target
    keep = target.name if target.reuse_connection else ""
    request = TokenRequest(url=url, form=own, headers=_headers(attempt), ca_file=target.ca_file, keep=keep)
    client = Client(
        client_id=target.client_id,
        proof=attempt.proof,
        audience=url,
        now=attempt.now,
        new_id=attempt.new_id,
        signing=target.credential.signing if target.credential else Signing(),
    )
    request = _method(attempt).authenticate(request, client)
    # What the config states itself replaces what we would have sent; RFC 6749 section 3.2 forbids repeating.
    merged = dict(request.form or ()) | dict(target.parameters)
    return replace(request, form=tuple(merged.items()))


def stated(attempt: Attempt, *names: str) -> Parameters:
    """Those of these arguments that the config states."""
    arguments = {"scope": attempt.target.scope, **dict(attempt.target.arguments)}
    return tuple((name, arguments[name]) for name in names if arguments.get(name))


def _method(attempt: Attempt) -> Method:
    credential = attempt.target.credential
    return METHODS[credential.method if credential else "none"]


def _headers(attempt: Attempt) -> Parameters:
    return PROVIDERS[attempt.target.provider].request_headers(attempt.request_id)
