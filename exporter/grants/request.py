"""What the grants share: one request to the token endpoint or another, and what is made of the answer."""

from collections.abc import Generator
from dataclasses import replace

from exporter.credentials import METHODS, Client, Method
from exporter.grants.metadata import ask_for_metadata, headers
from exporter.grants.token_check import check_token
from exporter.interpret import judge_token, renewed_token
from exporter.model import Answer, Attempt, Flow, Outcome, Parameters, Signing, TokenEndpoint, TokenRequest


def ask_for_token(attempt: Attempt, own: Parameters, takes: frozenset[str] = frozenset()) -> Flow:
    """Sends a grant's own parameters to the target's token endpoint, and judges the answer.

    A refresh token that the grant `takes` of it goes with the outcome.
    """
    url = yield from token_endpoint(attempt)
    if isinstance(url, Outcome):
        return url
    request = post(attempt, url, own)
    if takes:
        request = replace(request, takes=takes)
    answer = yield request
    outcome = judge_token(answer, request, attempt.target.expect)
    checked = yield from check_token(attempt, outcome, answer)
    renewed = renewed_token(answer)
    return checked if renewed is None else replace(checked, renewed=renewed)


def token_endpoint(attempt: Attempt) -> Generator[TokenRequest, Answer, str | Outcome]:
    """The URL of the target's token endpoint; its provider is asked where the config does not tell."""
    if isinstance(attempt.target.endpoint, TokenEndpoint):
        return attempt.target.endpoint.url
    metadata = yield from ask_for_metadata(attempt)
    if isinstance(metadata, Outcome):
        return metadata
    # RFC 8705 section 5: whoever shows a certificate asks where servers want to see one.
    return (_method(attempt).mutual_tls and metadata.mtls_token_endpoint) or metadata.token_endpoint


def post(attempt: Attempt, url: str, own: Parameters) -> TokenRequest:
    """A request with a grant's own parameters, in which the client says who it is."""
    target = attempt.target
    keep = target.name if target.reuse_connection else ""
    request = TokenRequest(url=url, form=own, headers=headers(attempt), ca_file=target.ca_file, keep=keep)
    client = Client(
        client_id=target.client_id,
        proof=attempt.proof,
        audience=url,
        now=attempt.now,
        new_id=attempt.new_id,
        signing=target.credential.signing if target.credential else Signing(),
    )
    request = _method(attempt).authenticate(request, client)
    if not target.parameters:
        return request
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
