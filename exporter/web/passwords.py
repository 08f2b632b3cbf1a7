"""Who may see the web side: names and passwords (RFC 7617), held against bcrypt hashes."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import bcrypt

from exporter.model import Secret

MAX_PASSWORD = 72
"""Bytes that bcrypt looks at; what is longer would be known by its beginning."""

MAX_KNOWN = 100
"""Proven passwords that are kept in mind: more, and old hashes of theirs are among them."""


class Passwords:
    """Checks who asks. A password costs its bcrypt once; failures are not kept, so that they crowd out nobody.

    `key` is random: what is kept in mind tells nothing of a password to who sees it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: set[bytes] = set()
        self._one = asyncio.Semaphore(1)

    async def admit(self, users: Mapping[str, Secret], authorizations: Sequence[str]) -> bool:
        """Whether these Authorization fields are one of a user with their password."""
        if len(authorizations) != 1 or (stated := _credentials(authorizations[0])) is None:
            return False
        name, password = stated
        if len(password) > MAX_PASSWORD or b"\0" in password:
            return False
        # A name that nobody has costs as much time as one that somebody has.
        stored = users[name].reveal().encode() if name in users else _nobodys(users)
        mark = self._mark(name.encode(), stored, password)
        if mark in self._known:
            return True
        async with self._one:
            right = await asyncio.to_thread(bcrypt.checkpw, password, stored)
        if right and name in users:
            self._remember(mark)
            return True
        return False

    def _mark(self, *parts: bytes) -> bytes:
        """Stands for these parts; their lengths keep `ab`, `c` from being `a`, `bc` (CVE-2022-46146)."""
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)

    def _remember(self, mark: bytes) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known.add(mark)


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Name and password of a Basic authorization; None where it is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except ValueError:
        return None


def _nobodys(users: Mapping[str, Secret]) -> bytes:
    """A hash that no password has, as costly as the costliest."""
    cost = max(hashed.reveal().split("$")[2] for hashed in users.values())
    return b"$2b$%b$%b" % (cost.encode(), b"." * 53)
