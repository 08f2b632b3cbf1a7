"""From the text of a config file to a frozen Config."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import json_schema, load_config, parse_config
from exporter.config.schema import KEYS
from exporter.document import Problem
from exporter.grants import GRANTS
from exporter.model import (
    Config,
    Credential,
    EnvironmentSecret,
    ErrorCode,
    Expectation,
    FileSecret,
    InlineSecret,
    Issuer,
    Place,
    Secret,
    Target,
    TokenCheck,
    TokenEndpoint,
)
from exporter.providers import PROVIDERS

FOLDER = Path("/etc/exporter")

GOOD = """\
defaults: {interval: 30s, timeout: 10s}
targets:
  - name: contoso-graph
    provider: entra
    cloud: public
    tenant: contoso.onmicrosoft.com
    grant: client_credentials
    client_id: 11111111-2222-3333-4444-555555555555
    scope: https://graph.microsoft.com/.default
    credential: {client_secret_file: /run/secrets/contoso}
    labels: {team: identity}
  - name: front-door
    provider: entra
    tenant: common
    expect: {code: [AADSTS900144]}
  - name: keycloak
    provider: oidc
    issuer: https://sso.example.org/realms/main
    grant: client_credentials
    client_id: prober
    credential: {client_secret_env: KEYCLOAK_SECRET}
"""

GRAPH = Target(
    name="contoso-graph",
    provider="entra",
    endpoint=PROVIDERS["entra"].endpoint(Place(tenant="contoso.onmicrosoft.com", cloud="public")),
    grant="client_credentials",
    interval=30,
    timeout=10,
    confirmations=240,
    cloud="public",
    tenant="contoso.onmicrosoft.com",
    client_id="11111111-2222-3333-4444-555555555555",
    scope="https://graph.microsoft.com/.default",
    credential=Credential("client_secret_post", FileSecret(Path("/run/secrets/contoso"))),
    labels=(("team", "identity"),),
)
FRONT_DOOR = Target(
    name="front-door",
    provider="entra",
    endpoint=PROVIDERS["entra"].endpoint(Place(tenant="common")),
    grant="none",
    interval=30,
    timeout=10,
    confirmations=240,
    cloud="public",
    tenant="common",
    expect=Expectation(codes=frozenset({ErrorCode("AADSTS900144")})),
)
KEYCLOAK = Target(
    name="keycloak",
    provider="oidc",
    endpoint=Issuer("https://sso.example.org/realms/main"),
    grant="client_credentials",
    interval=30,
    timeout=10,
    confirmations=240,
    client_id="prober",
    credential=Credential("client_secret_basic", EnvironmentSecret("KEYCLOAK_SECRET")),
)


def config(text: str) -> Config:
    found = parse_config(text, FOLDER)
    assert isinstance(found, Config), found
    return found


def probe(keys: str) -> Target:
    """The only target of a config, which has these keys besides what every target needs."""
    text = f"targets: [{{name: probe, expect: {{error: [invalid_request]}}, {keys}}}]"
    (target,) = config(text).targets
    return target


def test_the_config_of_the_design_is_read_into_these_values() -> None:
    found = config(GOOD)
    assert found.targets == (GRAPH, FRONT_DOOR, KEYCLOAK)
    assert found.concurrency == 100


def test_what_a_target_does_not_say_the_defaults_say() -> None:
    text = GOOD.replace("{interval: 30s, timeout: 10s}", "{interval: 1m30s, timeout: 500ms}")
    text = text.replace("tenant: common", "tenant: common\n    interval: 2m\n    timeout: 1m")
    graph, door, keycloak = config(text).targets
    assert graph == replace(GRAPH, interval=90, timeout=0.5)
    assert door == replace(FRONT_DOOR, interval=120, timeout=60)
    assert keycloak == replace(KEYCLOAK, interval=90, timeout=0.5)


def test_the_defaults_have_defaults() -> None:
    target = probe("provider: entra, tenant: common")
    assert (target.interval, target.timeout, target.grant, target.cloud) == (30, 10, "none", "public")


@pytest.mark.parametrize(
    ("keys", "endpoint"),
    [
        ("cloud: public", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
        ("version: v1", "https://login.microsoftonline.com/common/oauth2/token"),
        ("region: westeurope", "https://westeurope.login.microsoft.com/common/oauth2/v2.0/token"),
        ("cloud: usgov", "https://login.microsoftonline.us/common/oauth2/v2.0/token"),
        ("cloud: china", "https://login.partner.microsoftonline.cn/common/oauth2/v2.0/token"),
        ("authority_host: https://login.example.org/", "https://login.example.org/common/oauth2/v2.0/token"),
    ],
)
def test_the_cloud_or_the_authority_host_leads_to_the_endpoint(keys: str, endpoint: str) -> None:
    assert probe(f"provider: entra, tenant: common, {keys}").endpoint.url == endpoint


def test_a_token_endpoint_needs_no_discovery() -> None:
    target = probe("provider: oidc, token_endpoint: 'https://sso.example.org/token?tenant=main'")
    assert target.endpoint == TokenEndpoint("https://sso.example.org/token?tenant=main")


def test_http_is_allowed_of_an_issuer_and_of_what_its_metadata_names() -> None:
    target = probe("provider: oidc, issuer: 'http://sso.example.org', allow_http: true")
    assert target.endpoint == Issuer("http://sso.example.org", allow_http=True)


def test_the_host_of_a_tenant_of_its_own_leads_to_the_endpoint() -> None:
    b2c = probe(
        "provider: entra_b2c, authority_host: https://a.b2clogin.com, tenant: a.onmicrosoft.com, policy: B2C_1_x"
    )
    external = probe("provider: entra_external_id, authority_host: https://a.ciamlogin.com, tenant: a.onmicrosoft.com")
    adfs = probe("provider: adfs, authority_host: https://adfs.example.org")
    assert (b2c.endpoint.url, b2c.tenant, b2c.cloud) == (
        "https://a.b2clogin.com/a.onmicrosoft.com/B2C_1_x/oauth2/v2.0/token",
        "a.onmicrosoft.com",
        "",
    )
    assert external.endpoint.url == "https://a.ciamlogin.com/a.onmicrosoft.com/oauth2/v2.0/token"
    assert adfs.endpoint.url == "https://adfs.example.org/adfs/oauth2/token"


@pytest.mark.parametrize(
    "place", ["entra, tenant: a", "oidc, issuer: https://a.example", "adfs, authority_host: https://a.example"]
)
def test_metadata_may_be_allowed_to_lead_to_other_hosts(place: str) -> None:
    target = probe(f"provider: {place}, allowed_hosts: [keys.example.org, '2001:db8::1']")
    assert target.endpoint.hosts >= {"keys.example.org", "2001:db8::1"}


def test_a_token_may_be_checked() -> None:
    """With what is asked for, and with nothing said, too."""
    text = """\
targets:
  - name: checked
    provider: oidc
    issuer: https://sso.example.org
    expect:
      token:
        signature: false
        issuer: http://sso.example.org/services/trust
        audience: [api://orders, orders]
        claims: {tid: [a, b], oid: []}
        roles: [Orders.Read]
        min_lifetime: 10m
        max_lifetime: 1h30m
        clock_skew: 30s
  - name: plain
    provider: entra
    tenant: common
    expect: {token: {}}
"""
    checked, plain = config(text).targets
    assert checked.expect == Expectation(
        token=TokenCheck(
            signature=False,
            issuer="http://sso.example.org/services/trust",
            audience=frozenset({"api://orders", "orders"}),
            claims=(("oid", frozenset()), ("tid", frozenset({"a", "b"}))),
            roles=frozenset({"Orders.Read"}),
            min_lifetime=600,
            max_lifetime=5400,
            clock_skew=30,
        )
    )
    assert plain.expect == Expectation(token=TokenCheck())
    assert not plain.expect.refusal
    assert "max_lifetime: 1h30m" in config(text).shown


@pytest.mark.parametrize("grant", ["discovery", "jwks"])
def test_what_everybody_may_read_needs_no_client(grant: str) -> None:
    (target,) = config(f"targets: [{{name: a, provider: entra, tenant: common, grant: {grant}}}]").targets
    assert (target.grant, target.credential, target.expect) == (grant, None, Expectation())


def test_files_are_meant_from_the_folder_of_the_config(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    text = GOOD.replace("/run/secrets/contoso", "secrets/contoso")
    file.write_text(text.replace("tenant: common", "tenant: common\n    ca_file: ca.pem"), encoding="utf-8")
    found = load_config(file)
    assert isinstance(found, Config)
    graph, door, _ = found.targets
    assert graph.credential == Credential("client_secret_post", FileSecret(tmp_path / "secrets" / "contoso"))
    assert door.ca_file == tmp_path / "ca.pem"


def test_a_method_beats_what_the_provider_expects() -> None:
    target = probe(
        "provider: entra, tenant: a, client_id: b, credential: {method: client_secret_basic, client_secret: c}"
    )
    assert target.credential == Credential("client_secret_basic", InlineSecret(Secret("c")))


def test_parameters_keep_their_order_and_all_but_harmless_ones_are_secret() -> None:
    target = probe("provider: entra, tenant: a, parameters: {username: b, scope: c, assertion: d, grant_type: ''}")
    assert target.parameters == (
        ("username", Secret("b")),
        ("scope", "c"),
        ("assertion", Secret("d")),
        ("grant_type", ""),
    )


def test_codes_and_errors_may_be_expected_side_by_side() -> None:
    text = GOOD.replace("[AADSTS900144]", "[AADSTS900144, AADSTS50000], error: [invalid_request]")
    assert config(text).targets[1].expect == Expectation(
        frozenset({ErrorCode("AADSTS900144"), ErrorCode("AADSTS50000")}), frozenset({"invalid_request"})
    )


def test_labels_are_sorted() -> None:
    assert probe("provider: entra, tenant: a, labels: {b: '2', a: '1'}").labels == (("a", "1"), ("b", "2"))


CANARY = "c4n4ry"
SECRETIVE = f"""\
concurrency: 5
defaults: {{timeout: 1500ms}}
targets:
  - name: inline
    provider: entra
    tenant: common
    grant: client_credentials
    client_id: prober
    parameters: {{client_assertion: {CANARY}, password: '{CANARY} 2', scope: openid}}
    credential: {{client_secret: {CANARY}}}
    interval: 90s
  - name: file
    provider: oidc
    issuer: https://sso.example.org
    grant: client_credentials
    client_id: prober
    credential: {{client_secret_file: secret.txt}}
    labels: {{team: größer}}
"""


def test_no_way_of_printing_a_config_shows_a_secret() -> None:
    found = config(SECRETIVE)
    target = found.targets[0]
    assert target.credential == Credential("client_secret_post", InlineSecret(Secret(CANARY)))
    for value in (found, target, target.credential, target.credential.source, target.parameters, Secret(CANARY)):
        assert CANARY not in f"{value!r} {value!s} {value}"
        assert "<secret>" in f"{value}"


def test_a_config_is_shown_as_it_was_written_with_masked_secrets() -> None:
    masked = yaml.safe_load(SECRETIVE)
    masked["defaults"]["timeout"] = "1s500ms"
    masked["targets"][0]["interval"] = "1m30s"
    masked["targets"][0]["parameters"] |= {"client_assertion": "<secret>", "password": "<secret>"}
    masked["targets"][0]["credential"]["client_secret"] = "<secret>"
    shown = config(SECRETIVE).shown
    assert yaml.safe_load(shown) == masked
    assert "größer" in shown


def test_a_config_cannot_be_changed() -> None:
    found = config(GOOD)
    for value, name in ((found, "concurrency"), (found.targets[0], "interval")):
        with pytest.raises(AttributeError):
            setattr(value, name, 1)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "line 1: the file is empty", id="an empty file"),
        pytest.param(GOOD.encode("utf-16"), "is not UTF-8 text; save it as UTF-8", id="UTF-16"),
        pytest.param(b"targets: \xff", "is not UTF-8 text; save it as UTF-8", id="bytes that are no UTF-8"),
        pytest.param(
            None, "cannot be read: No such file or directory; --config.file=FILE names the config", id="a missing file"
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    file = tmp_path / "exporter.yaml"
    if content is not None:
        file.write_bytes(content)
    assert [str(problem) for problem in listed(load_config(file))] == [complaint]


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    assert listed(load_config(tmp_path)) == [Problem(0, "", "cannot be read: Is a directory")]


def listed(found: Config | list[Problem]) -> list[Problem]:
    assert isinstance(found, list)
    return found


def test_the_schema_describes_the_file() -> None:
    schema = json_schema()
    target = schema["$defs"]["TargetEntry"]
    assert schema["required"] == ["targets"]
    assert schema["properties"]["targets"] == {
        "items": {"$ref": "#/$defs/TargetEntry"},
        "minItems": 1,
        "title": "Targets",
        "type": "array",
    }
    assert target["required"] == ["name", "provider"]
    assert target["properties"]["provider"]["enum"] == list(PROVIDERS)
    assert target["properties"]["grant"]["enum"] == list(GRANTS)
    assert not any(shape["additionalProperties"] for shape in (schema, *schema["$defs"].values()))
    assert set().union(*(shape["properties"] for shape in (schema, *schema["$defs"].values()))) == KEYS


def check(found: Config | list[Problem], text: str) -> None:
    """A Config, or problems in the order of their lines, which the text has."""
    if isinstance(found, list):
        assert found
        assert found == sorted(found)
        assert all(1 <= problem.line <= len(text.splitlines()) + 1 for problem in found)


SNIPPETS = st.sampled_from(
    [
        "",
        " ",
        "\n",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "#",
        "*a",
        "&a ",
        "!a ",
        "|\n",
        "NO",
        "0123",
        "<<: ",
        "---\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 8), SNIPPETS | st.text()), min_size=1, max_size=3))
def test_no_edit_of_a_good_config_makes_it_raise(edits: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]
    check(parse_config(text, FOLDER), text)


WORDS = ["entra", "oidc", "none", "client_credentials", "common", "https://a", "http://a", "30s", "9s", "AADSTS50000"]
SCALARS = st.none() | st.booleans() | st.integers(-1, 9) | st.sampled_from(WORDS) | st.text(max_size=4)
NAMES = st.sampled_from(sorted(KEYS)) | st.text(min_size=1, max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=6
)
ENTRIES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"targets": st.lists(ENTRIES, max_size=3)}, optional={"defaults": VALUES}))
def test_no_shape_makes_it_raise(root: dict[str, object]) -> None:
    text = yaml.safe_dump(root)
    check(parse_config(text, FOLDER), text)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters()))
def test_no_text_makes_it_raise(text: str) -> None:
    check(parse_config(text, FOLDER), text)


def test_confirmations_are_those_of_the_target_else_of_the_defaults() -> None:
    """None at all is a choice, too."""
    one = "targets: [{name: a, provider: entra, tenant: common, expect: {code: [AADSTS900144]}CONFIRM}]"
    for defaults, own, expected in (("", "", 240), ("60", "", 60), ("60", "0", 0), ("0", "", 0), ("0", "90", 90)):
        text = one.replace("CONFIRM", f", confirmations: {own}" if own else "")
        text = f"defaults: {{confirmations: {defaults}}}\n{text}" if defaults else text
        (target,) = config(text).targets
        assert target.confirmations == expected


def test_the_name_of_the_drills_target_is_taken() -> None:
    """Its alerts are marked as a rehearsal."""
    text = GOOD.replace("name: keycloak", "name: drill")

    found = parse_config(text, FOLDER)

    assert isinstance(found, list)
    (problem,) = found
    assert problem.message == "this name is kept for drills; choose another"


def test_a_secrets_end_is_read() -> None:
    """And shown as it was meant."""
    text = GOOD.replace("client_secret_env: KEYCLOAK_SECRET", 'client_secret_env: S, expires: "2027-01-31"')
    found = config(text)

    assert found.targets[2].credential == Credential("client_secret_basic", EnvironmentSecret("S"), 1_801_353_600.0)
    assert "expires: '2027-01-31T00:00:00Z'" in found.shown
