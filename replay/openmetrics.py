"""Writes what was recorded as OpenMetrics with timestamps, as promtool backfills it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TextIO

from replay.record import COUNTER_SUFFIXES, Recording, Series

Points = Iterable[tuple[float, float]]
"""Moments in Unix time, and values."""


def write_recording(recording: Recording, out: TextIO) -> None:
    """Writes every series that ever had another value than 0.

    The format has no staleness marker. A gauge that ends gets one NaN, which no comparison holds for; a counter just
    ends, since a NaN in a window would spoil its increase.
    """
    write_series(((series, points(series, recording.times, values)) for series, values in _interesting(recording)), out)


def _interesting(recording: Recording) -> Iterator[tuple[Series, Sequence[float]]]:
    for series in sorted(recording.values):
        values = recording.values[series]
        if any(value > 0 for value in values):
            yield series, values


def points(series: Series, times: Sequence[float], values: Sequence[float]) -> Points:
    """What is written of one series: its values, and of a gauge one NaN where it ends."""
    is_counter = series[0].endswith(COUNTER_SUFFIXES)
    there = False
    for moment, value in zip(times, values, strict=False):
        here = not math.isnan(value)
        if here or (there and not is_counter):
            yield moment, value
        there = here


def write_series(series: Iterable[tuple[Series, Points]], out: TextIO) -> None:
    """Writes series that come sorted by name."""
    for name, group in groupby(series, key=lambda each: each[0][0]):
        out.write(f"# TYPE {name.removesuffix('_total')} {'counter' if name.endswith('_total') else 'unknown'}\n")
        for (_, labels), points in group:
            prefix = f"{name}{{{_written(dict(labels))}}} "
            out.writelines(f"{prefix}{value:.17g} {moment:.3f}\n" for moment, value in points)
    out.write("# EOF\n")


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
