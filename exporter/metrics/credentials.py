"""The series of each credential by itself."""

from exporter.catalogue import FAILURE_CATEGORIES
from exporter.metrics.families import Families
from exporter.model import CURRENT, NEXT, ProbeResult, Target


class CredentialSeries:
    """Writes what is told apart by credential: how each stands, and, where two stand side by side, how each fares."""

    def __init__(self, families: Families) -> None:
        self._families = families
        self._series = families.series

    def watch(self, target: Target) -> None:
        """Makes every series of a target that can be known before it is needed."""
        for credential in target.credentials:
            if credential.expires is not None:
                self._series(self._families.credential_expiry, target.name, credential.label).set(credential.expires)
        if target.next_credential is None:
            return
        for label in (CURRENT, NEXT):
            self._series(self._families.credential_attempts, target.name, label)
            for category in FAILURE_CATEGORIES:
                self._series(self._families.credential_failures, target.name, label, category.side, category)

    def record(self, result: ProbeResult) -> None:
        """Counts one attempt for the credential that it was made with."""
        name, credential = result.target.name, result.target.credential
        for state in result.credentials:
            self._series(self._families.credential_readable, name, state.label).set(not state.problem)
            if state.expires is not None:
                self._series(self._families.credential_expiry, name, state.label).set(state.expires)
        if credential is None or (result.target.next_credential is None and not result.target.is_rotated):
            return
        self._series(self._families.credential_attempts, name, credential.label).inc()
        self._series(self._families.credential_success, name, credential.label).set(result.outcome.success)
        if (failure := result.outcome.failure) is not None:
            self._series(
                self._families.credential_failures, name, credential.label, failure.side, failure.category
            ).inc()
