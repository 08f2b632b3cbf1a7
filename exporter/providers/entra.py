"""Microsoft Entra ID, the endpoints of v2 and v1.

Hosts: Microsoft, "National clouds", and what MSAL knows; paths: "Microsoft identity platform and OAuth 2.0 client
credentials flow"; issuers: "Access tokens in the Microsoft identity platform".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exporter.catalogue import watched
from exporter.model import TENANT_ID, ErrorCode, Place, Provider, TokenEndpoint
from exporter.providers.microsoft import request_headers, tenant_id
from exporter.urls import host_of


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where one of the national clouds is found; `sts` issues tokens of v1, as far as that is known."""

    host: str
    aliases: frozenset[str] = frozenset()
    sts: str = ""
    regional: str = ""


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "public": Cloud(
            "login.microsoftonline.com",
            frozenset({"login.microsoft.com", "login.windows.net", "sts.windows.net"}),
            sts="sts.windows.net",
            regional="login.microsoft.com",
        ),
        "usgov": Cloud("login.microsoftonline.us", frozenset({"login.usgovcloudapi.net"}), sts="sts.windows.net"),
        "china": Cloud(
            "login.partner.microsoftonline.cn", frozenset({"login.chinacloudapi.cn"}), sts="sts.chinacloudapi.cn"
        ),
        # The sovereign clouds of partners: Bleu, Delos, and one of Singapore's government.
        "france": Cloud("login.sovcloud-identity.fr"),
        "germany": Cloud("login.sovcloud-identity.de"),
        "singapore": Cloud("login.sovcloud-identity.sg"),
    }
)

AUTHORITY_HOSTS: Mapping[str, str] = MappingProxyType({name: f"https://{cloud.host}" for name, cloud in CLOUDS.items()})

_REGIONAL_GRANTS = frozenset({"client_credentials", "none"})


def token_endpoint(place: Place) -> TokenEndpoint:
    """The token endpoint of a tenant in its cloud or region, or at another authority host."""
    cloud = _cloud(place)
    host = place.authority_host.rstrip("/") or f"https://{cloud.host}"
    asked = f"https://{place.region}.{cloud.regional or cloud.host}" if place.region else host
    # Whatever alias is asked, the issuer is called after the cloud's own host; what is no cloud's speaks for itself.
    issuer, sts = (f"https://{cloud.host}", f"https://{cloud.sts}") if cloud.host else (host, host)
    current, old = f"{issuer}/{TENANT_ID}/v2.0", f"{sts}/{TENANT_ID}/"
    token_path, metadata_path = ("oauth2/token", "") if place.version == "v1" else ("oauth2/v2.0/token", "v2.0/")
    return TokenEndpoint(
        url=f"{asked}/{place.tenant}/{token_path}",
        metadata_url=f"{host}/{place.tenant}/{metadata_path}.well-known/openid-configuration",
        allow_http=place.allow_http,
        issuers=(old if place.version == "v1" else current,),
        # Which version a token has is up to its resource.
        token_issuers=(current, old) if cloud.sts or not cloud.host else (current,),
        tenant=tenant_id(place.tenant),
        hosts=cloud.aliases | place.allowed_hosts | ({cloud.host} if cloud.host else set()),
    )


def _cloud(place: Place) -> Cloud:
    """The cloud that an authority host belongs to, else the one that is named; an empty one of a stranger's host."""
    if not place.authority_host:
        return CLOUDS[place.cloud or "public"]
    host = host_of(place.authority_host)
    return next((cloud for cloud in CLOUDS.values() if host in {cloud.host, *cloud.aliases}), Cloud(""))


def objections(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the keys of a target on Entra demand of each other."""
    if entry.get("version") == "v1":
        if "scope" in entry:
            yield "scope", "has no meaning for version v1; state parameters: {resource: ...}"
        if "authority_host" not in entry and (cloud := CLOUDS.get(str(entry.get("cloud")))) and not cloud.sts:
            yield "version", "v1 is not known of this cloud"
    if "region" in entry:
        if "authority_host" in entry:
            yield "region", "has no meaning beside authority_host"
        if entry.get("grant", "none") not in _REGIONAL_GRANTS:
            yield "region", "regional endpoints serve client_credentials only"


ENTRA = Provider(
    name="entra",
    title="Entra",
    endpoint=token_endpoint,
    requires=frozenset({"tenant"}),
    allows=frozenset({"authority_host", "cloud", "region", "version"}),
    clouds=tuple(CLOUDS),
    objections=objections,
    auth_method="client_secret_post",
    watched=tuple(ErrorCode(code) for code in watched("AADSTS")),
    request_headers=request_headers,
)
