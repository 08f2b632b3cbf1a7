"""What the keys of a credential demand of each other, and of the target that it belongs to."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from exporter.config.schema import CredentialEntry, keys_of
from exporter.credentials import METHODS, Method, Needs
from exporter.document import Complaint
from exporter.model import CURRENT, NEXT

PROOFS: Mapping[str, Needs] = MappingProxyType(
    {
        **dict.fromkeys(keys_of("client_secret"), Needs.CLIENT_SECRET),
        "certificate_file": Needs.CERTIFICATE,
        "assertion_file": Needs.ASSERTION,
        "workload_identity": Needs.ASSERTION,
    }
)
"""The keys that say by what a client proves who it is; exactly one of them is stated."""

DEFAULT_METHODS: Mapping[Needs, str] = MappingProxyType(
    {Needs.CERTIFICATE: "private_key_jwt", Needs.ASSERTION: "federated_assertion"}
)
"""How it is proven where the config does not say; with a secret, as the provider expects."""

PASSWORD_KEYS = keys_of("certificate_password")
_OF_CERTIFICATES = frozenset({"private_key_file", *PASSWORD_KEYS})
_OF_SIGNING = frozenset({"algorithm", "audience", "kid", "x5c"})

_Keys = Mapping[str, Any]


def credential_complaints(target: _Keys) -> Iterator[Complaint]:
    """Everything in a target's credential that contradicts something else in it; paths begin at the target."""
    for path, keys in proofs_of(target):
        yield from (((*path, *inner), message) for inner, message in _proof(keys, target))
    credential = target.get("credential")
    if not isinstance(credential, dict) or not (labels := credential.keys() & {CURRENT, NEXT}):
        return
    if len(labels) == 1:
        yield ("credential",), "needs both current and next; a single credential stands here without either"
    for key in sorted((credential.keys() - labels) & CredentialEntry.model_fields.keys()):
        yield ("credential", key), "must stand under current or next"


def proofs_of(target: _Keys) -> list[tuple[tuple[str, ...], _Keys]]:
    """The credentials of a target, each with its path: one, or a current and a next one."""
    credential = target.get("credential")
    if not isinstance(credential, dict):
        return []
    labels = [label for label in (CURRENT, NEXT) if label in credential]
    if not labels:
        return [(("credential",), credential)]
    return [(("credential", label), credential[label]) for label in labels if isinstance(credential[label], dict)]


def _proof(credential: _Keys, target: _Keys) -> Iterator[Complaint]:
    method = METHODS.get(str(credential.get("method")))
    stated = [key for key in PROOFS if key in credential and credential[key] is not False]
    if method is not None and method.needs is Needs.NOTHING:
        yield from (((key,), f"has no meaning for method {method.name}") for key in stated)
        return
    if len(stated) != 1:
        # A key that is unknown is likely the one that is missing.
        if credential.keys() <= CredentialEntry.model_fields.keys():
            yield (), "needs exactly one of " + ", ".join(PROOFS)
        return
    (key,) = stated
    if method is not None and method.needs is not PROOFS[key]:
        wanted = ", ".join(each for each, needs in PROOFS.items() if needs is method.needs)
        yield ("method",), f"method {method.name} has no use for {key}; it needs {wanted}"
        return
    if key == "workload_identity" and target.get("provider") != "entra":
        yield (key,), "has a meaning for provider entra only"
    yield from _options(credential, PROOFS[key], method)


def _options(credential: _Keys, needs: Needs, method: Method | None) -> Iterator[Complaint]:
    given = credential.keys()
    if needs is not Needs.CERTIFICATE:
        yield from (((key,), "has no meaning without certificate_file") for key in sorted(given & _OF_CERTIFICATES))
    signs = (method.name if method else DEFAULT_METHODS.get(needs)) == DEFAULT_METHODS[Needs.CERTIFICATE]
    if not signs:
        yield from (((key,), "has a meaning for method private_key_jwt only") for key in sorted(given & _OF_SIGNING))
    if len(given & set(PASSWORD_KEYS)) > 1:
        yield (), "needs at most one of " + ", ".join(PASSWORD_KEYS)
