"""The closed sets: every label value and every verdict of this exporter is a member of one of these."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Side(StrEnum):
    """Who can mend a failure."""

    PROVIDER = "provider"
    CLIENT = "client"
    TENANT = "tenant"
    NETWORK = "network"
    PROBER = "prober"


class Category(StrEnum):
    """What kind of failure an attempt ended in."""

    SERVICE_FAULT = "service_fault"
    SERVICE_TRANSIENT = "service_transient"
    THROTTLED = "throttled"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_INVALID = "credential_invalid"
    CONFIG = "config"
    REQUEST_MALFORMED = "request_malformed"
    GRANT_INVALID = "grant_invalid"
    USER_ACCOUNT = "user_account"
    INTERACTION_REQUIRED = "interaction_required"
    POLICY_BLOCKED = "policy_blocked"
    EXTERNAL_IDP = "external_idp"
    PROTOCOL = "protocol"
    TOKEN_INVALID = "token_invalid"
    CONTRACT_BROKEN = "contract_broken"
    NETWORK = "network"
    LOCAL = "local"
    UNKNOWN = "unknown"
    PENDING = "pending"

    @property
    def side(self) -> Side:
        """The side that can mend failures of this category."""
        return _SIDES[self]


_SIDES: Mapping[Category, Side] = MappingProxyType(
    {
        Category.SERVICE_FAULT: Side.PROVIDER,
        Category.SERVICE_TRANSIENT: Side.PROVIDER,
        Category.THROTTLED: Side.CLIENT,
        Category.CREDENTIAL_EXPIRED: Side.CLIENT,
        Category.CREDENTIAL_INVALID: Side.CLIENT,
        Category.CONFIG: Side.CLIENT,
        Category.REQUEST_MALFORMED: Side.CLIENT,
        Category.GRANT_INVALID: Side.CLIENT,
        Category.USER_ACCOUNT: Side.TENANT,
        Category.INTERACTION_REQUIRED: Side.TENANT,
        Category.POLICY_BLOCKED: Side.TENANT,
        Category.EXTERNAL_IDP: Side.TENANT,
        Category.PROTOCOL: Side.PROVIDER,
        Category.TOKEN_INVALID: Side.PROVIDER,
        Category.CONTRACT_BROKEN: Side.PROVIDER,
        Category.NETWORK: Side.NETWORK,
        Category.LOCAL: Side.PROBER,
        Category.UNKNOWN: Side.PROVIDER,
        Category.PENDING: Side.TENANT,
    }
)

FAILURE_CATEGORIES = tuple(c for c in Category if c is not Category.PENDING)
"""What an attempt can fail with: `pending` (a device flow that waits for its user) is no failure."""

SERVICE_CATEGORIES = frozenset({Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT})
"""The provider itself fails; every code of these is watched from the first scrape on."""

PROVIDER_OWNED = frozenset({c for c in Category if c.side is Side.PROVIDER})
"""Verdicts that an HTTP 5xx or `server_error` need not override."""


OUTAGE_CATEGORIES = frozenset({Category.SERVICE_FAULT, Category.SERVICE_TRANSIENT, Category.PROTOCOL, Category.NETWORK})
"""Failures that speak of an outage: nobody got to judge the request itself."""


class Stage(StrEnum):
    """How far a failed attempt got."""

    LOCAL = "local"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    HEADERS = "headers"
    BODY = "body"
    HTTP = "http"
    PARSE = "parse"
    OAUTH = "oauth"
    TOKEN = "token"


class Reason(StrEnum):
    """Why a stage failed; which reasons a stage knows stands in `REASONS`."""

    BAD_ALGORITHM = "bad_algorithm"
    BAD_EXPIRES_IN = "bad_expires_in"
    BAD_HEADER = "bad_header"
    BAD_SIGNATURE = "bad_signature"
    BAD_TOKEN_TYPE = "bad_token_type"
    CA_UNUSABLE = "ca_unusable"
    CERT_EXPIRED = "cert_expired"
    CERT_NOT_YET_VALID = "cert_not_yet_valid"
    CLAIM_MISSING = "claim_missing"
    CLIENT_CERTIFICATE_REFUSED = "client_certificate_refused"
    CLIENT_ERROR = "client_error"
    CLOSED = "closed"
    CODE_EXPIRED_EARLY = "code_expired_early"
    DEVICE_ANSWER_INCOMPLETE = "device_answer_incomplete"
    DUPLICATE_KEY = "duplicate_key"
    EMPTY = "empty"
    ERROR_IN_200 = "error_in_200"
    EXPIRED = "expired"
    FAILED = "failed"
    FD_EXHAUSTED = "fd_exhausted"
    FOREIGN_HOST = "foreign_host"
    HANDSHAKE = "handshake"
    HOST_MISMATCH = "host_mismatch"
    INCONSISTENT = "inconsistent"
    INTERNAL = "internal"
    INVALID = "invalid"
    INVALID_FRAMING = "invalid_framing"
    ISSUED_TYPE_MISSING = "issued_type_missing"
    ISSUER_MISMATCH = "issuer_mismatch"
    KEY_MISSING = "key_missing"
    KEYS_INVALID = "keys_invalid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    LIFETIME_TOO_SHORT = "lifetime_too_short"
    LOCKOUT_RISK = "lockout_risk"
    LOOP_STALL = "loop_stall"
    MALFORMED_ERROR = "malformed_error"
    METADATA_INCOMPLETE = "metadata_incomplete"
    MISSING = "missing"
    NO_ADDRESS = "no_address"
    NO_KEYS = "no_keys"
    NO_PORTS = "no_ports"
    NOT_HTTP = "not_http"
    NOT_JSON = "not_json"
    NOT_JWT = "not_jwt"
    NOT_OBJECT = "not_object"
    NOT_TLS = "not_tls"
    NOT_UTF8 = "not_utf8"
    NOT_YET_VALID = "not_yet_valid"
    NXDOMAIN = "nxdomain"
    REDIRECT = "redirect"
    REFUSED = "refused"
    RESET = "reset"
    ROLE_MISSING = "role_missing"
    SECRET_UNREADABLE = "secret_unreadable"
    SERVER_ERROR = "server_error"
    STATE_UNUSABLE = "state_unusable"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    TIMEOUT_TOO_SHORT = "timeout_too_short"
    TOKEN_ISSUED = "token_issued"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    UNEXPECTED_ENCODING = "unexpected_encoding"
    UNEXPECTED_STATUS = "unexpected_status"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UPDATING = "updating"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"


REASONS: Mapping[Stage, tuple[Reason, ...]] = MappingProxyType(
    {
        Stage.LOCAL: (
            Reason.CA_UNUSABLE,
            Reason.FD_EXHAUSTED,
            Reason.INTERNAL,
            Reason.LOCKOUT_RISK,
            Reason.LOOP_STALL,
            Reason.NO_PORTS,
            Reason.SECRET_UNREADABLE,
            Reason.STATE_UNUSABLE,
            Reason.TIMEOUT_TOO_SHORT,
        ),
        Stage.DNS: (Reason.FAILED, Reason.NO_ADDRESS, Reason.NXDOMAIN, Reason.TIMEOUT),
        Stage.CONNECT: (Reason.FAILED, Reason.REFUSED, Reason.RESET, Reason.TIMEOUT, Reason.UNREACHABLE),
        Stage.TLS: (
            Reason.CERT_EXPIRED,
            Reason.CERT_NOT_YET_VALID,
            Reason.CLIENT_CERTIFICATE_REFUSED,
            Reason.HANDSHAKE,
            Reason.HOST_MISMATCH,
            Reason.NOT_TLS,
            Reason.RESET,
            Reason.TIMEOUT,
            Reason.UNTRUSTED,
        ),
        Stage.SEND: (Reason.TIMEOUT,),
        Stage.HEADERS: (Reason.CLOSED, Reason.INVALID, Reason.NOT_HTTP, Reason.RESET, Reason.TIMEOUT),
        Stage.BODY: (
            Reason.INVALID_FRAMING,
            Reason.RESET,
            Reason.TIMEOUT,
            Reason.TOO_LARGE,
            Reason.TRUNCATED,
            Reason.UNEXPECTED_ENCODING,
        ),
        Stage.HTTP: (
            Reason.CLIENT_ERROR,
            Reason.REDIRECT,
            Reason.SERVER_ERROR,
            Reason.THROTTLED,
            Reason.UNEXPECTED_STATUS,
            Reason.UPDATING,
        ),
        Stage.PARSE: (
            Reason.DUPLICATE_KEY,
            Reason.EMPTY,
            Reason.NOT_JSON,
            Reason.NOT_OBJECT,
            Reason.NOT_UTF8,
            Reason.TOO_DEEP,
        ),
        Stage.OAUTH: (
            Reason.CODE_EXPIRED_EARLY,
            Reason.DEVICE_ANSWER_INCOMPLETE,
            Reason.ERROR_IN_200,
            Reason.FOREIGN_HOST,
            Reason.INCONSISTENT,
            Reason.ISSUER_MISMATCH,
            Reason.KEYS_INVALID,
            Reason.MALFORMED_ERROR,
            Reason.METADATA_INCOMPLETE,
            Reason.NO_KEYS,
            Reason.REFUSED,
            Reason.TOKEN_ISSUED,
        ),
        Stage.TOKEN: (
            Reason.BAD_ALGORITHM,
            Reason.BAD_EXPIRES_IN,
            Reason.BAD_HEADER,
            Reason.BAD_SIGNATURE,
            Reason.BAD_TOKEN_TYPE,
            Reason.CLAIM_MISSING,
            Reason.EXPIRED,
            Reason.ISSUED_TYPE_MISSING,
            Reason.KEY_MISSING,
            Reason.LIFETIME_TOO_LONG,
            Reason.LIFETIME_TOO_SHORT,
            Reason.MISSING,
            Reason.NOT_JWT,
            Reason.NOT_YET_VALID,
            Reason.ROLE_MISSING,
            Reason.TOO_LARGE,
            Reason.WRONG_AUDIENCE,
            Reason.WRONG_ISSUER,
        ),
    }
)

METADATA_REASONS = frozenset({(Stage.OAUTH, Reason.FOREIGN_HOST)})
"""What only a target can come to that asks for its provider's metadata."""

KEYS_REASONS = METADATA_REASONS | {(Stage.OAUTH, Reason.KEYS_INVALID), (Stage.OAUTH, Reason.NO_KEYS)}
"""What only a target can come to that asks for its provider's signing keys."""

TOKEN_CHECK_REASONS = (METADATA_REASONS | {(Stage.OAUTH, Reason.KEYS_INVALID)}) | {
    (Stage.TOKEN, reason)
    for reason in REASONS[Stage.TOKEN]
    if reason not in {Reason.BAD_EXPIRES_IN, Reason.BAD_TOKEN_TYPE, Reason.ISSUED_TYPE_MISSING, Reason.MISSING}
}
"""What only a target can come to whose tokens are checked."""


MUTUAL_TLS_FAULTS = frozenset({(Stage.TLS, Reason.CLIENT_CERTIFICATE_REFUSED)})
"""Faults that hardly anybody meets who shows no certificate."""


class Phase(StrEnum):
    """The parts of an exchange, in blackbox_exporter's words; together they are its whole duration."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    PROCESSING = "processing"
    TRANSFER = "transfer"


class Skip(StrEnum):
    """Why a scheduled attempt was not made."""

    OVERLAP = "overlap"
    THROTTLED = "throttled"
    MISSED = "missed"


class Departure(StrEnum):
    """Where an answer departs from what a standard binds the server to; kept as evidence, judged by people."""

    BASIC_WITHOUT_401 = "basic_without_401"
    BASIC_WITHOUT_CHALLENGE = "basic_without_challenge"
    CACHEABLE_TOKEN = "cacheable_token"
    EXPIRES_IN_NOT_A_NUMBER = "expires_in_not_a_number"
    NOT_JSON_CONTENT_TYPE = "not_json_content_type"

    @property
    def sentence(self) -> str:
        """The departure in words, with the section that it departs from."""
        return _DEPARTURES[self]


_DEPARTURES: Mapping[Departure, str] = MappingProxyType(
    {
        Departure.BASIC_WITHOUT_401: (
            "the client authenticated with the Authorization header, so invalid_client must come with "
            "HTTP 401 (RFC 6749 section 5.2)"
        ),
        Departure.BASIC_WITHOUT_CHALLENGE: (
            "the client authenticated with the Authorization header, so the 401 must carry a "
            "WWW-Authenticate header for the Basic scheme (RFC 6749 section 5.2)"
        ),
        Departure.CACHEABLE_TOKEN: "a token response must carry Cache-Control: no-store (RFC 6749 section 5.1)",
        Departure.EXPIRES_IN_NOT_A_NUMBER: "expires_in must be a JSON number (RFC 6749 appendix A.14)",
        Departure.NOT_JSON_CONTENT_TYPE: (
            "the answer must be of media type application/json (RFC 6749 sections 5.1 and 5.2)"
        ),
    }
)

RFC6749_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
"""The error values of a token endpoint, RFC 6749 section 5.2."""

WATCHED_ERRORS = (*RFC6749_ERRORS, "server_error", "temporarily_unavailable")
"""Error values whose series start at 0 for every target."""

REGISTERED_ERRORS = (
    *WATCHED_ERRORS,
    # RFC 6749 section 4.1.2.1, RFC 8628 section 3.5, RFC 8707 section 2, OIDC Core section 3.1.2.6
    "access_denied",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "interaction_required",
    "invalid_target",
    "login_required",
    "slow_down",
    "unauthorized_user",
    "unsupported_response_type",
    # Entra's own
    "bad_token",
    "code_expired",
    "invalid_instance",
    "invalid_resource",
    "invalid_tenant",
)
"""Error values that are label values as they stand; all others share `other`."""
