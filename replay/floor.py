"""About what no test can beat that sees one target once an interval: the asymptotic bound of Lorden (1971)."""

import math

from replay.world import DAY


def floor(ratio: float, noise: float, interval: float, false_alarms: float, look: float) -> float:
    """Mean seconds from onset to firing of the best sequential test on one target without confirmation.

    `noise` is the share that fails anyway, `interval` seconds between attempts, `false_alarms` those a day, `look` the
    mean seconds until a verdict is seen: half a scrape interval and half an evaluation interval.
    """
    ratio = min(ratio, 1 - 1e-9)
    information = ratio * math.log(ratio / noise) + (1 - ratio) * math.log((1 - ratio) / (1 - noise))
    attempts = math.log(DAY / interval / false_alarms) / information
    return interval / 2 + max(0.0, attempts - 1) * interval + look
