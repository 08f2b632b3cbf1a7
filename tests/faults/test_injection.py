"""Values of the config and of the environment that would lead a request elsewhere, or write into it."""

import json
from pathlib import Path

import pytest
from endpoints import endpoint, serve_flags, targets_on
from processes import run

LEADS_ELSEWHERE = (
    "https://contoso.example@evil.example",
    "https://contoso.example\r\nHost: evil.example",
    "https://contoso\t.example",
    "https://contoso.example\\@evil.example",
    "https://contoso.example/#@evil.example",
)


@pytest.mark.fault(74)
def test_an_address_that_leads_elsewhere_is_no_config(tmp_path: Path) -> None:
    """Each is told with its line; the address itself, which may hold a password, is not."""
    targets = [
        entry | {"name": f"t{number}", "authority_host": url}
        for number, url in enumerate(LEADS_ELSEWHERE)
        for entry in targets_on(1, "t")
    ]
    ended = run(*serve_flags(tmp_path, targets))

    problems = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert len(problems) == len(LEADS_ELSEWHERE)
    assert all(f"targets[{number}].authority_host: must" in problem for number, problem in enumerate(problems))
    assert "evil" not in ended.stderr


@pytest.mark.fault(74)
def test_check_shows_where_each_target_leads(tmp_path: Path) -> None:
    """The whole address, with the host that is asked."""
    _, config, _ = serve_flags(tmp_path, targets_on(8443, "contoso"))

    ended = run("check", config)

    address = "http://127.0.0.1:8443/contoso.onmicrosoft.com/oauth2/v2.0/token"
    assert ended.returncode == 0
    assert f"contoso: client_credentials at {address}, every 30 s" in ended.stdout


@pytest.mark.fault(74)
def test_a_secret_writes_no_header(tmp_path: Path) -> None:
    """The environment's goes into one as it is; where it would begin another, nothing is sent: our fault."""
    config = tmp_path / "config.yaml"
    target = {"name": "vm", "provider": "entra", "grant": "managed_identity", "resource": "api://x"}
    config.write_text(json.dumps({"targets": [target]}))
    with endpoint() as provider:
        environment = {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{provider.port}/",
            "IDENTITY_HEADER": "canary\r\nX-Evil: 1",
        }
        ended = run("once", "--format=json", f"--config.file={config}", environment=environment)

    (result,) = json.loads(ended.stdout)
    assert (result["side"], result["stage"], result["reason"]) == ("prober", "local", "secret_unreadable")
    assert provider.heard == []
    assert "canary" not in ended.stdout + ended.stderr
