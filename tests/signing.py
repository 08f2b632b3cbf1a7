"""Keys and tokens made by a library that is not the exporter's (joserfc)."""

import base64
import hmac
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from exporter.model import TokenResponse

PrivateKey = RSAKey | ECKey | OKPKey

KINDS: Mapping[str, tuple[type[Any], int | str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), (RSAKey, 2048)),
    "ES256": (ECKey, "P-256"),
    "ES384": (ECKey, "P-384"),
    "ES512": (ECKey, "P-521"),
    "EdDSA": (OKPKey, "Ed25519"),
    "Ed25519": (OKPKey, "Ed25519"),
}


@cache
def key_for(algorithm: str, number: int = 0, size: int | str = 0) -> PrivateKey:
    """A key for an algorithm; another one for each number."""
    kind, usual = KINDS[algorithm]
    with warnings.catch_warnings(action="ignore"):  # that some are weak on purpose
        key: PrivateKey = kind.generate_key(size or usual)
    return key


@dataclass(frozen=True)
class Party:
    """A signer, and how it shows its key."""

    algorithm: str = "RS256"
    kid: str | None = "one"
    number: int = 0
    size: int | str = 0

    @property
    def key(self) -> PrivateKey:
        return key_for(self.algorithm, self.number, self.size)

    def jwk(self, **changes: object) -> dict[str, Any]:
        """The public half; None leaves a member out."""
        members = {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm, **changes}
        return {name: value for name, value in members.items() if value is not None}

    def sign(self, claims: Mapping[str, Any], **header: object) -> str:
        """A JWT of these claims; None leaves a header parameter out."""
        return self.sign_bytes(json.dumps(claims).encode(), **header)

    def sign_bytes(self, payload: bytes, **header: object) -> str:
        """A JWS of any payload."""
        stated = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}
        protected = {name: value for name, value in stated.items() if value is not None}
        with warnings.catch_warnings(action="ignore"):  # that EdDSA has a newer name
            return jws.serialize_compact(protected, payload, self.key, algorithms=[self.algorithm])


def written(header: object, claims: object, signature: str = "c2ln") -> str:
    """A token that nobody signed."""
    return ".".join((_base64url(json.dumps(header)), _base64url(json.dumps(claims)), signature))


def signed_with_text(text: bytes, claims: Mapping[str, Any]) -> str:
    """A JWT that takes a public key's text for the secret of an HMAC; joserfc refuses to."""
    unsigned = written({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims, "")
    digest = hmac.digest(text, unsigned.rstrip(".").encode(), "sha256")
    return unsigned + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def jwks(*keys: Mapping[str, Any] | object) -> TokenResponse:
    """The answer that shows these keys."""
    body = json.dumps({"keys": keys}).encode()
    return TokenResponse(status=200, headers={"content-type": "application/json"}, body=body)
