"""Log lines of what changed: a line an attempt would bury it, and every failure is kept in the history."""

import logging
from collections.abc import Collection, Iterable

from exporter.model import CredentialState, ProbeResult
from exporter.report import log_fields, verdict

log = logging.getLogger(__name__)

CLOCKS_DIFFER = 60.0
"""Seconds by which a provider's clock may differ from ours before that is told: what we sign may then be refused."""


class Announcer:
    """Logs what is otherwise than after a target's last attempt."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, bool], str] = {}
        self._clocks_differ: set[str] = set()

    def announce(self, result: ProbeResult, credentials: Iterable[CredentialState]) -> None:
        """Logs what an attempt changed, and the credentials that can be read no more, or again."""
        for state in credentials:
            _log_credential(result.target.name, state)
        self._log_clock(result)
        self._log_verdict(result)

    def retain(self, names: Collection[str]) -> None:
        """Forgets what there was to say of any other target than these."""
        self._verdicts = {key: said for key, said in self._verdicts.items() if key[0] in names}
        self._clocks_differ.intersection_update(names)

    def _log_verdict(self, result: ProbeResult) -> None:
        key, said = (result.target.name, result.target.is_rotated), verdict(result)
        before = self._verdicts.get(key)
        self._verdicts[key] = said
        if not result.outcome.success:
            level = logging.WARNING if said != before else logging.DEBUG
        else:
            level = logging.INFO if before not in {None, said} else logging.DEBUG
        if log.isEnabledFor(level):
            log.log(level, "probe succeeds" if result.outcome.success else "probe fails", extra=log_fields(result))

    def _log_clock(self, result: ProbeResult) -> None:
        name, difference = result.target.name, result.evidence.clock_difference
        if difference is None or (abs(difference) > CLOCKS_DIFFER) == (name in self._clocks_differ):
            return
        about = {"target": name, "clock_difference_seconds": round(difference, 1)}
        if name in self._clocks_differ:
            self._clocks_differ.discard(name)
            log.info("the provider's clock and ours agree again", extra=about)
        else:
            self._clocks_differ.add(name)
            log.warning("the provider's clock differs from ours; is this machine's right?", extra=about)


def _log_credential(target: str, state: CredentialState) -> None:
    about = {"target": target, "credential": state.label}
    if state.problem:
        log.warning("credential cannot be read", extra={**about, "problem": state.problem})
    else:
        log.info("credential can be read again", extra=about)
