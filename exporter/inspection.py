"""What can be seen of a target without asking anybody: its secrets, certificates and files."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.credentials import fitting
from exporter.model import (
    CURRENT,
    AssertionSource,
    Certificate,
    CertificateSource,
    Credential,
    FileSecret,
    ProofSource,
    Secret,
    Target,
    Unreadable,
)
from exporter.secrets import Keyring, claims_of
from exporter.state import state_problem
from exporter.transport import load_authorities


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, so that no attempt can succeed, and what is only unwise."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect(target: Target, now: float) -> Findings:
    """What an attempt at a target would find wrong before it asks anybody. Never with a value. Unix time."""
    return Findings(tuple(_problems(target, now)), tuple(_warnings(target)))


def _problems(target: Target, now: float) -> Iterator[str]:
    for credential in target.credentials:
        whose = "its" if credential.label == CURRENT else f"its {credential.label}"
        yield from (f"{whose} {problem}" for problem in _credential_problems(credential, now))
    for name, source in target.secrets:
        if isinstance(presented := Keyring().read(source), Unreadable):
            yield f"its {name} cannot be read: {presented.problem}"
    if target.state_file is not None and (problem := state_problem(target.state_file)):
        yield f"its state_file is of no use: {problem}"
    if target.ca_file is not None and isinstance(authorities := load_authorities(target.ca_file), Unreadable):
        yield f"its ca_file is of no use: {authorities.problem}"


def _credential_problems(credential: Credential, now: float) -> Iterator[str]:
    read = fitting(credential, Keyring().read(credential.source))
    if isinstance(read, Unreadable):
        yield f"secret cannot be read: {read.problem}"
        return
    if credential.expires is not None and credential.expires <= now:
        yield f"secret ended at {_moment(credential.expires)}, as the config says"
    if isinstance(read.proof, Certificate):
        yield from _certificate_problems(read.proof, now)
    elif isinstance(credential.source, AssertionSource):
        yield from _assertion_problems(read.proof, now)


def _certificate_problems(certificate: Certificate, now: float) -> Iterator[str]:
    if certificate.expires <= now:
        yield f"certificate ended at {_moment(certificate.expires)}"
    if certificate.begins > now:
        yield f"certificate begins at {_moment(certificate.begins)}; is the clock of this machine right?"


def _assertion_problems(assertion: Secret, now: float) -> Iterator[str]:
    ends = (claims_of(assertion) or {}).get("exp")
    if isinstance(ends, int | float) and ends <= now:
        yield f"assertion ended at {_moment(ends)}; whoever writes the file has stopped renewing it"


def _warnings(target: Target) -> Iterator[str]:
    for path in (path for source in target.sources for path in _private_files(source)):
        if _is_open(path):
            yield f"{path} may be read by everybody on this machine; chmod o-r"


def _private_files(source: ProofSource) -> Iterator[Path]:
    match source:
        case FileSecret(path):
            yield path
        case CertificateSource(certificate, private_key, _):
            yield private_key or certificate
        case AssertionSource(path) if path is not None:
            yield path


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
