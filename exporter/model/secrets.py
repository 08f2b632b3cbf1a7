"""What must not be seen, where it is read from, and how it proves who somebody is."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MASK = "<secret>"

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

ALGORITHMS = ("PS256", "RS256", "ES256")
"""How a client may sign, RFC 7518 section 3.1."""

MIN_RSA_BITS = 2048
"""What RFC 7518 sections 3.3 and 3.5 ask of an RSA key that signs."""


class Secret:
    """Text that never shows itself: `repr`, `str` and `format` print a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def spellings(self) -> frozenset[str]:
        """The forms in which a party may echo the text: raw, form- and URL-encoded, base64."""
        raw = self._text
        encoded = base64.b64encode(raw.encode()).decode()
        url_safe = encoded.replace("+", "-").replace("/", "_")
        whole = {raw, quote(raw, safe=""), quote_plus(raw), encoded, url_safe}
        return frozenset({*whole, encoded.rstrip("="), url_safe.rstrip("=")})

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class InlineSecret:
    """A secret that stands in the config itself."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class EnvironmentSecret:
    """A secret in an environment variable."""

    variable: str


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A secret in a file of its own."""

    path: Path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a secret cannot be read: where it should be, and what is in the way."""

    problem: str


SecretSource = InlineSecret | EnvironmentSecret | FileSecret


@dataclass(frozen=True, slots=True)
class CertificateSource:
    """A certificate with its private key in files: one PEM or PKCS#12 file, or a PEM file each; `password` opens it."""

    certificate: Path
    private_key: Path | None = None
    password: SecretSource | None = None


@dataclass(frozen=True, slots=True)
class AssertionSource:
    """An assertion of who the client is that others sign and renew, in a file; None is that of Azure's variable."""

    path: Path | None


ProofSource = SecretSource | CertificateSource | AssertionSource
"""Where that by which a client proves who it is, is read from."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Certificate:
    """A client's certificate chain in DER, its own first, with its private key; its own's first and last moment."""

    chain: tuple[bytes, ...] = field(repr=False)
    private_key: PrivateKey = field(repr=False, compare=False)
    begins: float
    expires: float

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The JWS algorithms (RFC 7518 section 3.1) that the key can sign with, the best first."""
        if isinstance(self.private_key, RSAPrivateKey):
            return ("PS256", "RS256") if self.private_key.key_size >= MIN_RSA_BITS else ()
        return ("ES256",) if isinstance(self.private_key.curve, SECP256R1) else ()


Proof = Secret | Certificate
"""That by which a client proves who it is: a secret, an assertion that others signed, or a key with its certificate."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; `stale` tells why it could not be read anew, and the last good value stands in for it."""

    proof: Proof
    stale: str = ""


@dataclass(frozen=True, slots=True)
class CredentialState:
    """What reading a credential came to: `problem` is why it could not be read anew, `expires` its end in Unix time.

    `label` is that of its series: CURRENT, NEXT, or the name of what a grant presents.
    """

    label: str
    problem: str = ""
    expires: float | None = None


CURRENT = "current"
NEXT = "next"
"""The credential that shall replace the current one: it is proven before a rotation is made."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How a client signs assertions where the method's own way does not do; '' is that way.

    `audience` is whom they are meant for, `key_id` the name under which that party knows the key, and `with_chain` has
    them carry the certificates, for parties that trust an issuer and a subject rather than one certificate.
    """

    algorithm: str = ""
    audience: str = ""
    key_id: str = ""
    with_chain: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """How the client proves who it is, where that is read from, and when it ends as the config says (Unix time).

    `label` is CURRENT or NEXT.
    """

    method: str
    source: ProofSource
    expires: float | None = None
    signing: Signing = Signing()
    label: str = CURRENT
