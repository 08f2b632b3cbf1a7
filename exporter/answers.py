"""What a running exporter answers to the web side and the terminal."""

import asyncio

from exporter.clock import Clock
from exporter.exporter import Exporter
from exporter.metrics import exposition, probe_registry
from exporter.model import Target
from exporter.report import conversation
from exporter.status import TargetDetail, TargetStatus, target_status
from exporter.ticket import Ticket, make_ticket
from exporter.web import Ports, ProbeReport, Records, Reload, Standings

STRIP_MINUTES = 60
"""Minutes that the status pages draw of each target."""

JUDGED_AT_ONCE = 25
"""Targets whose status is made out before probes go on."""

DAY = 86400.0


class Answers:
    """Answers questions about one exporter."""

    def __init__(self, exporter: Exporter, clock: Clock) -> None:
        self._exporter = exporter
        self._clock = clock

    def ports(self, *, drills: bool, reload: Reload | None = None) -> Ports:
        """What the web side may ask."""
        exporter = self._exporter
        return Ports(
            config=lambda: exporter.config,
            render=exporter.render,
            probe_now=self._probe_now,
            standings=Standings(now=self._clock.time, targets=self.statuses, detail=self._detail),
            records=Records(
                failures=exporter.history.failures, find=exporter.history.find, knows=self._knows, ticket=self._ticket
            ),
            ready=lambda: exporter.ready,
            drill=exporter.begin_drill if drills else None,
            reload=reload,
        )

    async def statuses(self) -> list[TargetStatus]:
        """How every target stands, at about this moment."""
        made = []
        for number, target in enumerate(tuple(self._exporter.targets.values()), 1):
            made.append(self._status(target))
            if number % JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return made

    def _status(self, target: Target) -> TargetStatus:
        now = self._clock.time()
        return target_status(
            target,
            self._exporter.history.standing(target.name, now, STRIP_MINUTES),
            outage=self._exporter.outage(target),
            begun=self._exporter.begun,
            now=now,
        )

    def _detail(self, name: str) -> TargetDetail | None:
        if (target := self._exporter.targets.get(name)) is None:
            return None
        history = self._exporter.history
        return TargetDetail(
            status=self._status(target),
            credentials=self._exporter.credentials.of(target),
            recent=history.recent(name),
            day=history.tally(name, self._clock.time() - DAY),
        )

    def _knows(self, target: str) -> bool:
        """Whether the config has this target, or the history does, of an earlier config."""
        return target in self._exporter.targets or target in self._exporter.history

    def _ticket(self, code: str, target: str, since: float) -> Ticket:
        now = self._clock.time()
        begin = now - since
        return make_ticket(
            self._exporter.history.failures(since=begin),
            self._exporter.history.tallies(begin),
            code=code,
            target=target,
            since=begin,
            until=now,
        )

    async def _probe_now(self, name: str, timeout: float | None) -> ProbeReport | None:
        result = await self._exporter.probe_now(name, timeout)
        if result is None:
            return None
        registry = probe_registry(result)
        return ProbeReport(
            render=lambda openmetrics: exposition(registry, openmetrics=openmetrics),
            conversation=lambda: conversation(result),
        )
