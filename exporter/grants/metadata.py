"""What everybody may read of a provider: its metadata, and what they lead to."""

from collections.abc import Generator
from dataclasses import replace

from exporter.interpret import Metadata, judge_metadata
from exporter.model import Answer, Attempt, Outcome, Parameters, TokenRequest
from exporter.providers import PROVIDERS

METADATA_LIFETIME = 300.0
"""Seconds for which a provider's metadata are reused, so that their latency is not the token endpoint's."""


def ask_for_metadata(
    attempt: Attempt, reusable_for: float = METADATA_LIFETIME
) -> Generator[TokenRequest, Answer, Metadata | Outcome]:
    """The provider's metadata, or why they cannot be used (OpenID Connect Discovery 1.0 section 4)."""
    endpoint = attempt.target.endpoint
    answer = yield replace(get(attempt, endpoint.metadata_url), reusable_for=reusable_for)
    return judge_metadata(answer, endpoint)


PUBLIC = frozenset({"expect", "parameters", "reuse_connection"})
"""Keys of the config that have no meaning for a grant which asks for no more than everybody may read."""


def get(attempt: Attempt, url: str) -> TokenRequest:
    """A request of what everybody may read."""
    return TokenRequest(url=url, headers=headers(attempt), ca_file=attempt.target.ca_file)


def headers(attempt: Attempt) -> Parameters:
    """The header fields of every request to a provider."""
    return PROVIDERS[attempt.target.provider].request_headers(attempt.request_id)
