"""What is done to an exporter, and when: drawn from a seed, and from nothing else."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Act(StrEnum):
    """What can be done to it."""

    TRADE = "trade"
    """A target gives way to one that meets another fault; the config is read anew."""
    LEAVE = "leave"
    """A target goes and none comes; the config is read anew."""
    SPOIL = "spoil"
    """The config is spoilt, read, checked, mended, and read again."""
    RENAME = "rename"
    """A credential's file is renamed over."""
    LINK = "link"
    """A credential's files change the way Kubernetes does it."""
    VANISH = "vanish"
    """A file that a target cannot do without is away for a while."""
    SILENCE = "silence"
    """A name server does not answer for a while."""
    STOP = "stop"
    """The process stands still for a while."""
    STARVE = "starve"
    """The process may open no descriptor for a while."""
    LINGER = "linger"
    """A scraper reads nothing for a while."""
    ABORT = "abort"
    """Scrapers reset their connections."""
    ODD = "odd"
    """Somebody asks for what nobody should."""
    PROBE = "probe"
    """A target is probed on demand."""


@dataclass(frozen=True, slots=True)
class Action:
    """One act, so many seconds after the beginning; `choice` decides what else is to be chosen.

    `lasts` is for how many seconds the act goes on, where it goes on at all.
    """

    at: float
    act: Act
    choice: int
    lasts: float


DECK: Sequence[Act] = (
    *(Act.TRADE,) * 5,
    *(Act.LINK, Act.RENAME, Act.VANISH, Act.ODD, Act.PROBE) * 2,
    *(act for act in Act if act not in {Act.TRADE, Act.LINK, Act.RENAME, Act.VANISH, Act.ODD, Act.PROBE}),
)
"""How often each act comes, of so many: a shuffled deck after the other, so that none is left to luck."""

GAP = (0.1, 1.1)
"""Seconds between two acts, at the least and at the most."""

LASTS = {Act.STOP: (0.6, 1.2), Act.STARVE: (0.5, 2.0)}
_LASTS = (1.0, 6.0)


def plan(seed: int, seconds: float) -> list[Action]:
    """Everything that is done within so many seconds, in its order."""
    return list(_draw(random.Random(seed), seconds))  # noqa: S311 - a rehearsal, reproducible on purpose


def _draw(drawn: random.Random, seconds: float) -> Iterator[Action]:
    at = 0.0
    while True:
        for act in drawn.sample(DECK, len(DECK)):
            at += drawn.uniform(*GAP)
            if at >= seconds:
                return
            yield Action(at, act, drawn.getrandbits(32), drawn.uniform(*LASTS.get(act, _LASTS)))


def chosen(of: Sequence[T], choice: int) -> T:
    """The one that a choice falls on."""
    return of[choice % len(of)]
