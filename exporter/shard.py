"""Which of several exporters with one config probes which target: rendezvous hashing."""

import re
from dataclasses import dataclass
from hashlib import blake2b

_ORDINAL = re.compile(r".+-([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` exporters, counted from 0. A change of `count` moves as few targets as can be."""

    index: int = 0
    count: int = 1

    def owns(self, target: str) -> bool:
        """Whether this exporter is the one to probe the target of this name."""
        return max(range(self.count), key=lambda index: _weight(index, target)) == self.index


ALONE = Shard()
"""The only exporter, which probes everything."""


def ordinal(host: str) -> int | None:
    """The number at the end of a StatefulSet pod's host name; None where there is none."""
    found = _ORDINAL.fullmatch(host.partition(".")[0])
    return int(found[1]) if found else None


def _weight(index: int, target: str) -> int:
    return int.from_bytes(blake2b(f"{index}/{target}".encode(), digest_size=8).digest(), "big")
