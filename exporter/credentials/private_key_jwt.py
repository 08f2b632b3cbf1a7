"""An assertion that the client signs itself, RFC 7523 section 2.2 and OpenID Connect Core 1.0 section 9.

Its header and claims are those that Microsoft asks for, "Application authentication certificate credentials".
"""

import base64
import hashlib
from typing import Any

import jwt

from exporter.credentials.assertion import present
from exporter.credentials.method import Client, Method, Needs
from exporter.model import MIN_RSA_BITS, Certificate, Proof, Secret, Signing, TokenRequest

LIFETIME = 600
"""Seconds that an assertion is good for: the most that Microsoft recommends, so that clocks may differ a little."""


def authenticate(request: TokenRequest, client: Client) -> TokenRequest:
    """Adds an assertion that was signed just now, and is for this request alone."""
    now = int(client.now)
    claims = {
        "aud": client.signing.audience or client.audience,
        "iss": client.client_id,
        "sub": client.client_id,
        "jti": client.new_id(),
        "nbf": now,
        "exp": now + LIFETIME,
        "iat": now,
    }
    certificate = client.certificate
    algorithm = client.signing.algorithm or certificate.algorithms[0]
    headers = _headers(certificate, algorithm, client.signing)
    signed = jwt.encode(claims, certificate.private_key, algorithm, headers)
    return present(request, client.client_id, Secret(signed))


def unfit(proof: Proof, signing: Signing) -> str:
    """Why the key of a certificate cannot sign as it should; '' where it can."""
    if not isinstance(proof, Certificate):
        return ""
    if not proof.algorithms:
        return f"the private key must be RSA of {MIN_RSA_BITS} bits or more, or P-256, to sign an assertion"
    if signing.algorithm and signing.algorithm not in proof.algorithms:
        return f"the private key cannot sign with {signing.algorithm}; set algorithm to {' or '.join(proof.algorithms)}"
    return ""


def _headers(certificate: Certificate, algorithm: str, signing: Signing) -> dict[str, Any]:
    """By which header parameters (RFC 7515 section 4.1) the other side finds the key: the certificate's thumbprint."""
    own = certificate.chain[0]
    # SHA-1 is what parties that know nothing better than RS256 look certificates up by; it protects nothing here.
    headers: dict[str, Any] = (
        {"x5t": _base64url(hashlib.sha1(own, usedforsecurity=False).digest())}
        if algorithm == "RS256"
        else {"x5t#S256": _base64url(hashlib.sha256(own).digest())}
    )
    if signing.key_id:
        headers["kid"] = signing.key_id
    if signing.with_chain:
        headers["x5c"] = [base64.b64encode(each).decode() for each in certificate.chain]
    return headers


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


METHOD = Method("private_key_jwt", Needs.CERTIFICATE, authenticate, unfit)
