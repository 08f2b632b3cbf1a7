"""No token: the provider's metadata, as a client reads them first (OpenID Connect Discovery 1.0 section 4)."""

from exporter.grants.metadata import PUBLIC, ask_for_metadata
from exporter.interpret import incomplete
from exporter.model import Attempt, Flow, Grant, Outcome


def steps(attempt: Attempt) -> Flow:
    """One request for the metadata, which must name what a client needs, at hosts that are the provider's."""
    metadata = yield from ask_for_metadata(attempt, reusable_for=0.0)
    if isinstance(metadata, Outcome):
        return metadata
    return Outcome() if metadata.jwks_uri else incomplete()


DISCOVERY = Grant(name="discovery", steps=steps, discovers=True, issues=False, forbids=PUBLIC)
