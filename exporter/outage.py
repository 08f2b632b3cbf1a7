"""Is it an outage? A sequential test over a target's answers, and when to ask again soon to be sure.

The test is a set of CUSUM statistics (Page 1954), one for each error ratio that an outage may have: each adds up the
log-likelihood ratio of what was seen, never below nothing. Noise is clustered: where nothing is wrong an attempt
rarely fails, but one that follows a failure often does. So a run of failures counts little beyond its first, unless it
goes on, and failures apart from each other count in full. `make replay` measures what comes of it.
"""

import math
from dataclasses import dataclass, field

from exporter.catalogue import OUTAGE_CATEGORIES, Category
from exporter.model import Outcome, ProbeResult

NOISE = 0.005
"""The chance that an attempt fails while nothing is wrong."""

REPEAT = 0.25
"""The chance that an attempt fails while nothing is wrong if the one before it failed."""

_SILENT = frozenset({Category.THROTTLED, Category.LOCAL, Category.UNKNOWN})
"""Failures that say nothing of whether the provider issues tokens."""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """An outage in which this share of attempts fails, and the evidence at which it is certain (nats)."""

    ratio: float
    certain_at: float

    def likelihood(self, *, failed: bool, after_failure: bool) -> float:
        """The log-likelihood ratio of one attempt: this outage against nothing being wrong."""
        noise = REPEAT if after_failure else NOISE
        return math.log(self.ratio / noise) if failed else math.log((1 - self.ratio) / (1 - noise))


_HYPOTHESES = (_Hypothesis(0.98, 10.5), _Hypothesis(0.2, 10.0), _Hypothesis(0.05, 10.0))
"""Of a total outage five failures in a row are certainty, of a partial one three or four apart from each other."""

_LIKELIHOODS = {
    (failed, after_failure): tuple(
        hypothesis.likelihood(failed=failed, after_failure=after_failure) for hypothesis in _HYPOTHESES
    )
    for failed in (False, True)
    for after_failure in (False, True)
}

CHANCE = 0.01
"""An outage is over once so many successes in a row would have at most this chance while it goes on."""

LEAST_SUCCESSES, MOST_SUCCESSES = 3, 90
"""How many successes in a row end an outage, whatever share of attempts failed in it."""

MOST_SILENCE = 20
"""After so many answers in a row that say nothing of an outage, what was known before says nothing either."""

MEMORY = 40
"""About how many attempts the share of failures is taken of."""


@dataclass(slots=True)
class _Share:
    """The share of attempts that failed lately, older ones counting less and less."""

    _failed: float = 0.0
    _seen: float = 0.0

    def see(self, *, failed: bool) -> None:
        keep = 1 - 1 / MEMORY
        self._failed = keep * self._failed + failed
        self._seen = keep * self._seen + 1

    def successes_to_end(self) -> int:
        """How many successes in a row are too many for this share."""
        passes = 1 - self._failed / self._seen
        if passes <= 0:
            return LEAST_SUCCESSES
        return min(max(LEAST_SUCCESSES, math.ceil(math.log(CHANCE) / math.log(passes))), MOST_SUCCESSES)


class OutageTest:
    """The sequential test of one target."""

    __slots__ = ("_certain", "_failed_before", "_scores", "_share", "_silence", "_to_go")

    def __init__(self) -> None:
        self._scores = [0.0] * len(_HYPOTHESES)
        self._failed_before = False
        self._certain = False
        self._share = _Share()
        self._to_go = 0
        self._silence = 0

    def see(self, *, failed: bool) -> None:
        """Takes in one more answer."""
        self._silence = 0
        if self.evidence == 0:
            self._share = _Share()
        self._share.see(failed=failed)
        steps = _LIKELIHOODS[failed, self._failed_before]
        self._scores = [
            min(max(0.0, score + step), hypothesis.certain_at)
            for score, step, hypothesis in zip(self._scores, steps, _HYPOTHESES, strict=True)
        ]
        self._failed_before = failed
        if self.evidence >= 1 and not self._certain:
            # A success that stands alone among failures may be what makes it certain.
            self._certain = True
            self._to_go = self._share.successes_to_end()
        elif self._certain:
            self._see_end(failed=failed)

    def _see_end(self, *, failed: bool) -> None:
        """Ends a certain outage after enough successes in a row; what was known of it is then forgotten."""
        if failed:
            self._to_go = self._share.successes_to_end()
            return
        self._to_go -= 1
        if self._to_go <= 0:
            self._forget()

    def see_nothing(self) -> None:
        """Takes in an answer that says nothing of an outage; after many in a row nothing is known any more."""
        self._silence += 1
        if self._silence >= MOST_SILENCE:
            self._forget()

    def _forget(self) -> None:
        self._certain = False
        self._failed_before = False
        self._scores = [0.0] * len(_HYPOTHESES)

    @property
    def evidence(self) -> float:
        """How far the evidence reaches: 0 is none, 1 is what a verdict needs."""
        return max(score / hypothesis.certain_at for score, hypothesis in zip(self._scores, _HYPOTHESES, strict=True))

    @property
    def certain(self) -> bool:
        """Whether there is an outage: from certainty until it is certain to be over."""
        return self._certain


def speaks_of_outage(outcome: Outcome) -> bool | None:
    """Whether an attempt failed as in an outage; None where it says nothing of that."""
    if outcome.failure is None:
        return False
    category = outcome.failure.category
    return None if category in _SILENT else category in OUTAGE_CATEGORIES


@dataclass(slots=True)
class Allowance:
    """Extra attempts: at most so many within any hour, half of them at once. Moments in seconds."""

    per_hour: int
    _left: float = field(init=False)
    _filled_at: float = 0.0

    def __post_init__(self) -> None:
        self._left = self.per_hour / 2

    def take(self, now: float) -> bool:
        """Takes one, if there is one."""
        half = self.per_hour / 2
        self._left = min(half, self._left + (now - self._filled_at) * half / 3600)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


HOLD_OFF = 300.0
"""Seconds for which nothing is confirmed after an answer that says when to ask again."""


@dataclass(slots=True)
class Watch:
    """What is made of one target's answers: the verdict, and whether to ask again soon.

    Only an outage is confirmed. An answer that throttles, or that refuses the client or its user, ends the asking: to
    repeat such a request is what locks accounts and feeds throttling.
    """

    allowance: Allowance
    test: OutageTest = field(default_factory=OutageTest)
    _suspected: bool = False
    _keeps_away_until: float = 0.0

    @property
    def undecided(self) -> bool:
        """Whether an outage is suspected and neither certain nor refuted."""
        return self._suspected and not self.test.certain

    def asks(self, now: float) -> bool:
        """Whether another attempt may be made now to be sure; takes it from the allowance. Monotonic time."""
        return self.undecided and self.allowance.take(now)

    def attempted(self, result: ProbeResult) -> None:
        """Takes in a scheduled attempt; a failure as in an outage raises suspicion."""
        spoke = self._see(result)
        self._suspected = (spoke or (self._suspected and result.outcome.success)) and self.test.evidence > 0

    def confirmed(self, result: ProbeResult) -> None:
        """Takes in an attempt that was made to be sure; it only ends suspicion."""
        spoke = self._see(result)
        self._suspected = self._suspected and (spoke or result.outcome.success) and self.test.evidence > 0

    def _see(self, result: ProbeResult) -> bool:
        """Whether the result speaks of an outage, and nobody asked us to keep away."""
        failed = speaks_of_outage(result.outcome)
        if failed is None:
            self.test.see_nothing()
        else:
            self.test.see(failed=failed)
        if result.evidence.retry_after:
            self._keeps_away_until = result.started_at + HOLD_OFF
        return bool(failed) and result.started_at >= self._keeps_away_until
