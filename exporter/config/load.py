"""From the text of a config file to a Config, or to everything that is wrong with it."""

from pathlib import Path

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from exporter.config.checks import complaints
from exporter.config.schema import (
    KEYS,
    PLAIN_PARAMETERS,
    ConfigEntry,
    CredentialEntry,
    DefaultsEntry,
    TargetEntry,
)
from exporter.document import Problem, load
from exporter.grants import GRANTS
from exporter.model import (
    Config,
    Credential,
    EnvironmentSecret,
    ErrorCode,
    Expectation,
    FileSecret,
    InlineSecret,
    Parameters,
    Place,
    Secret,
    SecretSource,
    Target,
)
from exporter.providers import PROVIDERS


def load_config(path: Path) -> Config | list[Problem]:
    """Reads a config file; relative paths in it are meant from its folder."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return [Problem(0, "", "is not UTF-8 text; save it as UTF-8")]
    except OSError as error:
        return [Problem(0, "", f"cannot be read: {error.strerror}")]
    return parse_config(text, path.parent)


def parse_config(text: str, folder: Path) -> Config | list[Problem]:
    """Reads the text of a config: a Config, or every problem in the order of its lines."""
    document = load(text, private={"credential": CredentialEntry.model_fields})
    problems = list(document.problems)
    entry: ConfigEntry | None = None
    if document.root is not None:
        try:
            entry = ConfigEntry.model_validate(document.root)
        except ValidationError as error:
            misread = {(p.line, p.path) for p in problems}
            invalid = document.invalid(error, known=KEYS)
            # A value that YAML misread would be reported once more for the type that it then has.
            problems += (p for p in invalid if (p.line, p.path) not in misread)
        if isinstance(document.root, dict):
            problems += (document.problem(path, message) for path, message in complaints(document.root))
    if entry is None or problems:
        return sorted(problems)
    return Config(
        targets=tuple(_target(target, entry.defaults, folder) for target in entry.targets),
        concurrency=entry.concurrency,
        shown=_shown(entry),
    )


def _target(entry: TargetEntry, defaults: DefaultsEntry, folder: Path) -> Target:
    provider = PROVIDERS[entry.provider]
    place = Place(
        cloud=entry.cloud or "",
        tenant=entry.tenant or "",
        authority_host=entry.authority_host or "",
        issuer=entry.issuer or "",
        token_endpoint=entry.token_endpoint or "",
        allow_http=entry.allow_http,
    )
    return Target(
        name=entry.name,
        provider=entry.provider,
        endpoint=provider.endpoint(place),
        grant=entry.grant,
        interval=entry.interval or defaults.interval,
        timeout=entry.timeout or defaults.timeout,
        confirmations=defaults.confirmations if entry.confirmations is None else entry.confirmations,
        cloud=place.cloud or next(iter(provider.clouds), ""),
        tenant=place.tenant,
        client_id=entry.client_id or "",
        scope=entry.scope or "",
        parameters=_parameters(entry),
        credential=_credential(entry.credential, provider.auth_method, folder) if entry.credential else None,
        secrets=tuple((name, _source(entry, name, folder)) for name in sorted(GRANTS[entry.grant].secrets)),
        expect=_expectation(entry),
        reuse_connection=entry.reuse_connection,
        ca_file=folder / entry.ca_file if entry.ca_file else None,
        watch=tuple(ErrorCode(code) for code in entry.watch or ()),
        labels=tuple(sorted((entry.labels or {}).items())),
    )


def _parameters(entry: TargetEntry) -> Parameters:
    return tuple(
        (name, value.get_secret_value() if name in PLAIN_PARAMETERS else Secret(value.get_secret_value()))
        for name, value in (entry.parameters or {}).items()
    )


def _credential(entry: CredentialEntry, default_method: str, folder: Path) -> Credential:
    return Credential(entry.method or default_method, _source(entry, "client_secret", folder), entry.expires)


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
    return Expectation(codes, frozenset(entry.expect.error or ()))


def _shown(entry: ConfigEntry) -> str:
    return yaml.safe_dump(entry.model_dump(mode="json", exclude_unset=True), sort_keys=False, allow_unicode=True)
