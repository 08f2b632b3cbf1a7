"""How far one exchange has got, and how long each part of it took."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.catalogue import Phase, Stage
from exporter.clock import Clock
from exporter.model import Exchange

_PHASES: Mapping[Stage, Phase] = MappingProxyType(
    {
        Stage.DNS: Phase.RESOLVE,
        Stage.CONNECT: Phase.CONNECT,
        Stage.TLS: Phase.TLS,
        Stage.HEADERS: Phase.PROCESSING,
        Stage.BODY: Phase.TRANSFER,
    }
)


class Progress:
    """The stopwatch of one exchange: entering a stage ends the phase before it."""

    __slots__ = ("_clock", "_phases", "_since", "address", "certificate_expiry", "headers", "stage", "status")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._phases = dict.fromkeys(Phase, 0.0)
        self.stage = Stage.DNS
        self.address = ""
        self.certificate_expiry: float | None = None
        self.status: int | None = None
        self.headers: Mapping[str, str] = MappingProxyType({})

    def enter(self, stage: Stage) -> None:
        """Goes on to the next stage."""
        self._stop()
        self.stage = stage

    def exchange(self) -> Exchange:
        """What happened so far; the phases add up to the time since the start."""
        self._stop()
        return Exchange(MappingProxyType(self._phases), self.address, self.certificate_expiry)

    def _stop(self) -> None:
        now = self._clock.monotonic()
        self._phases[_PHASES[self.stage]] += now - self._since
        self._since = now
