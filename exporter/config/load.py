"""From the text of a config file to a Config, or to everything that is wrong with it."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import yaml
from pydantic import BaseModel, SecretStr

from exporter.config.checks import complaints
from exporter.config.entry import read_entry
from exporter.config.proofs import DEFAULT_METHODS, PASSWORD_KEYS, PROOFS
from exporter.config.schema import (
    ARGUMENTS,
    KEYS,
    PLAIN_PARAMETERS,
    ConfigEntry,
    CredentialEntry,
    DefaultsEntry,
    ProofEntry,
    TargetEntry,
    TokenEntry,
    keys_of,
)
from exporter.config.workload import completed
from exporter.document import MAX_SIZE, TOO_LARGE, Problem, load
from exporter.grants import GRANTS, remembers
from exporter.model import (
    CURRENT,
    NEXT,
    AssertionSource,
    CertificateSource,
    Config,
    Credential,
    EnvironmentSecret,
    ErrorCode,
    Expectation,
    FileSecret,
    Grant,
    InlineSecret,
    Local,
    Parameters,
    Place,
    ProofSource,
    Secret,
    SecretSource,
    Signing,
    Target,
    TokenCheck,
)
from exporter.providers import PROVIDERS


def load_config(path: Path) -> Config | list[Problem]:
    """Reads a config file; relative paths in it are meant from its folder."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
        if len(content) > MAX_SIZE:
            return [Problem(0, "", TOO_LARGE)]
        text = content.decode()
    except UnicodeDecodeError:
        return [Problem(0, "", "is not UTF-8 text; save it as UTF-8")]
    except OSError as error:
        where = "; --config.file=FILE names the config" if isinstance(error, FileNotFoundError) else ""
        return [Problem(0, "", f"cannot be read: {error.strerror}{where}")]
    return parse_config(text, path.parent, os.environ)


def parse_config(text: str, folder: Path, environ: Mapping[str, str] = MappingProxyType({})) -> Config | list[Problem]:
    """Reads the text of a config: a Config, or every problem in the order of its lines."""
    document = load(text, private={"credential": CredentialEntry.model_fields})
    document = replace(document, root=completed(document.root, environ))
    entry = read_entry(document, ConfigEntry, KEYS, complaints)
    if isinstance(entry, list):
        return entry
    return Config(
        targets=tuple(_target(target, entry.defaults, folder, environ) for target in entry.targets),
        concurrency=entry.concurrency,
        shown=_shown(entry),
        warnings=tuple(_warnings(entry)),
    )


def _warnings(entry: ConfigEntry) -> Iterator[str]:
    for target in entry.targets:
        if warning := GRANTS[target.grant].warning:
            yield f"target {target.name}: {warning}"


def _target(entry: TargetEntry, defaults: DefaultsEntry, folder: Path, environ: Mapping[str, str]) -> Target:
    provider, grant = PROVIDERS[entry.provider], GRANTS[entry.grant]
    place = Place(
        cloud=entry.cloud or "",
        tenant=entry.tenant or "",
        version=entry.version or "",
        region=entry.region or "",
        policy=entry.policy or "",
        authority_host=entry.authority_host or "",
        issuer=entry.issuer or "",
        token_endpoint=entry.token_endpoint or "",
        allowed_hosts=frozenset(entry.allowed_hosts or ()),
        allow_http=entry.allow_http,
    )
    asked = grant.endpoint(place, environ) if grant.endpoint else Local(provider.endpoint(place))
    credentials = _credentials(entry.credential, provider.auth_method, folder)
    return Target(
        name=entry.name,
        provider=entry.provider,
        endpoint=asked.endpoint,
        grant=entry.grant,
        interval=entry.interval or defaults.interval,
        timeout=entry.timeout or defaults.timeout,
        confirmations=_confirmations(entry, defaults, grant),
        cloud=place.cloud or next(iter(provider.clouds), ""),
        tenant=place.tenant,
        client_id=entry.client_id or "",
        scope=entry.scope or "",
        parameters=_parameters(entry),
        credential=credentials.get(CURRENT),
        next_credential=credentials.get(NEXT),
        secrets=(*_presented(entry, grant, folder), *asked.secrets),
        arguments=_arguments(entry, grant),
        state_file=folder / entry.state_file if entry.state_file else None,
        expect=_expectation(entry),
        reuse_connection=entry.reuse_connection,
        ca_file=folder / entry.ca_file if entry.ca_file else None,
        watch=tuple(ErrorCode(code) for code in entry.watch or ()),
        labels=tuple(sorted((entry.labels or {}).items())),
    )


def _confirmations(entry: TargetEntry, defaults: DefaultsEntry, grant: Grant) -> int:
    if remembers(grant, entry.state_file is not None):
        return 0
    return defaults.confirmations if entry.confirmations is None else entry.confirmations


def _presented(entry: TargetEntry, grant: Grant, folder: Path) -> tuple[tuple[str, SecretSource], ...]:
    given = (name for name in grant.may_present if entry.model_fields_set.intersection(keys_of(name)))
    return tuple((name, _source(entry, name, folder)) for name in sorted(grant.secrets.union(given)))


def _arguments(entry: TargetEntry, grant: Grant) -> tuple[tuple[str, str], ...]:
    """What the grant says besides its secrets; the rest of its keys have fields of their own."""
    known = sorted((grant.requires | grant.allows) & ARGUMENTS)
    return tuple((key, value) for key in known if (value := getattr(entry, key)) is not None)


def _parameters(entry: TargetEntry) -> Parameters:
    return tuple(
        (name, value.get_secret_value() if name in PLAIN_PARAMETERS else Secret(value.get_secret_value()))
        for name, value in (entry.parameters or {}).items()
    )


def _credentials(entry: CredentialEntry | None, of_provider: str, folder: Path) -> dict[str, Credential]:
    """A target's credentials by their labels; a public client has none."""
    if entry is None:
        return {}
    stated = {CURRENT: entry.current or entry, NEXT: entry.next}
    made = {label: _credential(each, label, of_provider, folder) for label, each in stated.items() if each}
    return {label: credential for label, credential in made.items() if credential}


def _credential(entry: ProofEntry, label: str, of_provider: str, folder: Path) -> Credential | None:
    """`of_provider` is the method that the provider expects of whoever has a secret."""
    key = next((key for key in PROOFS if getattr(entry, key)), None)
    if key is None:
        return None
    return Credential(
        method=entry.method or DEFAULT_METHODS.get(PROOFS[key], of_provider),
        source=_proof(entry, folder),
        expires=entry.expires,
        signing=Signing(entry.algorithm or "", entry.audience or "", entry.kid or "", bool(entry.x5c)),
        label=label,
    )


def _proof(entry: ProofEntry, folder: Path) -> ProofSource:
    if entry.certificate_file:
        locked = any(getattr(entry, key) for key in PASSWORD_KEYS)
        return CertificateSource(
            certificate=folder / entry.certificate_file,
            private_key=folder / entry.private_key_file if entry.private_key_file else None,
            password=_source(entry, "certificate_password", folder) if locked else None,
        )
    if entry.assertion_file or entry.workload_identity:
        return AssertionSource(folder / entry.assertion_file if entry.assertion_file else None)
    return _source(entry, "client_secret", folder)


def _source(entry: BaseModel, name: str, folder: Path) -> SecretSource:
    """Where a secret is read from: `NAME` is the secret itself, `NAME_file` its file, `NAME_env` its variable."""
    stated: SecretStr | None = getattr(entry, name)
    if stated is not None:
        return InlineSecret(Secret(stated.get_secret_value()))
    path: str | None = getattr(entry, f"{name}_file")
    return FileSecret(folder / path) if path else EnvironmentSecret(getattr(entry, f"{name}_env") or "")


def _expectation(entry: TargetEntry) -> Expectation:
    if entry.expect is None:
        return Expectation()
    codes = frozenset(ErrorCode(code) for code in entry.expect.code or ())
    token = _token_check(entry.expect.token) if entry.expect.token else None
    return Expectation(codes, frozenset(entry.expect.error or ()), token)


def _token_check(entry: TokenEntry) -> TokenCheck:
    return TokenCheck(
        signature=entry.signature,
        issuer=entry.issuer or "",
        audience=frozenset(entry.audience or ()),
        claims=tuple((name, frozenset(values)) for name, values in sorted((entry.claims or {}).items())),
        roles=frozenset(entry.roles or ()),
        min_lifetime=entry.min_lifetime or 0.0,
        max_lifetime=entry.max_lifetime or math.inf,
        clock_skew=entry.clock_skew,
    )


def _shown(entry: ConfigEntry) -> str:
    return yaml.safe_dump(entry.model_dump(mode="json", exclude_unset=True), sort_keys=False, allow_unicode=True)
