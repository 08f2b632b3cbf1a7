"""What the parts of a config demand of each other.

The checks look at plain values, so that they speak up also where the shape of something else is wrong.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from exporter.config.proofs import credential_complaints
from exporter.config.schema import DEFAULT_INTERVAL, DEFAULT_TIMEOUT, KEYS, PRESENTED, TargetEntry, keys_of
from exporter.config.workload import or_variable
from exporter.document import Complaint, likely_key
from exporter.durations import parse_duration, show_duration
from exporter.grants import GRANTS, remembers
from exporter.model import DRILL_TARGET, Grant, Provider
from exporter.providers import PROVIDERS

MIN_INTERVAL = 0.1
INFO_LABELS = frozenset({"target", "provider", "cloud", "tenant", "grant", "client_id", "job", "instance"})
_UNIQUE = (
    ("name", (), "another target above has this name"),
    ("state_file", (), "another target above has this state file"),
    (
        "username",
        ("tenant", "issuer", "token_endpoint", "authority_host"),
        "another target above signs this user in; their wrong passwords would add up",
    ),
)
"""Keys whose values no two targets may share, where those beside them are the same too."""

_URL_KEYS = ("authority_host", "issuer", "token_endpoint")

COMMON_KEYS = frozenset(
    {
        "name",
        "provider",
        "allowed_hosts",
        "allow_http",
        "grant",
        "parameters",
        "expect",
        "interval",
        "timeout",
        "confirmations",
        "ca_file",
        "reuse_connection",
        "watch",
        "labels",
    }
)
PROVIDER_KEYS = frozenset().union(*(p.requires | p.one_of | p.allows for p in PROVIDERS.values()))
GRANT_KEYS = frozenset().union(*(g.requires | g.allows for g in GRANTS.values())) - COMMON_KEYS


def complaints(root: Mapping[str, Any]) -> Iterator[Complaint]:
    """Everything in a config that contradicts something else in it."""
    defaults = _mapping(root.get("defaults"))
    yield from ((("defaults", *path), message) for path, message in (*_interval(defaults), *_timing(defaults, {})))
    seen: set[object] = set()
    for index, item in enumerate(_list(root.get("targets"))):
        if isinstance(item, dict):
            yield from ((("targets", index, *path), message) for path, message in _target(item, defaults, seen))


def _target(entry: Mapping[str, Any], defaults: Mapping[str, Any], seen: set[object]) -> Iterator[Complaint]:
    yield from _repeated(entry, seen)
    yield from _interval(entry)
    yield from _timing(entry, defaults)
    grant = GRANTS.get(_grant_name(entry))
    waived = grant.waives if grant else frozenset()
    if (provider := PROVIDERS.get(str(entry.get("provider")))) is not None:
        yield from _provider(entry, provider, waived)
    if grant is not None:
        yield from _grant(entry, grant)
        yield from _presented(entry, grant)
        yield from _patience(entry, defaults, grant)
    if "allow_http" not in waived:
        yield from _urls(entry)
    yield from _credential(entry)
    yield from _expect(entry)
    yield from _token_check(entry, grant)
    if entry.get("name") == DRILL_TARGET:
        yield ("name",), "this name is kept for drills; choose another"
    for label in _mapping(entry.get("labels")):
        if label in INFO_LABELS:
            yield ("labels", label), "this label name is taken; choose another"


def _repeated(entry: Mapping[str, Any], seen: set[object]) -> Iterator[Complaint]:
    """Complains of what no two targets may share."""
    for key, beside, message in _UNIQUE:
        if not isinstance(value := entry.get(key), str):
            continue
        stated = (key, value.lower() if key == "username" else value, *(str(entry.get(other)) for other in beside))
        if stated in seen:
            yield (key,), message
        seen.add(stated)


def _interval(entry: Mapping[str, Any]) -> Iterator[Complaint]:
    interval = _seconds(entry.get("interval"))
    if interval is not None and interval < MIN_INTERVAL:
        yield ("interval",), f"must be at least {MIN_INTERVAL * 1000:.0f}ms"


def _timing(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[Complaint]:
    """Complains of the level that states the timeout or the interval, so that a bad default is told once."""
    stated = [key for key in ("timeout", "interval") if key in entry]
    if not stated:
        return
    interval, timeout = (_stated(key, entry, defaults) for key in ("interval", "timeout"))
    if interval is not None and timeout is not None and timeout >= interval:
        yield (stated[0],), "the timeout must be shorter than the interval"


def _provider(entry: Mapping[str, Any], provider: Provider, waived: frozenset[str]) -> Iterator[Complaint]:
    for key in sorted(provider.requires - waived - _meant(entry)):
        yield (key,), f"is required for provider {provider.name}{or_variable(entry, key)}"
    if provider.one_of and len(given := provider.one_of & _meant(entry)) != 1:
        names = " or ".join(sorted(provider.one_of))
        fault = "not both" if given else "neither is given"
        yield (), f"provider {provider.name} needs {names}; {fault}"
    known = provider.requires | provider.one_of | provider.allows
    for key in sorted((PROVIDER_KEYS - known) & entry.keys()):
        yield (key,), f"has no meaning for provider {provider.name}"
    yield from (((key,), message) for key, message in provider.objections(entry))
    cloud = entry.get("cloud")
    if provider.clouds and isinstance(cloud, str) and cloud not in provider.clouds:
        yield ("cloud",), "must be one of " + ", ".join(provider.clouds)


def _grant(entry: Mapping[str, Any], grant: Grant) -> Iterator[Complaint]:
    for key in sorted(grant.requires - _meant(entry)):
        yield (key,), f"is required for grant {grant.name}{or_variable(entry, key)}"
    for key in sorted((GRANT_KEYS - grant.requires - grant.allows) & entry.keys()):
        yield (key,), f"has no meaning for grant {grant.name}"
    if grant.provider and entry.get("provider") in PROVIDERS.keys() - {grant.provider}:
        yield ("grant",), f"is for provider {grant.provider} only"
    for key in sorted(grant.forbids & entry.keys()):
        yield (key,), f"has no meaning for grant {grant.name}"
    if grant.discovers and "token_endpoint" in entry:
        yield (
            ("token_endpoint",),
            f"grant {grant.name} finds its endpoints in the issuer's metadata; state issuer instead",
        )


def _presented(entry: Mapping[str, Any], grant: Grant) -> Iterator[Complaint]:
    for secret in sorted(PRESENTED):
        given = sorted(entry.keys() & set(keys_of(secret)))
        if secret not in grant.secrets | grant.may_present:
            yield from (((key,), f"has no meaning for grant {grant.name}") for key in given)
        elif len(given) > 1 or (not given and secret in grant.secrets):
            yield (), f"grant {grant.name} needs exactly one of " + ", ".join(keys_of(secret))
        elif f"{secret}_type" in grant.allows and bool(given) != (f"{secret}_type" in entry):
            yield (), f"{secret} and {secret}_type go together"


def _patience(entry: Mapping[str, Any], defaults: Mapping[str, Any], grant: Grant) -> Iterator[Complaint]:
    """What a grant demands of how often it is tried, and of the time that it is given."""
    interval, timeout = (_stated(key, entry, defaults) for key in ("interval", "timeout"))
    if interval is not None and interval < grant.min_interval:
        yield ("interval",), f"must be at least {show_duration(grant.min_interval)} for grant {grant.name}"
    if timeout is not None and timeout < grant.min_timeout:
        yield ("timeout",), f"must be at least {show_duration(grant.min_timeout)} for grant {grant.name}"
    if remembers(grant, "state_file" in entry) and entry.get("confirmations"):
        yield (
            ("confirmations",),
            f"grant {grant.name} makes no attempts beside its schedule; leave the key out or say 0",
        )


def _urls(entry: Mapping[str, Any]) -> Iterator[Complaint]:
    if entry.get("allow_http") is True:
        return
    for key in _URL_KEYS:
        if str(entry.get(key)).lower().startswith("http:"):
            yield (key,), "must be https; set allow_http: true on the target if http is meant"


def _credential(entry: Mapping[str, Any]) -> Iterator[Complaint]:
    yield from credential_complaints(entry)
    if isinstance(entry.get("credential"), dict) and "client_id" not in _meant(entry) and _grant_name(entry) == "none":
        yield ("client_id",), "is required beside a credential"


def _expect(entry: Mapping[str, Any]) -> Iterator[Complaint]:
    # A key that is none of them is reported as unknown.
    if (expect := entry.get("expect")) == {}:
        yield ("expect",), "needs code, error or token"
    if isinstance(expect, dict) and "token" in expect and expect.keys() & {"code", "error"}:
        yield ("expect", "token"), "has no meaning beside a refusal that is expected"


def _token_check(entry: Mapping[str, Any], grant: Grant | None) -> Iterator[Complaint]:
    token = _mapping(entry.get("expect")).get("token")
    if not isinstance(token, dict):
        return
    if grant and not grant.issues and "expect" not in grant.forbids:
        yield ("expect", "token"), f"has no meaning for grant {grant.name}"
    if token.get("signature", True) is True:
        if "token_endpoint" in entry:
            yield ("expect", "token"), "needs signature: false, since token_endpoint leads to no keys, or the issuer"
        elif grant and grant.endpoint:
            yield ("expect", "token"), f"needs signature: false, since grant {grant.name} leads to no keys"
    least, most = _seconds(token.get("min_lifetime")), _seconds(token.get("max_lifetime"))
    if least is not None and most is not None and least > most:
        yield ("expect", "token", "min_lifetime"), "must not be longer than max_lifetime"


def _grant_name(entry: Mapping[str, Any]) -> str:
    """The grant that an entry names, `none` where it names none; '' where the key itself is misspelt."""
    return str(entry.get("grant", "" if "grant" in _meant(entry) else "none"))


def _meant(entry: Mapping[str, Any]) -> set[str]:
    """The keys of an entry, with those that a misspelt key was likely meant to be: one mistake, one complaint."""
    strangers = entry.keys() - TargetEntry.model_fields.keys()
    likely = (likely_key(key, KEYS) for key in strangers)
    return entry.keys() | {key for key in likely if key}


def _stated(key: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> float | None:
    """The seconds of a duration that an entry states itself or has from elsewhere."""
    return _seconds({"interval": DEFAULT_INTERVAL, "timeout": DEFAULT_TIMEOUT, **defaults, **entry}[key])


def _seconds(value: object) -> float | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
