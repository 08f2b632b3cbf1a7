"""What a user types, and what they get."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from processes import COMMAND, ROOT, run, running, values

CANARY = "canary-5f3Kx"

BROKEN = f"""
defaults: {{interval: 10s, timeout: 20s}}
targets:
  - name: a b
    provider: entra
    tenant: NO
    grant: client_credentials
    client_id: x
    credential: {{client_secret: {CANARY}, client_secret_env: {CANARY.replace("-", "_")}}}
  - name: b
    provider: oidc
    issuer: https://user:{CANARY}@sso.example/
    interval: {CANARY}
    expect: {{error: [invalid_client]}}
    scoop: {CANARY}
  - name: b
    provider: entra
    tenant: contoso.example
    cloud: {CANARY}
    parameters: {{password: {CANARY}}}
    expect: {{code: [{CANARY}]}}
"""


@pytest.mark.fault(65)
def test_ten_mistakes_are_ten_problems_and_no_secret_is_shown(tmp_path: Path) -> None:
    """Exit 2, one line each, with line and path and never the value."""
    config = tmp_path / "config.yaml"
    config.write_text(BROKEN)

    for command in ("check", "serve", "once"):
        ended = run(command, f"--config.file={config}")

        assert ended.returncode == 2
        problems = ended.stderr.strip().splitlines()
        assert len(problems) == 10, ended.stderr
        assert all(": line " in problem for problem in problems)
        assert "canary" not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_missing_config_says_so() -> None:
    """And ends with 2."""
    ended = run("--config.file=/nonexistent/config.yaml")

    assert ended.returncode == 2
    assert "cannot be read: No such file or directory; --config.file=FILE names the config" in ended.stderr


@pytest.mark.fault(66)
def test_check_names_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    """What a running exporter would only find at the first attempt."""
    config = tmp_path / "config.yaml"
    config.write_text((ROOT / "docs/examples/entra.yaml").read_text())

    ended = run("check", f"--config.file={config}", environment={"CONTOSO_SECRET": "x"})

    assert ended.returncode == 2
    assert (
        "target contoso-graph: its secret cannot be read: /run/secrets/contoso: No such file or directory"
        in ended.stderr
    )
    assert "contoso-graph-basic" not in ended.stderr


def test_check_accepts_the_refusals() -> None:
    """And says what would be probed."""
    ended = run("check", "--config.file=docs/examples/refusals.yaml")

    assert ended.returncode == 0
    assert "6 targets, no problem found" in ended.stdout


def test_the_schema_is_json_schema() -> None:
    """It describes the targets."""
    schema = json.loads(run("schema").stdout)

    assert schema["type"] == "object"
    assert "targets" in schema["required"]


@pytest.mark.parametrize("command", ["serve", "demo", "check", "once", "simulate", "healthy", "schema"])
def test_every_command_explains_itself(command: str) -> None:
    """With its flags."""
    ended = run(command, "--help")

    assert ended.returncode == 0
    assert "--log.level" in ended.stdout


def test_version_and_wrong_use() -> None:
    """0 and 2."""
    assert run("--version").stdout.startswith("aadsts-exporter ")
    assert run("frobnicate").returncode == 2
    assert run("--web.listen-address=nonsense").returncode == 2


@pytest.mark.fault(93)
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("check", "--config.file=docs/examples/refusals.yaml"), 0),
        (("explain", "AADSTS50000"), 0),
        (("explain", "-"), 1),
    ],
    ids=["check", "explain a code", "explain nothing"],
)
def test_closed_standard_streams_make_no_difference(arguments: tuple[str, ...], status: int) -> None:
    """Neither where all are closed nor where what would be a traceback can be seen."""
    for closed in ("<&- >&-", "<&- >&- 2>&-"):
        ended = run(*arguments, under=("sh", "-c", f'exec "$@" {closed}', "sh"))

        assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")


@pytest.mark.parametrize(
    ("flags", "pod", "problem"),
    [
        (("--shard.count=2", "--shard.index=2"), "", "--shard.count=2 has no shard 2"),
        (("--shard.count=2",), "exporter-5", "--shard.count=2 has no shard 5"),
        (("--shard.count=2",), "exporter", "--shard.index must be given"),
    ],
    ids=["index", "pod", "no index"],
)
def test_a_shard_that_is_none_is_wrong_use(flags: tuple[str, ...], pod: str, problem: str) -> None:
    """The flag to mend is named."""
    ended = run("--config.file=docs/examples/refusals.yaml", *flags, environment={"POD_NAME": pod} if pod else {})

    assert ended.returncode == 2
    assert problem in ended.stderr


def simulated(tmp_path: Path, port: int, example: str = "docs/examples/refusals.yaml") -> str:
    """An example config with its targets on the simulator at this port."""
    config = tmp_path / "config.yaml"
    config.write_text((ROOT / example).read_text().replace(":10472", f":{port}"))
    return f"--config.file={config}"


def test_only_what_issues_a_token_is_said_to_have_issued_one(tmp_path: Path) -> None:
    """Metadata and keys are sound, and no more."""
    with running("simulate", "--web.listen-address=127.0.0.1:0") as simulator:
        issuer = f"http://127.0.0.1:{simulator.port}/11111111-1111-4111-8111-111111111111/v2.0"
        place = f'provider: oidc, issuer: "{issuer}", allow_http: true'
        config = tmp_path / "config.yaml"
        config.write_text(f"""
defaults: {{interval: 1m, timeout: 10s}}
targets:
  - {{name: a, {place}, grant: discovery}}
  - {{name: b, {place}, grant: jwks}}
  - {{name: c, {place}, grant: client_credentials, scope: api://contoso-orders/.default,
     client_id: 00000000-0000-4000-8000-000000000001, credential: {{client_secret: simulated-secret}}}}
""")
        table = run("once", f"--config.file={config}").stdout

    assert re.findall(r"ok +([abc]) +(\w+ \w+) ", table) == [
        ("a", "metadata sound"),
        ("b", "keys sound"),
        ("c", "token issued"),
    ]


def test_all_six_errors_of_rfc_6749_are_successes_when_expected(tmp_path: Path) -> None:
    """As a table that a person can read and as JSON that a program can."""
    with running("simulate", "--web.listen-address=127.0.0.1:0") as simulator:
        config = simulated(tmp_path, simulator.port)
        as_json = run("once", config, "--format=json")
        as_table = run("once", config)

    results = json.loads(as_json.stdout)
    assert (as_json.returncode, as_table.returncode) == (0, 0)
    assert {result["target"]: result["success"] for result in results} == dict.fromkeys(
        (
            "invalid-request",
            "invalid-client",
            "invalid-grant",
            "unauthorized-client",
            "unsupported-grant-type",
            "invalid-scope",
        ),
        True,
    )
    assert {result["error"] for result in results} == {result["target"].replace("-", "_") for result in results}
    assert as_table.stdout.count("refused as expected") == 6
    assert "6 of 6 probes succeeded" in as_table.stdout


def test_a_token_where_a_refusal_was_expected_breaks_the_contract(tmp_path: Path) -> None:
    """Exit 1, and the category says what is wrong."""
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(
        "name: lax\ntimeline: [{from: 0s, to: 1h, answer: {status: 200, headers: {Content-Type: application/json}, "
        'body: \'{"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3599}\'}}]'
    )
    with running("simulate", "--web.listen-address=127.0.0.1:0", f"--scenario={scenario}") as simulator:
        ended = run("once", simulated(tmp_path, simulator.port), "--format=json", "invalid-client")

    (result,) = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert (result["category"], result["side"], result["reason"]) == ("contract_broken", "provider", "token_issued")
    assert "a.b.c" not in ended.stdout + ended.stderr


def test_once_ends_with_1_when_a_probe_fails_and_2_for_an_unknown_target(tmp_path: Path) -> None:
    """Nobody listens on the simulator's port."""
    config = simulated(tmp_path, 1)

    failing = run("once", config, "invalid-request")
    unknown = run("once", config, "stranger")

    assert failing.returncode == 1
    assert "connect: refused" in failing.stdout
    assert unknown.returncode == 2
    assert "it has invalid-request, invalid-client" in unknown.stderr


def test_serve_probes_and_hides_its_secrets_and_ends_in_order(tmp_path: Path) -> None:
    """Attempts = successes + failures; SIGTERM ends it with 0."""
    with running("simulate", "--web.listen-address=127.0.0.1:0") as simulator:
        simulated(tmp_path, simulator.port)
        text = (
            (tmp_path / "config.yaml").read_text().replace("interval: 30s, timeout: 5s", "interval: 1s, timeout: 500ms")
        )
        (tmp_path / "config.yaml").write_text(text)
        with running(
            "serve", f"--config.file={tmp_path / 'config.yaml'}", "--web.listen-address=127.0.0.1:0"
        ) as exporter:
            exporter.until(lambda: sum(exporter.samples("token_probe_attempts_total")) >= 12)
            attempts = exporter.samples("token_probe_attempts_total")
            metrics = exporter.get("/metrics")
            shown = exporter.get("/config") + exporter.get("/metrics") + exporter.get("/")
            debug = exporter.get("/probe?target=invalid-client&debug=true")
            status = exporter.stop()
            logged = exporter.said()

    assert len(attempts) == 6
    assert status == 0
    for target in ("invalid-request", "invalid-client", "invalid-scope"):
        made = values(metrics, f'token_probe_attempts_total{{target="{target}"}}')
        ended = values(metrics, f'token_probe_duration_seconds_count{{outcome="success",target="{target}"}}')
        failed = values(metrics, rf'token_probe_failures_total{{.*target="{target}"}}')
        assert sum(made) == sum(ended) + sum(failed) > 0
    assert "Traceback" not in logged
    for text in (shown, debug, logged):
        assert "deliberately-wrong" not in text
    assert "Authorization: <secret>" in debug


@pytest.mark.fault(89)
def test_a_port_in_use_is_told_in_one_line() -> None:
    """Exit 1 before any probe."""
    with running("simulate", "--web.listen-address=127.0.0.1:0") as other:
        ended = run("simulate", f"--web.listen-address=127.0.0.1:{other.port}")

    assert ended.returncode == 1
    assert "address already in use" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_the_demo_shows_aadsts50000_and_stops_on_ctrl_c() -> None:
    """Also in the middle of everything."""
    with running("demo", "--web.listen-address=127.0.0.1:0") as demo:
        assert "token_probe_errors_total" in demo.get("/metrics")
        demo.until(lambda: sum(demo.samples(r"token_probe_errors_total\{.*AADSTS50000")) > 0, within=60)
        assert "AADSTS50000" in demo.get("/failures")
        metrics = demo.get("/metrics").splitlines()
        assert demo.stop(signal.SIGINT) == 0

    # The README shows what its command prints; the values differ.
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"/metrics \| grep '?([^'\n]+)", readme)
    assert command
    printed = {line.rsplit(" ", 1)[0] for line in metrics if re.search(command[1], line)}
    assert printed == set(re.findall(r"^    (token_\S+) [0-9.]+$", readme, re.MULTILINE))


def test_a_drill_needs_an_exporter_that_allows_it() -> None:
    """Exit 1 and one line, whatever is in the way."""
    with running("demo", "--web.listen-address=127.0.0.1:0") as demo:
        refused = run("drill", "AADSTS50000", f"--exporter.url=http://127.0.0.1:{demo.port}")
    unreachable = run("drill", "AADSTS50000", "--exporter.url=http://127.0.0.1:1")

    for ended, says in ((refused, "--web.enable-drills"), (unreachable, "no exporter answers")):
        assert (ended.returncode, ended.stdout) == (1, "")
        assert says in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["FOO"], "an AADSTS code of the catalogue"),
        (["50000"], "an AADSTS code of the catalogue"),
        (["AADSTS50000", "--for=soon"], "must be a duration"),
        (["AADSTS50000", "--for=2h"], "at most 1h"),
        (["AADSTS50000", "--exporter.url=localhost:10471"], "must be a URL such as http://localhost:10471"),
    ],
)
def test_a_drill_that_makes_no_sense_is_wrong_use(arguments: list[str], says: str) -> None:
    """Exit 2 before anybody is asked."""
    ended = run("drill", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr.splitlines()[-1]


def test_a_running_exporter_is_asked_how_it_is() -> None:
    """Exit 0 where it is healthy, 1 where nobody answers or what answers is no exporter."""
    with running("demo", "--web.listen-address=127.0.0.1:0") as demo:
        well = run("healthy", f"http://127.0.0.1:{demo.port}/")
    with running("simulate", "--web.listen-address=127.0.0.1:0") as simulator:
        other = run("healthy", f"http://127.0.0.1:{simulator.port}")
    unreachable = run("healthy", "http://127.0.0.1:1")
    nonsense = run("healthy", "127.0.0.1:1")

    assert (well.returncode, well.stdout, well.stderr) == (0, "Healthy\n", "")
    assert (other.returncode, other.stdout) == (1, "")
    assert (unreachable.returncode, unreachable.stdout) == (1, "")
    assert "no exporter answers at http://127.0.0.1:1" in unreachable.stderr
    assert len(unreachable.stderr.splitlines()) == 1
    assert nonsense.returncode == 2


@pytest.mark.parametrize("command", ["schema", "rules"])
def test_who_has_read_enough_hangs_up_in_peace(command: str) -> None:
    """As `head` does: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run([*COMMAND, command], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize(
    "flags", [["--slo=100"], ["--slo=x"], ["--interval=2m"], ["--interval=5"], ["--job=a b"], ["--runbook.url=a\nb"]]
)
def test_rules_refuse_what_makes_no_sense(flags: list[str]) -> None:
    """Exit 2, and nothing that could be taken for rules."""
    ended = run("rules", *flags)

    assert (ended.returncode, ended.stdout) == (2, "")
