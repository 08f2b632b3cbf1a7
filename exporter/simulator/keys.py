"""Signed tokens, and the keys that they can be checked with."""

import base64
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key and its id, as they stand in a JWKS."""

    kid: str = "simulator-1"
    private: rsa.RSAPrivateKey = field(default_factory=_new_key, repr=False)

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT of these claims, signed with RS256."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid})

    def jwk(self) -> dict[str, str]:
        """The public half (RFC 7517, RFC 7518 section 6.3.1)."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
