"""What an attempt can come to, so that its series are there before they are needed."""

from collections.abc import Iterator

from exporter.catalogue import METADATA_REASONS, MUTUAL_TLS_FAULTS, REASONS, TOKEN_CHECK_REASONS, Reason, Stage
from exporter.credentials import METHODS
from exporter.grants import GRANTS
from exporter.model import Issuer, Target

_ANSWERED = frozenset({(Stage.OAUTH, Reason.REFUSED), (Stage.OAUTH, Reason.ERROR_IN_200)})
"""Failures that were told in OAuth's own words; they are counted by code and error."""


_OF_SOME = frozenset().union(
    METADATA_REASONS, MUTUAL_TLS_FAULTS, TOKEN_CHECK_REASONS, *(grant.reasons for grant in GRANTS.values())
)
"""Failures that only some targets can come to; others meet them by surprise, if at all."""


def possible_faults(target: Target) -> Iterator[tuple[Stage, Reason]]:
    """What an attempt at a target can come to that is not told in OAuth's words."""
    grant = GRANTS[target.grant]
    own = set(grant.reasons)
    if grant.discovers or isinstance(target.endpoint, Issuer):
        own |= METADATA_REASONS
    if target.expect.token is not None:
        own |= TOKEN_CHECK_REASONS
    if _shows_certificate(target):
        own |= MUTUAL_TLS_FAULTS
    impossible = _ANSWERED | (_OF_SOME - own)
    for stage, reasons in REASONS.items():
        yield from ((stage, reason) for reason in reasons if (stage, reason) not in impossible)


def _shows_certificate(target: Target) -> bool:
    credentials = (target.credential, target.next_credential)
    return any(credential and METHODS[credential.method].mutual_tls for credential in credentials)
