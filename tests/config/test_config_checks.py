"""Every mistake in a config is told once, on its line, with what to do and without its value."""

from pathlib import Path

import pytest

from exporter.config import parse_config
from exporter.config.checks import COMMON_KEYS, GRANT_KEYS, INFO_LABELS, PROVIDER_KEYS
from exporter.config.schema import PRESENTED, TargetEntry, keys_of
from exporter.grants import GRANTS
from exporter.model import Config

GOOD = """\
defaults: {interval: 30s, timeout: 10s}
targets:
  - name: contoso
    provider: entra
    tenant: contoso.onmicrosoft.com
    grant: client_credentials
    client_id: prober
    scope: https://graph.microsoft.com/.default
    credential: {client_secret_env: CONTOSO}
  - name: front-door
    provider: entra
    tenant: common
    expect: {code: [AADSTS900144]}
  - name: keycloak
    provider: oidc
    issuer: https://sso.example.org
    expect: {error: [invalid_request]}
"""

TRAP_BOOLEAN = "YAML reads this as a boolean; put it in quotes if it is text"
TRAP_NUMBER = "YAML reads this as another number; put it in quotes if it is text"
NEEDS_TEXT = "must be text; put it in quotes if it looks like a number"
NEEDS_DURATION = "must be a duration such as 30s, 1m30s or 500ms"
NEEDS_VALUE = "has no value; give it one or leave the key out"
NEEDS_SECRET = (
    "needs exactly one of client_secret, client_secret_file, client_secret_env, certificate_file, assertion_file, "
    "workload_identity"
)
NEEDS_METHOD = (
    "must be one of client_secret_basic, client_secret_post, federated_assertion, none, private_key_jwt, "
    "tls_client_auth"
)
NEEDS_CODE = "must be an error code with its prefix, as AADSTS50000"
NEEDS_LABEL = "must be a Prometheus label name such as team"
NEEDS_PLACE = "provider oidc needs issuer or token_endpoint"
NEEDS_PLAIN_URL = "must be a URL without spaces, backslashes, control or non-ASCII characters"
NEEDS_HTTPS = "must be https; set allow_http: true on the target if http is meant"
NEEDS_KEYS = "targets[2].expect.token: needs signature: false, since token_endpoint leads to no keys, or the issuer"
NEEDS_METADATA = (
    "targets[2].token_endpoint: grant jwks finds its endpoints in the issuer's metadata; state issuer instead"
)
NEEDS_HOST = "must be the name of a host in small letters, as keys.example.org"
CLOUDS = "public, usgov, china, france, germany, singapore"
FOR_GRANT = "is required for grant client_credentials"
TOO_SLOW = "the timeout must be shorter than the interval"

TENANT = "tenant: contoso.onmicrosoft.com"
CREDENTIAL = "credential: {client_secret_env: CONTOSO}"
ISSUER = "issuer: https://sso.example.org"
EXPECT = "expect: {error: [invalid_request]}"
SECRET = "targets[0].credential"


def complaints(text: str) -> list[str]:
    found = parse_config(text, Path("/etc/exporter"))
    assert isinstance(found, list)
    return [str(problem) for problem in found]


def edited(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_the_config_that_the_mistakes_are_made_in_has_none() -> None:
    assert isinstance(parse_config(GOOD, Path("/etc/exporter")), Config)


# Each mistake: what is edited, into what, and the one complaint that follows.
KEYS = [
    pytest.param(TENANT, "tennant: x", "5: targets[0].tennant: unknown key; did you mean tenant?", id="misspelt"),
    pytest.param("name: contoso", "nmae: x", "3: targets[0].nmae: unknown key; did you mean name?", id="misspelt name"),
    pytest.param("grant:", "grnat:", "6: targets[0].grnat: unknown key; did you mean grant?", id="misspelt grant"),
    pytest.param(
        "client_id:",
        "cilent_id:",
        "7: targets[0].cilent_id: unknown key; did you mean client_id?",
        id="misspelt client",
    ),
    pytest.param("targets:", "target:", "2: target: unknown key; did you mean targets?", id="misspelt at the top"),
    pytest.param("timeout:", "timout:", "1: defaults.timout: unknown key; did you mean timeout?", id="in defaults"),
    pytest.param("code:", "coed:", "13: targets[1].expect.coed: unknown key; did you mean code?", id="in expect"),
    pytest.param(
        "ret_env", "ret_enf", f"9: {SECRET}.?: unknown key; did you mean client_secret_env?", id="in credential"
    ),
    pytest.param(TENANT, f"{TENANT}\n    xyz: 1", "6: targets[0].xyz: unknown key", id="like no other key"),
    pytest.param("defaults:", "interval: 9s\n#", "1: interval: unknown key; it belongs elsewhere", id="misplaced"),
    pytest.param(
        TENANT,
        f"{TENANT}\n    tenant: other",
        "6: targets[0].tenant: this key stands twice; the first is on line 5",
        id="duplicate",
    ),
]
YAML = [
    *[
        pytest.param("prober", scalar, f"7: targets[0].client_id: {trap}", id=f"the trap {scalar}")
        for trap, scalars in ((TRAP_BOOLEAN, ("NO", "on")), (TRAP_NUMBER, ("0123", "22:22", "1_000")))
        for scalar in scalars
    ],
    pytest.param("30s", "22:22", f"1: defaults.interval: {TRAP_NUMBER}", id="trap as duration"),
    pytest.param("CONTOSO", "0123", f"9: {SECRET}.client_secret_env: {TRAP_NUMBER}", id="trap as secret"),
    pytest.param(EXPECT, f"{EXPECT}\n    allow_http: yes", f"18: targets[2].allow_http: {TRAP_BOOLEAN}", id="yes"),
    pytest.param(
        TENANT,
        f"{TENANT}\n    labels: *team",
        "6: targets[0].labels: this alias names no anchor above it",
        id="alias without an anchor",
    ),
    pytest.param(
        TENANT,
        f"{TENANT}\n    labels: {{<<: {{a: b}}}}",
        "6: targets[0].labels: merge keys (<<) are not supported; write the keys out",
        id="merge key",
    ),
    pytest.param(
        TENANT, f"{TENANT}\n    ? [a]\n    : b", "6: targets[0]: a key must be a plain word", id="list as key"
    ),
    pytest.param(
        EXPECT,
        f"{EXPECT}\n---\na: b",
        "18: a second document begins; keep one document in a file",
        id="second document",
    ),
    pytest.param(
        CREDENTIAL,
        f"credential: {'[' * 40}{']' * 40}",
        f"9: {SECRET}{'[0]' * 29}: nested deeper than 32 levels",
        id="deep nesting",
    ),
    pytest.param("prober", "a\x01", "7: not valid YAML: a character that YAML does not allow", id="control character"),
]
TYPES = [
    pytest.param(CREDENTIAL, "credential: word", f"9: {SECRET}: must be a mapping", id="word for a mapping"),
    pytest.param(
        "- name: keycloak", "- word\n  - name: x", "14: targets[2]: must be a mapping", id="word for a target"
    ),
    pytest.param("[AADSTS900144]", "AADSTS900144", "13: targets[1].expect.code: must be a list", id="word for a list"),
    pytest.param("prober", "17", f"7: targets[0].client_id: {NEEDS_TEXT}", id="number for text"),
    pytest.param("prober", "[a]", f"7: targets[0].client_id: {NEEDS_TEXT}", id="list for text"),
    pytest.param("prober", "", f"7: targets[0].client_id: {NEEDS_VALUE}", id="nothing for text"),
    pytest.param(TENANT, "tenant:", f"5: targets[0].tenant: {NEEDS_VALUE}", id="nothing for what is required"),
    pytest.param("CONTOSO", "", f"9: {SECRET}.client_secret_env: {NEEDS_VALUE}", id="nothing for a secret"),
    pytest.param("[AADSTS900144]", "", f"13: targets[1].expect.code: {NEEDS_VALUE}", id="nothing for a list"),
    pytest.param("defaults: {", "defaults: #", f"1: defaults: {NEEDS_VALUE}", id="nothing for a mapping"),
    pytest.param(
        EXPECT, f"{EXPECT}\n    allow_http: 'no'", "18: targets[2].allow_http: must be true or false", id="'no'"
    ),
    pytest.param("defaults:", "concurrency: all\n#", "1: concurrency: must be a whole number", id="word for a number"),
    pytest.param("defaults:", "concurrency: 0\n#", "1: concurrency: must be greater than or equal to 1", id="too few"),
]
DURATIONS = [
    pytest.param("10s", "ten", f"1: defaults.timeout: {NEEDS_DURATION}", id="no duration"),
    pytest.param("10s", "10", f"1: defaults.timeout: {NEEDS_DURATION}", id="duration without a unit"),
    pytest.param("10s", "30s", f"1: defaults.timeout: {TOO_SLOW}", id="slow defaults, whatever the targets are"),
    pytest.param("30s, timeout: 10s", "9s", f"1: defaults.interval: {TOO_SLOW}", id="one hasty default"),
    pytest.param(TENANT, f"{TENANT}\n    timeout: 30s", f"6: targets[0].timeout: {TOO_SLOW}", id="slow target"),
    pytest.param(TENANT, f"{TENANT}\n    interval: 10s", f"6: targets[0].interval: {TOO_SLOW}", id="hasty target"),
    pytest.param(
        TENANT,
        f"{TENANT}\n    interval: 99ms\n    timeout: 50ms",
        "6: targets[0].interval: must be at least 100ms",
        id="interval of next to nothing",
    ),
]
URLS = [
    *[
        pytest.param(ISSUER, f"issuer: {url}", f"16: targets[2].issuer: {message}", id=sentence)
        for url, message, sentence in (
            ("http://sso.example.org", NEEDS_HTTPS, "http that was not allowed"),
            ("HTTP://sso.example.org", NEEDS_HTTPS, "HTTP that was not allowed"),
            ("https://a:b@sso.example.org", "must not hold a user name or password", "userinfo in a URL"),
            ('"https://sso.example.org\\u0001"', NEEDS_PLAIN_URL, "control character in a URL"),
            ("https://sso.example.org\\evil", NEEDS_PLAIN_URL, "backslash in a URL"),
            ("https://sso.example.org?a=b", "must not hold a query", "query in an issuer"),
        )
    ],
    pytest.param(
        TENANT,
        f"{TENANT}\n    authority_host: http://a",
        f"6: targets[0].authority_host: {NEEDS_HTTPS}",
        id="http authority host",
    ),
]
TOGETHER = [
    pytest.param("front-door", "contoso", "10: targets[1].name: another target above has this name", id="same name"),
    pytest.param("    provider: oidc\n", "", "14: targets[2].provider: is required", id="no provider"),
    pytest.param(
        "oidc",
        "okta",
        "15: targets[2].provider: must be one of entra, entra_external_id, entra_b2c, adfs, oidc",
        id="unknown provider",
    ),
    pytest.param("    tenant: common\n", "", "10: targets[1].tenant: is required for provider entra", id="no tenant"),
    pytest.param(f"    {ISSUER}\n", "", f"14: targets[2]: {NEEDS_PLACE}; neither is given", id="no issuer"),
    pytest.param(
        ISSUER,
        f"{ISSUER}\n    token_endpoint: https://a",
        f"14: targets[2]: {NEEDS_PLACE}; not both",
        id="two endpoints",
    ),
    pytest.param(
        ISSUER, f"{ISSUER}\n    tenant: a", "17: targets[2].tenant: has no meaning for provider oidc", id="oidc tenant"
    ),
    pytest.param(TENANT, f"{TENANT}\n    cloud: moon", f"6: targets[0].cloud: must be one of {CLOUDS}", id="bad cloud"),
    pytest.param(
        "client_credentials",
        "magic",
        f"6: targets[0].grant: must be one of {', '.join(GRANTS)}",
        id="unknown grant",
    ),
    pytest.param("    client_id: prober\n", "", f"3: targets[0].client_id: {FOR_GRANT}", id="no client"),
    pytest.param(f"    {CREDENTIAL}\n", "", f"3: {SECRET}: {FOR_GRANT}", id="no credential"),
    pytest.param(f"    {EXPECT}\n", "", "14: targets[2].expect: is required for grant none", id="no expectation"),
    pytest.param(ISSUER, f"{ISSUER}\n    scope: a", "17: targets[2].scope: has no meaning for grant none", id="scope"),
    pytest.param(
        ISSUER,
        f"{ISSUER}\n    credential: {{client_secret_file: a}}",
        "14: targets[2].client_id: is required beside a credential",
        id="credential of nobody",
    ),
    pytest.param(
        ISSUER,
        f"{ISSUER}\n    cilent_id: b\n    credential: {{client_secret_file: a}}",
        "17: targets[2].cilent_id: unknown key; did you mean client_id?",
        id="credential of somebody misspelt",
    ),
]
CREDENTIALS = [
    pytest.param("client_secret_env: CONTOSO", "", f"9: {SECRET}: {NEEDS_SECRET}", id="no secret"),
    pytest.param("CONTOSO", "A, client_secret_file: b", f"9: {SECRET}: {NEEDS_SECRET}", id="two secrets"),
    pytest.param("_env: CONTOSO", ": ''", f"9: {SECRET}.client_secret: must not be empty", id="empty secret"),
    pytest.param("CONTOSO", "A, method: b", f"9: {SECRET}.method: {NEEDS_METHOD}", id="unknown method"),
]
EXPECTATIONS = [
    pytest.param("AADSTS900144", "900144", f"13: targets[1].expect.code[0]: {NEEDS_TEXT}", id="number for a code"),
    pytest.param("AADSTS900144", "AADSTS1", f"13: targets[1].expect.code[0]: {NEEDS_CODE}", id="bad code"),
    pytest.param("[AADSTS900144]", "[]", "13: targets[1].expect.code: must not be empty", id="no codes"),
    pytest.param(
        "code: [AADSTS900144]", "", "13: targets[1].expect: needs code, error or token", id="nothing expected"
    ),
    pytest.param(
        "{code: [AADSTS900144]}",
        "{code: [AADSTS900144], token: {}}",
        "13: targets[1].expect.token: has no meaning beside a refusal that is expected",
        id="a refusal and a token",
    ),
    pytest.param(
        f"{ISSUER}\n    {EXPECT}",
        "token_endpoint: https://a\n    expect: {token: {}}",
        f"17: {NEEDS_KEYS}",
        id="no keys to check with",
    ),
    *[
        pytest.param(
            "code: [AADSTS900144]", f"token: {{{keys}}}", f"13: targets[1].expect.token.{complaint}", id=complaint
        )
        for keys, complaint in (
            ("siganture: false", "siganture: unknown key; did you mean signature?"),
            ("signature: 'no'", "signature: must be true or false"),
            ("audience: orders", "audience: must be a list"),
            ("audience: []", "audience: must not be empty"),
            ("roles: []", "roles: must not be empty"),
            ("claims: [tid]", "claims: must be a mapping"),
            ("claims: {tid: a}", "claims.tid: must be a list"),
            ("min_lifetime: 600", f"min_lifetime: {NEEDS_DURATION}"),
            ("max_lifetime: 1m, min_lifetime: 2m", "min_lifetime: must not be longer than max_lifetime"),
            ("clock_skew: 0s", "clock_skew: must be longer than nothing"),
        )
    ],
]
PROVIDED = [
    *[
        pytest.param(TENANT, f"{TENANT}\n    {keys}", f"{line}: targets[0].{complaint}", id=keys)
        for keys, line, complaint in (
            ("version: v3", 6, "version: must be one of v1, v2"),
            ("region: westeurope\n    authority_host: https://a", 6, "region: has no meaning beside authority_host"),
            ("policy: a", 6, "policy: has no meaning for provider entra"),
            ("allowed_hosts: []", 6, "allowed_hosts: must not be empty"),
            ("allowed_hosts: [https://a]", 6, f"allowed_hosts[0]: {NEEDS_HOST}"),
            ("allowed_hosts: [a.]", 6, f"allowed_hosts[0]: {NEEDS_HOST}"),
            ("allowed_hosts: ['a:443']", 6, f"allowed_hosts[0]: {NEEDS_HOST}"),
            ("allowed_hosts: [EXAMPLE.org]", 6, f"allowed_hosts[0]: {NEEDS_HOST}"),
        )
    ],
    pytest.param(
        TENANT,
        f"{TENANT}\n    version: v1",
        "9: targets[0].scope: has no meaning for version v1; state parameters: {resource: ...}",
        id="scope of v1",
    ),
    pytest.param(
        "tenant: common",
        "tenant: common\n    cloud: france\n    version: v1",
        "14: targets[1].version: v1 is not known of this cloud",
        id="v1 of a new cloud",
    ),
    pytest.param(
        "entra\n    tenant: common",
        "entra_b2c\n    tenant: common\n    authority_host: https://a",
        "10: targets[1].policy: is required for provider entra_b2c",
        id="B2C without a policy",
    ),
    pytest.param(
        "entra\n    tenant: common",
        "entra_external_id\n    tenant: common",
        "10: targets[1].authority_host: is required for provider entra_external_id",
        id="External ID without a host",
    ),
    pytest.param(
        "entra\n    tenant: common",
        "adfs\n    tenant: common\n    authority_host: https://a",
        "12: targets[1].tenant: has no meaning for provider adfs",
        id="AD FS with a tenant",
    ),
    pytest.param(
        EXPECT,
        "grant: discovery\n    client_id: a",
        "18: targets[2].client_id: has no meaning for grant discovery",
        id="client",
    ),
    pytest.param(
        EXPECT, f"grant: jwks\n    {EXPECT}", "18: targets[2].expect: has no meaning for grant jwks", id="expected"
    ),
    pytest.param(
        EXPECT,
        "grant: device_code\n    client_id: a\n    expect: {token: {}}",
        "19: targets[2].expect.token: has no meaning for grant device_code",
        id="token of a device",
    ),
    pytest.param(
        EXPECT,
        "grant: jwks\n    parameters: {a: b}",
        "18: targets[2].parameters: has no meaning for grant jwks",
        id="parameters of nothing",
    ),
    pytest.param(
        f"{ISSUER}\n    {EXPECT}",
        "token_endpoint: https://a\n    grant: jwks",
        f"16: {NEEDS_METADATA}",
        id="keys of a bare endpoint",
    ),
]

LABELS = [
    *[
        pytest.param(
            TENANT,
            f"{TENANT}\n    labels: {{{label}: x}}",
            f"6: targets[0].labels.{label}: this label name is taken; choose another",
            id=f"label {label}",
        )
        for label in sorted(INFO_LABELS)
    ],
    *[
        pytest.param(
            TENANT, f"{TENANT}\n    labels: {{{label}: x}}", f"6: targets[0].labels.{shown}: {NEEDS_LABEL}", id=label
        )
        for label, shown in (("__name__", "__name__"), ("two words", "?"))
    ],
]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [*KEYS, *YAML, *TYPES, *DURATIONS, *URLS, *TOGETHER, *CREDENTIALS, *EXPECTATIONS, *PROVIDED, *LABELS],
)
def test_a_mistake_is_told_once(old: str, new: str, complaint: str) -> None:
    assert complaints(edited(old, new)) == [f"line {complaint}"]


def test_broken_yaml_is_one_problem() -> None:
    (complaint,) = complaints(GOOD + "  - 'open")
    assert complaint.startswith("line 18: not valid YAML: ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the file is empty"),
        ("# nothing yet\n", "line 1: the file is empty"),
        ("{}", "line 1: targets: is required"),
        ("targets: []", "line 1: targets: must not be empty"),
        ("targets:", f"line 1: targets: {NEEDS_VALUE}"),
        ("targets: {a: b}", "line 1: targets: must be a list"),
        ("targets: [word]", "line 1: targets[0]: must be a mapping"),
        ("[]", "line 1: must be a mapping"),
        ("word", "line 1: must be a mapping"),
    ],
)
def test_a_file_without_targets_is_told_so(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_http_is_fine_where_it_is_allowed() -> None:
    allowed = edited(ISSUER, "issuer: http://sso.example.org\n    allow_http: true")
    assert isinstance(parse_config(allowed, Path("/etc/exporter")), Config)


def test_a_target_may_mend_what_the_defaults_leave_tight() -> None:
    text = edited("timeout: 10s", "timeout: 29s").replace(TENANT, f"{TENANT}\n    interval: 5s\n    timeout: 1s")
    assert isinstance(parse_config(text, Path("/etc/exporter")), Config)


def test_targets_without_a_name_do_not_share_one() -> None:
    text = GOOD.replace("name: contoso", "scope_: x").replace("name: front-door", "name: None")
    assert complaints(text) == [
        "line 3: targets[0].name: is required",
        "line 3: targets[0].scope_: unknown key; did you mean scope?",
    ]


CANARY = "c4n4ry"
TEN_MISTAKES = f"""\
defaults: {{interval: soon, timeout: 10s}}
targets:
  - name: one
    provider: entra
    tenant: NO
    grant: client_credentials
    client_id: prober
    credential: {{client_secret: {CANARY}, client_secret_file: {CANARY}}}
    labels: {{target: {CANARY}}}
  - name: one
    provider: oidc
    issuer: https://user:{CANARY}@sso.example.org
    expect: {{code: [{CANARY}]}}
    parameters: {{client_assertion: [{CANARY}]}}
  - name: three
    provider: entra
    tennant: {CANARY}
    grant: client_credentials
    client_id: prober
    credential: {{client_secret: {CANARY}, {CANARY}: {CANARY}}}
"""


def test_ten_mistakes_are_ten_problems() -> None:
    assert complaints(TEN_MISTAKES) == [
        f"line 1: defaults.interval: {NEEDS_DURATION}",
        f"line 5: targets[0].tenant: {TRAP_BOOLEAN}",
        f"line 8: targets[0].credential: {NEEDS_SECRET}",
        "line 9: targets[0].labels.target: this label name is taken; choose another",
        "line 10: targets[1].name: another target above has this name",
        "line 12: targets[1].issuer: must not hold a user name or password",
        f"line 13: targets[1].expect.code[0]: {NEEDS_CODE}",
        f"line 14: targets[1].parameters.client_assertion: {NEEDS_TEXT}",
        "line 17: targets[2].tennant: unknown key; did you mean tenant?",
        "line 20: targets[2].credential.?: unknown key",
    ]


@pytest.mark.parametrize(
    "credential",
    [
        CANARY,
        f"[{CANARY}]",
        f"{{{CANARY}}}",
        f"{{{CANARY}: NO}}",
        f"{{{CANARY}: 1, {CANARY}: 2}}",
        f"{{client_secret: [{CANARY}]}}",
        f"{{client_secret: {{{CANARY}: 0123}}}}",
        f"{{client_secret: {{{{{CANARY}}}}}}}",
        f"{{client_secret: !{CANARY} x}}",
        f"{{client_secret: *{CANARY}}}",
        f"{{client_secret: &{CANARY} x, client_secret: *{CANARY}}}",
        f"{{client_secret: '{CANARY}}}",
        f'{{client_secret: "\\{CANARY}"}}',
        f"{{client_secret: @{CANARY}}}",
        f"{{client_secret: {CANARY}: {CANARY}}}",
        f"{{client_secret: {CANARY}\x07}}",
        f"{{client_secret: {CANARY}, method: {CANARY}}}",
        f"{{client_secret_env: {CANARY}!}}",
        f"{{client_secret_file: [{CANARY}]}}",
        f"{{? [x] : {CANARY}, {CANARY}: NO}}",
        f"\n      client_secret: |\n        {CANARY}\n       {CANARY}: {CANARY}",
        f"\n      client_secret: a\n      {CANARY}\n",
        f"\n    issuer: https://{CANARY}@sso.example.org\n",
        f"\n    token_endpoint: https://:{CANARY}@sso.example.org#{CANARY}\n",
        f"\n    authority_host: https://sso.example.org?code={CANARY}\n",
        f"\n    parameters: {{password: [{CANARY}]}}",
        f"\n    parameters: {CANARY}",
    ],
)
def test_no_problem_repeats_a_secret(credential: str) -> None:
    found = complaints(edited("{client_secret_env: CONTOSO}", credential))
    assert found
    assert CANARY not in "\n".join(found)


def test_every_key_of_a_target_has_a_meaning_somewhere() -> None:
    secrets = {key for secret in PRESENTED for key in keys_of(secret)}
    assert TargetEntry.model_fields.keys() == COMMON_KEYS | PROVIDER_KEYS | GRANT_KEYS | secrets
    assert not COMMON_KEYS & (PROVIDER_KEYS | GRANT_KEYS)
    assert not PROVIDER_KEYS & GRANT_KEYS
