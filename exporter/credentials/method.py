"""What all methods of client authentication have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from exporter.model import Certificate, Proof, Secret, Signing, TokenRequest


class Needs(StrEnum):
    """What a method proves itself by, in the words of the config's keys."""

    NOTHING = "nothing"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - a key of the config
    CERTIFICATE = "certificate"
    ASSERTION = "assertion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as it proves who it is in one request.

    `audience` is whom an assertion is meant for where `signing` does not say; `now` is Unix time, and `new_id` makes an
    id that was never used.
    """

    client_id: str
    proof: Proof | None
    audience: str
    now: float
    new_id: Callable[[], str]
    signing: Signing

    @property
    def secret(self) -> Secret:
        """The proof, where the method's config holds a secret or an assertion. Raises TypeError."""
        if not isinstance(self.proof, Secret):
            raise TypeError("the config must hold a secret for this method")
        return self.proof

    @property
    def certificate(self) -> Certificate:
        """The proof, where the method's config holds a certificate. Raises TypeError."""
        if not isinstance(self.proof, Certificate):
            raise TypeError("the config must hold a certificate for this method")
        return self.proof


def takes_all(_proof: Proof, _signing: Signing) -> str:
    """Says nothing against any proof."""
    return ""


@dataclass(frozen=True, slots=True)
class Method:
    """A way for a client to prove who it is: adds its id and the proof to a request.

    `unfit` says why the method can do nothing with a proof, '' where it can. With `mutual_tls` the proof is made in the
    TLS handshake.
    """

    name: str
    needs: Needs
    authenticate: Callable[[TokenRequest, Client], TokenRequest]
    unfit: Callable[[Proof, Signing], str] = takes_all
    mutual_tls: bool = False
