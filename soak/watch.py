"""Looks at the exporter while it is soaked, and says what does not hold."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from soak import invariants
from soak.figures import Faults, Figures, Note, read_openmetrics, read_text
from soak.process import Served
from soak.scraper import OPENMETRICS, Scraper
from soak.targets import bounds
from soak.world import World

SCRAPE_EVERY = 2.0
PAGES_EVERY = 3
"""Scrapes for each look at all the pages."""

CHECK_EVERY = 40
"""Scrapes for each that promtool looks at, too."""

Report = Callable[[dict[str, object]], None]
"""Takes one line of progress."""


class Findings:
    """What does not hold, each once, told as soon as it is found."""

    def __init__(self, report: Report, canaries: Callable[[], Iterable[bytes]]) -> None:
        self.problems: list[str] = []
        self._report = report
        self._canaries = canaries

    def tell(self, problem: str) -> None:
        """Takes up what does not hold."""
        if problem not in self.problems:
            self.problems.append(problem)
            self._report({"problem": problem})

    def tell_all(self, problems: Iterable[str]) -> None:
        """Takes up all of these."""
        for problem in problems:
            self.tell(problem)

    def look(self, sink: str, content: bytes) -> None:
        """Looks at what a sink shows."""
        self.tell_all(invariants.leaked(sink, content, self._canaries()))


class Watch:
    """Scrapes, reads pages, and holds what it sees against the invariants."""

    def __init__(self, world: World, served: Served, scraper: Scraper, findings: Findings, promtool: str) -> None:
        self._world = world
        self._served = served
        self._scraper = scraper
        self._findings = findings
        self._promtool = promtool
        self._bounds = bounds(world.all_entries())
        self._on_disk = {name for name, entry in world.own.items() if "state_file" in entry}
        self._stalled: Counter[str] = Counter()
        self._excused: Counter[str] = Counter()
        self._blameless: Counter[str] = Counter()
        self._warm = 0
        self.attempts: Counter[str] = Counter()
        self.attempted: set[str] = set()
        self.scrapes = 0

    async def scrape(self, faults: Faults) -> Figures:
        """Scrapes in both formats, and judges what is there. Raises ValueError where it cannot be parsed."""
        page = await self._scraper.get("/metrics")
        openmetrics = await self._scraper.get("/metrics", OPENMETRICS)
        self._findings.look("/metrics", page)
        self._findings.look("/metrics in OpenMetrics", openmetrics)
        self.take_notes(faults)
        if self.scrapes % CHECK_EVERY == 0:
            await self.check(page)
        self.scrapes += 1
        await asyncio.to_thread(read_openmetrics, openmetrics.decode())
        figures = await asyncio.to_thread(read_text, page.decode())
        well = self._world.healthy
        self._findings.tell_all(invariants.miscounted(figures, self._stalled))
        self._findings.tell_all(invariants.unwell(figures, self._excused, well))
        self._findings.tell_all(invariants.misattributed(figures, self._blameless, {*well, *self._world.own}))
        return figures

    def compare(self, now: Figures, before: Figures, first: Figures) -> None:
        """Holds a scrape against the one before and the first, and memory against what it was once it was warm."""
        self._findings.tell_all(invariants.overgrown(now, first, self._bounds))
        self._findings.tell_all(invariants.skipped(now, before, self._world.healthy))
        if self._warm:
            self._findings.tell_all(invariants.swollen(self._served.memory(), self._warm))

    def is_warm(self) -> None:
        """From now on memory stays as it is."""
        self._warm = self._served.memory()

    async def read_pages(self) -> None:
        """Looks at every page."""
        async for path, content in self._scraper.pages(tuple(self._world.entries())):
            self._findings.look(path, content)

    async def check(self, page: bytes) -> None:
        """Has promtool look at a page."""
        process = await asyncio.create_subprocess_exec(
            self._promtool,
            "check",
            "metrics",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate(page)
        if process.returncode:
            self._findings.tell(f"I4: promtool: {said.decode()}")

    def take_notes(self, faults: Faults) -> None:
        """Judges each attempt that was made since."""
        notes = list(self._served.notes())
        # A disk has no deadline: what a state file takes, before and after, is not the conversation's.
        self._findings.tell_all(invariants.overdue(note for note in notes if note.target not in self._on_disk))
        for note in notes:
            self.attempts[note.side or "success"] += 1
            self.attempted.add(note.target)
            self._stalled[note.target] += note.stalled
            if note.side:
                self._take_failure(note, faults)

    def _take_failure(self, note: Note, faults: Faults) -> None:
        """A failure of a target that is well needs an excuse."""
        excused = invariants.is_excused(note, faults)
        self._excused[note.target] += excused
        self._blameless[note.target] += excused and note.side != "prober"
        if not excused and note.target in self._world.healthy:
            self._findings.tell(f"I5: an attempt failed that should be well: {note}")
