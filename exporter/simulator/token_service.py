"""What a token endpoint decides: pure, in the order in which Entra is seen to check."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from exporter.simulator import devices
from exporter.simulator.directory import RegisteredClient, Tenant
from exporter.simulator.refusals import Ids, Reply, refuse

TOKEN_LIFETIME = 3599

_SHARED_TENANTS = frozenset({"common", "organizations", "consumers"})
_TENANT = re.compile(r"[0-9A-Fa-f-]{36}|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_DEFAULT_SCOPE = "/.default"

_GRANT_PARAMETERS: Mapping[str, str | None] = {
    "authorization_code": "code",
    "client_credentials": None,
    "password": "password",
    "refresh_token": "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code": "device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "assertion",
}
"""The grants that are served, and the parameter that presents what was granted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the token endpoint, as it came."""

    tenant: str
    form: Sequence[tuple[str, str]]
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """Who gets a token, and for which resource."""

    client: RegisteredClient
    audience: str


@dataclass(frozen=True, slots=True)
class _Presented:
    """The client as it presents itself."""

    client_id: str
    secret: str | None
    basic: bool


def decide(asked: Asked, tenant: Tenant, ids: Ids) -> Issued | Reply:
    """A token for whoever may have one, else the refusal that Entra gives."""
    values = dict(asked.form)
    refusal = _refuse_form(asked, tenant, values, ids)
    if refusal is not None:
        return refusal
    presented = _presented(asked, values)
    client = tenant.clients.get(presented.client_id)
    if client is None:
        return refuse("AADSTS700016", ids)
    refusal = _refuse_client(client, presented, values, ids)
    if refusal is not None:
        return refusal
    if "device_code" in values and _GRANT_PARAMETERS[values["grant_type"]] == "device_code":
        return devices.poll(values["device_code"], ids)
    if _GRANT_PARAMETERS[values["grant_type"]] is not None:
        return refuse("AADSTS9002313", ids, detail="The code, token or assertion presented is malformed.")
    return _audience(client, values, tenant, ids)


def authorize_device(asked: Asked, tenant: Tenant, ids: Ids, verification_uri: str) -> Reply:
    """A device code for whoever is registered, else the refusal that Entra gives."""
    values = dict(asked.form)
    refusal = _refuse_place(asked, tenant, ids)
    if refusal is not None:
        return refusal
    missing = next((name for name in ("client_id", "scope") if not values.get(name)), None)
    if missing is not None:
        return _missing(missing, ids)
    client = tenant.clients.get(values["client_id"])
    if client is None or client.disabled:
        return refuse("AADSTS700016" if client is None else "AADSTS7000112", ids)
    return devices.issue(ids, verification_uri)


def client_id_of(asked: Asked) -> str:
    """The client that a request says it comes from, '' where it does not say."""
    return _presented(asked, dict(asked.form)).client_id


def _refuse_place(asked: Asked, tenant: Tenant, ids: Ids) -> Reply | None:
    shared = asked.tenant.lower() in _SHARED_TENANTS
    if not shared and not _TENANT.fullmatch(asked.tenant):
        return refuse("AADSTS900023", ids)
    if not shared and not tenant.named(asked.tenant):
        return refuse("AADSTS90002", ids)
    repeated = [name for name, count in Counter(name for name, _ in asked.form).items() if count > 1]
    if repeated:
        return refuse("AADSTS90004", ids, detail="A parameter stands twice in the request.")
    return None


def _refuse_form(asked: Asked, tenant: Tenant, values: Mapping[str, str], ids: Ids) -> Reply | None:
    refusal = _refuse_place(asked, tenant, ids)
    if refusal is not None:
        return refusal
    if not values.get("grant_type"):
        return _missing("grant_type", ids)
    if not _presented(asked, values).client_id:
        return _missing("client_id", ids)
    if values["grant_type"] not in _GRANT_PARAMETERS:
        return refuse("AADSTS70003", ids)
    if asked.tenant.lower() in _SHARED_TENANTS and values["grant_type"] == "client_credentials":
        return refuse("AADSTS9001023", ids)
    granted = _GRANT_PARAMETERS[values["grant_type"]]
    return _missing(granted, ids) if granted and granted not in values else None


def _refuse_client(
    client: RegisteredClient, presented: _Presented, values: Mapping[str, str], ids: Ids
) -> Reply | None:
    challenge = {"WWW-Authenticate": 'Basic realm="simulator"'} if presented.basic else {}
    if client.disabled:
        return refuse("AADSTS7000112", ids)
    if presented.basic and "client_secret" in values:
        return refuse("AADSTS90023", ids, detail="The client authenticates in more than one way.")
    if not client.confidential:
        return None if presented.secret is None else refuse("AADSTS700025", ids, headers=challenge)
    if presented.secret is None:
        missing = "AADSTS7000216" if values["grant_type"] == "client_credentials" else "AADSTS7000218"
        return refuse(missing, ids)
    if presented.secret in client.expired_secrets:
        return refuse("AADSTS7000222", ids, headers=challenge)
    if presented.secret not in client.secrets:
        return refuse("AADSTS7000215", ids, headers=challenge)
    return None


def _audience(client: RegisteredClient, values: Mapping[str, str], tenant: Tenant, ids: Ids) -> Issued | Reply:
    scope = values.get("scope", "")
    if not scope:
        return _missing("scope", ids)
    if not scope.endswith(_DEFAULT_SCOPE):
        return refuse("AADSTS1002012", ids)
    resource = scope.removesuffix(_DEFAULT_SCOPE)
    if resource not in tenant.resources:
        return refuse("AADSTS500011" if urlsplit(resource).scheme else "AADSTS70011", ids)
    return Issued(client, resource)


def _missing(parameter: str, ids: Ids) -> Reply:
    return refuse("AADSTS900144", ids, detail=f"The request lacks the parameter '{parameter}'.")


def _presented(asked: Asked, values: Mapping[str, str]) -> _Presented:
    scheme, _, proof = asked.authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(proof, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return _Presented(values.get("client_id", ""), "", basic=True)
        return _Presented(unquote_plus(client_id), unquote_plus(secret), basic=True)
    return _Presented(values.get("client_id", ""), values.get("client_secret"), basic=False)
