"""How far one exchange has got, and how long each part of it took."""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.catalogue import Phase, Stage
from exporter.clock import Clock
from exporter.model import Exchange
from exporter.transport.chain import earliest_expiry

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

    __slots__ = (
        "_clock",
        "_phases",
        "_since",
        "address",
        "chain",
        "cipher",
        "headers",
        "is_acknowledged",
        "stage",
        "status",
        "tls_version",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._phases = dict.fromkeys(Phase, 0.0)
        self.stage = Stage.DNS
        self.address = ""
        self.chain: tuple[int, bytes] | None = None
        self.tls_version = ""
        self.cipher = ""
        self.is_acknowledged = True
        self.status: int | None = None
        self.headers: Mapping[str, str] = MappingProxyType({})

    def enter(self, stage: Stage) -> None:
        """Goes on to the next stage."""
        self._stop()
        self.stage = stage

    def take_up(self, opened: "Progress") -> None:
        """Goes over the connection that another exchange opened."""
        self.address, self.chain = opened.address, opened.chain
        self.tls_version, self.cipher = opened.tls_version, opened.cipher
        # The little that looking for it took counts as the provider's time: no phase but the request's was there.
        self.stage = Stage.HEADERS

    def exchange(self) -> Exchange:
        """What happened so far; the phases add up to the time since the start."""
        self._stop()
        return Exchange(
            phases=MappingProxyType(self._phases),
            address=self.address,
            certificate_expiry=earliest_expiry(*self.chain) if self.chain else None,
            tls_version=self.tls_version,
            cipher=self.cipher,
        )

    def _stop(self) -> None:
        now = self._clock.monotonic()
        self._phases[_PHASES[self.stage]] += now - self._since
        self._since = now
