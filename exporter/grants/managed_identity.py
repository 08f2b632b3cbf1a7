"""An Azure resource asks the machine that it runs on for a token of its own identity.

Virtual machines: Microsoft, "Use managed identities for Azure resources on a virtual machine to acquire an access
token" (IMDS). App Service and Functions: Microsoft, "Use managed identities for App Service and Azure Functions".
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from exporter.catalogue import Reason, Stage
from exporter.grants.metadata import get
from exporter.grants.token_check import check_token
from exporter.interpret import judge_managed_identity
from exporter.model import Attempt, EnvironmentSecret, Flow, Grant, Local, Place, TokenEndpoint

IMDS = "http://169.254.169.254"
_IMDS_PATH = "/metadata/identity/oauth2/token"
_HEADER = "identity_header"


def endpoint(place: Place, environment: Mapping[str, str]) -> Local:
    """App Service's endpoint where there is one, else the virtual machine's; `authority_host` goes before both."""
    if not place.authority_host and {"IDENTITY_ENDPOINT", "IDENTITY_HEADER"} <= environment.keys():
        header = (_HEADER, EnvironmentSecret("IDENTITY_HEADER"))
        return Local(TokenEndpoint(environment["IDENTITY_ENDPOINT"], allow_http=True), (header,))
    host = place.authority_host or environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or IMDS
    return Local(TokenEndpoint(host.rstrip("/") + _IMDS_PATH, allow_http=True))


def steps(attempt: Attempt) -> Flow:
    """One GET that says which resource the token is for and, where there are several, which identity."""
    target, header = attempt.target, attempt.secrets.get(_HEADER)
    version, proof = ("2019-08-01", ("X-IDENTITY-HEADER", header)) if header else ("2018-02-01", ("Metadata", "true"))
    arguments = {"client_id": target.client_id, **dict(target.arguments)}
    # App Service spells one of them otherwise.
    named = {"mi_res_id" if header and name == "msi_res_id" else name: text for name, text in arguments.items() if text}
    request = get(attempt, f"{target.endpoint.url}?{urlencode({'api-version': version} | named)}")
    request = replace(request, headers=(*request.headers, proof))
    answer = yield request
    outcome = judge_managed_identity(answer, request, target.expect, attempt.now)
    return (yield from check_token(attempt, outcome, answer))


MANAGED_IDENTITY = Grant(
    name="managed_identity",
    steps=steps,
    requires=frozenset({"resource"}),
    allows=frozenset({"client_id", "msi_res_id", "object_id"}),
    waives=frozenset({"allow_http", "tenant"}),
    provider="entra",
    endpoint=endpoint,
    reasons=frozenset({(Stage.HTTP, Reason.UPDATING)}),
)
