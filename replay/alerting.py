"""From the moments at which an alert's expression holds to the times in which the alert fires."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Firing:
    """From the evaluation at which an alert fires to the first at which it no longer does. Unix time."""

    begin: float
    end: float


def firings(moments: Iterable[float], step: float, pending: float, keep: float) -> Iterator[Firing]:
    """The times in which an alert fires whose expression holds at these moments, as Prometheus's rule manager has it.

    `step` is the evaluation interval, `pending` the rule's `for`, `keep` its `keep_firing_for`; all in seconds.
    """
    # Nothing is decided between two evaluations.
    pending, keep = (step * math.ceil(seconds / step) for seconds in (pending, keep))
    current: Firing | None = None
    for begin, end in _runs(moments, step):
        if current is not None and begin <= current.end:
            # What still fires is not pending anew, not even at the evaluation that would have ended it.
            current = Firing(current.begin, end + keep)
        elif begin + pending < end:
            if current is not None:
                yield current
            current = Firing(begin + pending, end + keep)
    if current is not None:
        yield current


def _runs(moments: Iterable[float], step: float) -> Iterator[tuple[float, float]]:
    """Moments in a row: the first, and the evaluation after the last."""
    first = last = None
    for moment in moments:
        if first is None or last is None:
            first = moment
        elif moment - last > 1.5 * step:
            yield first, last + step
            first = moment
        last = moment
    if first is not None and last is not None:
        yield first, last + step
