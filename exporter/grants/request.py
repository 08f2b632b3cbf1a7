"""What the grants share: finding the token endpoint, and one request to it."""

from collections.abc import Generator
from dataclasses import replace

from exporter.credentials import METHODS
from exporter.interpret import judge_metadata, judge_token
from exporter.model import Answer, Attempt, Flow, Issuer, Outcome, Parameters, TokenRequest
from exporter.providers import PROVIDERS


def ask_for_token(attempt: Attempt, own: Parameters) -> Flow:
    """Sends a grant's own parameters to the target's token endpoint, and judges the answer."""
    endpoint = yield from _token_endpoint(attempt)
    if isinstance(endpoint, Outcome):
        return endpoint
    request = _token_request(attempt, endpoint, own)
    answer = yield request
    return judge_token(answer, request, attempt.target.expect)


def _token_endpoint(attempt: Attempt) -> Generator[TokenRequest, Answer, str | Outcome]:
    endpoint = attempt.target.endpoint
    if not isinstance(endpoint, Issuer):
        return endpoint.url
    # OpenID Connect Discovery 1.0 section 4.1: a slash at the issuer's end is removed first.
    url = endpoint.url.removesuffix("/") + "/.well-known/openid-configuration"
    answer = yield TokenRequest(url=url, headers=_headers(attempt), ca_file=attempt.target.ca_file, reusable=True)
    metadata = judge_metadata(answer, endpoint.url, allow_http=endpoint.allow_http)
    return metadata if isinstance(metadata, Outcome) else metadata.token_endpoint


def _token_request(attempt: Attempt, url: str, own: Parameters) -> TokenRequest:
    target = attempt.target
    request = TokenRequest(url=url, form=own, headers=_headers(attempt), ca_file=target.ca_file)
    if target.credential is not None and attempt.secret is not None:
        request = METHODS[target.credential.method](request, target.client_id, attempt.secret)
    elif target.client_id:
        request = replace(request, form=(*own, ("client_id", target.client_id)))
    # What the config states itself replaces what we would have sent; RFC 6749 section 3.2 forbids repeating.
    merged = dict(request.form or ()) | dict(target.parameters)
    return replace(request, form=tuple(merged.items()))


def _headers(attempt: Attempt) -> Parameters:
    return PROVIDERS[attempt.target.provider].request_headers(attempt.request_id)
