"""Secrets by which one knows them again, however they are spelt."""

import base64
from collections.abc import Iterator


def spelt(core: str) -> frozenset[bytes]:
    """The bytes by which text with this core gives itself away: raw, URL-encoded or in base64, wherever it stands.

    The core is of letters, digits and `-`, which URL-encoding leaves alone.
    """
    return frozenset({core.encode(), *_in_base64(core.encode())})


def _in_base64(core: bytes) -> Iterator[bytes]:
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + core)
        # Only the digits that the core alone decides, whatever stands before and after it.
        whole = encoded[-(-before * 8 // 6) : (before + len(core)) * 8 // 6]
        yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))
