"""How a target's credentials stand, so that a rotation is proven before it is made."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from exporter.model import CredentialState, ProbeResult, Target
from exporter.report import verdict


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """How one credential stands, and what the last attempt with it came to, if there was one (Unix time)."""

    method: str
    state: CredentialState
    verdict: str = ""
    success: bool = False
    tried_at: float | None = None


class Credentials:
    """Remembers how each credential of each target stands."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CredentialStatus] = {}

    def note(self, result: ProbeResult) -> list[CredentialState]:
        """Keeps what an attempt says of its credentials; those that can be read no more, or again, come back."""
        changed = []
        for state in result.credentials:
            key = result.target.name, state.label
            before = self._known.get(key)
            self._known[key] = CredentialStatus(
                method=_method(result.target, state.label),
                state=state,
                verdict=verdict(result),
                success=result.outcome.success,
                tried_at=result.started_at,
            )
            if state.problem != (before.state.problem if before else ""):
                changed.append(state)
        return changed

    def retain(self, names: Collection[str]) -> None:
        """Forgets the credentials of any other target than these."""
        self._known = {key: status for key, status in self._known.items() if key[0] in names}

    def of(self, target: Target) -> list[CredentialStatus]:
        """The credentials of a target, its current one first."""
        return [self._known.get((target.name, each.state.label), each) for each in _configured(target)]


def _configured(target: Target) -> Iterator[CredentialStatus]:
    for credential in target.credentials:
        yield CredentialStatus(credential.method, CredentialState(credential.label, expires=credential.expires))
    for name, _ in target.secrets:
        yield CredentialStatus("", CredentialState(name))


def _method(target: Target, label: str) -> str:
    return target.credential.method if target.credential and target.credential.label == label else ""
