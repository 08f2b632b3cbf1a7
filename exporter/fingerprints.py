"""Fingerprints of secrets: enough to know one again, and nothing to guess it from."""

from functools import lru_cache
from hashlib import scrypt
from hmac import compare_digest

from exporter.model import Secret

_COST = 2**14
"""With blocks of 8: 16 MiB and about 50 ms for each guess (RFC 7914 section 2)."""


def fingerprint(secret: Secret, salt: str) -> str:
    """The salt and what the secret comes to with it; slow the first time."""
    return f"{salt}:{_digest(secret, salt)}"


def matches(secret: Secret, known: str) -> bool:
    """Whether this is the secret that the fingerprint was taken of; '' is of none."""
    salt = known.rpartition(":")[0]
    return bool(salt) and compare_digest(fingerprint(secret, salt), known)


@lru_cache(maxsize=1024)
def _digest(secret: Secret, salt: str) -> str:
    text = secret.reveal().encode("utf-8", "surrogatepass")
    return scrypt(text, salt=salt.encode("utf-8", "surrogatepass"), n=_COST, r=8, p=1, dklen=32).hex()
