"""Keys and tokens made by a library that is not the exporter's (joserfc)."""

import base64
import hmac
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
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
    return ".".join((_base64url(json.dumps(header).encode()), _base64url(json.dumps(claims).encode()), signature))


def signed_as(party: Party, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A JWT whose header says what joserfc refuses to say; an RSA key signs it, as the party's algorithm has it."""
    key, unsigned = party.key.private_key, written(header, claims, "")
    assert isinstance(key, RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    way = pss if party.algorithm == "PS256" else padding.PKCS1v15()
    return unsigned + _base64url(key.sign(unsigned.rstrip(".").encode(), way, hashes.SHA256()))


def signed_with_text(text: bytes, claims: Mapping[str, Any]) -> str:
    """A JWT that takes a public key's text for the secret of an HMAC; joserfc refuses to."""
    unsigned = written({"alg": "HS256", "typ": "JWT", "kid": "one"}, claims, "")
    return unsigned + _base64url(hmac.digest(text, unsigned.rstrip(".").encode(), "sha256"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwks(*keys: Mapping[str, Any] | object) -> TokenResponse:
    """The answer that shows these keys."""
    body = json.dumps({"keys": keys}).encode()
    return TokenResponse(status=200, headers={"content-type": "application/json"}, body=body)
