"""No token: the keys that the provider signs with, as whoever checks its tokens reads them (RFC 7517)."""

from exporter.catalogue import KEYS_REASONS
from exporter.grants.metadata import PUBLIC, ask_for_metadata, get
from exporter.interpret import incomplete, judge_keys
from exporter.model import Attempt, Flow, Grant, Outcome


def steps(attempt: Attempt) -> Flow:
    """One request for the keys; where they are stands in the metadata, which are reused."""
    metadata = yield from ask_for_metadata(attempt)
    if isinstance(metadata, Outcome):
        return metadata
    if not metadata.jwks_uri:
        return incomplete()
    answer = yield get(attempt, metadata.jwks_uri)
    return judge_keys(answer)


JWKS = Grant(name="jwks", steps=steps, discovers=True, reasons=KEYS_REASONS, issues=False, forbids=PUBLIC)
