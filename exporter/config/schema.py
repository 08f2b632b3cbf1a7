"""The shape of a config file; what its parts demand of each other stands in `checks`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    SerializationInfo,
    create_model,
    field_serializer,
    field_validator,
)

from exporter.config.values import (
    Code,
    Duration,
    Error,
    Hidden,
    Host,
    Instant,
    LabelName,
    Name,
    PlainUrl,
    Tenant,
    Text,
    Url,
    Variable,
    one_of,
)
from exporter.credentials import METHODS
from exporter.durations import show_duration
from exporter.grants import GRANTS
from exporter.model import ALGORITHMS, MASK
from exporter.providers import PROVIDERS

DEFAULT_INTERVAL = "30s"
DEFAULT_TIMEOUT = "10s"
DEFAULT_CONFIRMATIONS = 240
DEFAULT_CLOCK_SKEW = "1m"
MAX_CONFIRMATIONS = 3600

PLAIN_PARAMETERS = frozenset(
    {
        "actor_token_type",
        "audience",
        "client_assertion_type",
        "client_id",
        "grant_type",
        "redirect_uri",
        "requested_token_type",
        "requested_token_use",
        "resource",
        "response_type",
        "scope",
        "subject_token_type",
    }
)
"""Form parameters that hold no secret by their definition; the values of all others are masked everywhere."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        if value is None:
            raise ValueError("has no value; give it one or leave the key out")
        return value


def keys_of(secret: str) -> tuple[str, str, str]:
    """The keys that state a secret: itself, its file, or its variable."""
    return secret, f"{secret}_file", f"{secret}_env"


def _presented(names: Iterable[str]) -> type[Strict]:
    """The keys that state secrets: each itself, its file, or its variable."""
    fields: dict[str, Any] = {}
    for name in sorted(names):
        what = name.replace("_", " ")
        fields |= {
            name: (Hidden | None, Field(None, min_length=1, description=f"The {what} itself; prefer a file.")),
            f"{name}_file": (Text | None, Field(None, description=f"A file with the {what}, read at each attempt.")),
            f"{name}_env": (Variable | None, Field(None, description=f"An environment variable with the {what}.")),
        }
    return create_model("_Presented", __base__=Strict, **fields)


class DefaultsEntry(Strict):
    """What targets have that do not say otherwise."""

    interval: Duration = Field(DEFAULT_INTERVAL, validate_default=True, description="Time between two attempts.")
    timeout: Duration = Field(
        DEFAULT_TIMEOUT, validate_default=True, description="Time that one attempt may take in all."
    )
    confirmations: int = Field(
        DEFAULT_CONFIRMATIONS,
        ge=0,
        le=MAX_CONFIRMATIONS,
        description="Extra attempts an hour to be sure of an outage, soon after a failure; 0 is none.",
    )

    @field_serializer("interval", "timeout")
    def _show(self, seconds: float) -> str:
        return show_duration(seconds)


class ProofEntry(_presented({"client_secret", "certificate_password"})):  # type: ignore[misc]
    """By what a client proves who it is, stated in exactly one way, and how."""

    method: one_of(METHODS) | None = Field(None, description="Default: what fits the proof and the provider.")  # type: ignore[valid-type]
    certificate_file: Text | None = Field(None, description="The certificate: PEM, or PKCS#12 with its key.")
    private_key_file: Text | None = Field(None, description="The private key, where it is in a PEM file of its own.")
    assertion_file: Text | None = Field(None, description="A JWT that others sign and renew.")
    workload_identity: bool | None = Field(
        None, description="entra: assertion file, client, tenant and authority of Azure's environment variables."
    )
    algorithm: one_of(ALGORITHMS) | None = Field(None, description="private_key_jwt: default PS256, or ES256.")  # type: ignore[valid-type]
    audience: Text | None = Field(None, description="private_key_jwt: default is the token endpoint's URL.")
    kid: Text | None = Field(None, description="private_key_jwt: the key's id, where the provider goes by it.")
    x5c: bool | None = Field(None, description="private_key_jwt: send the certificates themselves along.")
    expires: Instant | None = Field(None, description="When the secret ends, for the alerts that remind of it.")

    @field_serializer("expires")
    def _show(self, expires: float | None) -> str | None:
        return None if expires is None else datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z")


class CredentialEntry(ProofEntry):
    """How the client proves who it is; or two ways, of which one shall replace the other."""

    current: ProofEntry | None = Field(None, description="The credential in use.")
    next: ProofEntry | None = Field(None, description="The one that shall replace it, tried beside it.")


class TokenEntry(Strict):
    """What a token must stand that is issued; what is left out is not asked for."""

    signature: bool = Field(True, description="It is a JWT, signed with a key of the provider's JWKS.")
    issuer: Text | None = Field(None, description="Default, where the signature is checked: the metadata's.")
    audience: list[Text] | None = Field(None, min_length=1, description="It is meant for one of these.")
    claims: dict[Text, list[Text]] | None = Field(
        None, description="Claims that it has, each with one of these values; [] is any value."
    )
    roles: list[Text] | None = Field(None, min_length=1, description="It has all of these roles.")
    min_lifetime: Duration | None = Field(None, description="It lives at least so long.")
    max_lifetime: Duration | None = Field(None, description="It lives at most so long.")
    clock_skew: Duration = Field(
        DEFAULT_CLOCK_SKEW, validate_default=True, description="By how much clocks may differ."
    )

    @field_serializer("min_lifetime", "max_lifetime", "clock_skew")
    def _show(self, seconds: float | None) -> str | None:
        return show_duration(seconds) if seconds else None


class ExpectEntry(Strict):
    """What counts as success: the refusal of a deliberately bad request, or a token that stands its checks."""

    code: list[Code] | None = Field(None, min_length=1, description="Any of these provider codes.")
    error: list[Error] | None = Field(None, min_length=1, description="Any of these OAuth error values.")
    token: TokenEntry | None = Field(None, description="What a token must stand; not beside a refusal.")


PRESENTED = frozenset().union(*(grant.secrets | grant.may_present for grant in GRANTS.values()))
"""The secrets that grants present, each stated in one of three keys."""


ARGUMENTS = frozenset().union(*(grant.requires | grant.allows for grant in GRANTS.values())) - {
    "client_id",
    "credential",
    "expect",
    "scope",
    "state_file",
}
"""The keys of grants that hold nothing but a word to say."""


class TargetEntry(_presented(PRESENTED)):  # type: ignore[misc]
    """One token endpoint, how it is asked, and how often."""

    name: Name = Field(description="Unique; the `target` label of every series.")
    provider: one_of(PROVIDERS) = Field(description="The identity provider's kind.")  # type: ignore[valid-type]
    cloud: Text | None = Field(None, description="entra: the cloud; default public.")
    tenant: Tenant | None = Field(None, description="Microsoft's: tenant id or domain.")
    version: one_of(("v1", "v2")) | None = Field(  # type: ignore[valid-type]
        None, description="entra: v2 (default), or v1, where parameters.resource stands in place of scope."
    )
    region: Name | None = Field(None, description="entra: the regional endpoint, such as westeurope.")
    policy: Name | None = Field(None, description="entra_b2c: the user flow or custom policy.")
    authority_host: PlainUrl | None = Field(
        None, description="entra: another host than the cloud's own; adfs, entra_b2c, entra_external_id: the host."
    )
    issuer: PlainUrl | None = Field(None, description="oidc: the issuer, whose metadata names the endpoint.")
    token_endpoint: Url | None = Field(None, description="oidc: the token endpoint, without discovery.")
    allowed_hosts: list[Host] | None = Field(
        None, min_length=1, description="Hosts, beside the provider's own, that its metadata may send clients to."
    )
    allow_http: bool = Field(False, description="Permit http URLs: secrets then cross the network in clear.")
    grant: one_of(GRANTS) = Field("none", description="How a token is asked for.")  # type: ignore[valid-type]
    client_id: Text | None = None
    scope: Text | None = None
    username: Text | None = Field(None, description="password: the user's name.")
    subject_token_type: Text | None = Field(None, description="token_exchange: the URI of what subject_token is.")
    actor_token_type: Text | None = Field(None, description="token_exchange: the URI of what actor_token is.")
    requested_token_type: Text | None = Field(None, description="token_exchange: the URI of what is asked for.")
    audience: Text | None = Field(None, description="token_exchange: whom the token is for, by name.")
    resource: Text | None = Field(None, description="token_exchange, managed_identity: what the token is for.")
    object_id: Text | None = Field(None, description="managed_identity: which of several, by its object id.")
    msi_res_id: Text | None = Field(None, description="managed_identity: which of several, by its resource id.")
    state_file: Text | None = Field(
        None, description="password, refresh_token: a file that keeps the count of refusals, or the newest token."
    )
    parameters: dict[Text, SecretStr] | None = Field(
        None, description="Form parameters to send as they stand, in place of those of the same name."
    )
    credential: CredentialEntry | None = None
    expect: ExpectEntry | None = None
    interval: Duration | None = Field(None, description="Time between two attempts.")
    timeout: Duration | None = Field(None, description="Time that one attempt may take in all.")
    confirmations: int | None = Field(
        None, ge=0, le=MAX_CONFIRMATIONS, description="Extra attempts an hour to be sure of an outage; 0 is none."
    )
    reuse_connection: bool = Field(
        False, description="Keep the connection for the target's next attempt; the default is a fresh one for each."
    )
    ca_file: Text | None = Field(None, description="Authorities to trust in place of the system's.")
    watch: list[Code] | None = Field(None, description="Codes whose series start at 0, beside the provider's own.")
    labels: dict[LabelName, Text] | None = Field(None, description="Labels of token_probe_target_info.")

    @field_serializer("interval", "timeout")
    def _show(self, seconds: float | None) -> str | None:
        return show_duration(seconds) if seconds else None

    @field_serializer("parameters")
    def _mask(self, parameters: dict[str, SecretStr] | None, _info: SerializationInfo) -> dict[str, str] | None:
        if parameters is None:
            return None
        return {
            name: value.get_secret_value() if name in PLAIN_PARAMETERS else MASK for name, value in parameters.items()
        }


class ConfigEntry(Strict):
    """A config file of aadsts-exporter."""

    defaults: DefaultsEntry = Field(default_factory=lambda: DefaultsEntry.model_validate({}))
    concurrency: int = Field(100, ge=1, le=10_000, description="Attempts that may run at the same time.")
    targets: list[TargetEntry] = Field(min_length=1)


KEYS = frozenset().union(
    *(
        model.model_fields
        for model in (ConfigEntry, DefaultsEntry, TargetEntry, CredentialEntry, ExpectEntry, TokenEntry)
    )
)
"""Every key that a config file may hold."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a config file."""
    return ConfigEntry.model_json_schema()
