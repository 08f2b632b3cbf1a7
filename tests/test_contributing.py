"""CONTRIBUTING.md: what is added costs one file and one line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT, running

GRANT = """
from exporter.grants.request import ask_for_token
from exporter.model import Grant


def steps(attempt):
    return (yield from ask_for_token(attempt, (("grant_type", "urn:example:ours"),)))


OURS = Grant(name="ours", steps=steps, requires=frozenset({"client_id", "credential"}))
"""
METHOD = """
from exporter.credentials.client_secret_post import authenticate
from exporter.credentials.method import Method, Needs

METHOD = Method("ours", Needs.CLIENT_SECRET, authenticate)
"""
PROVIDER = """
from dataclasses import replace

from exporter.providers.oidc import OIDC

OURS = replace(OIDC, name="ours")
"""
CASES = {
    "grants": (GRANT, "from exporter.grants.ours import OURS; GRANTS = {**GRANTS, OURS.name: OURS}"),
    "credentials": (METHOD, "from exporter.credentials.ours import METHOD; METHODS = {**METHODS, METHOD.name: METHOD}"),
    "providers": (PROVIDER, "from exporter.providers.ours import OURS; PROVIDERS = {**PROVIDERS, OURS.name: OURS}"),
}
CONFIG = """
targets:
  - name: simulated
    provider: {providers}
    token_endpoint: http://127.0.0.1:{port}/contoso.onmicrosoft.com/oauth2/v2.0/token
    allow_http: true
    grant: {grants}
    client_id: 00000000-0000-4000-8000-000000000001
    credential: {{method: {credentials}, client_secret: simulated-secret}}
    expect: {{error: [{error}]}}
"""


@pytest.mark.parametrize("table", CASES)
def test_an_addition_is_one_file_and_one_line(table: str, tmp_path: Path) -> None:
    """A copy of the exporter with a module and a line more takes it in a config, and probes with it."""
    module, line = CASES[table]
    shutil.copytree(ROOT / "exporter", tmp_path / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "exporter" / table / "ours.py").write_text(module)
    with (tmp_path / "exporter" / table / "__init__.py").open("a") as added:
        added.write(f"\n{line}\n")
    usual = {"providers": "oidc", "grants": "client_credentials", "credentials": "client_secret_post"}
    error = "unsupported_grant_type" if table == "grants" else "invalid_request"

    with running("simulate", "--web.listen-address=127.0.0.1:0") as simulator:
        config = CONFIG.format(**(usual | {table: "ours"}), port=simulator.port, error=error)
        (tmp_path / "config.yaml").write_text(config)
        command = [sys.executable, "-P", "-m", "exporter", "once", "--config.file=config.yaml", "--format=json"]
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
        )

    assert ended.stderr == ""
    (result,) = json.loads(ended.stdout)
    assert result["success"] is True
    assert result["error"] == error


MADE = {".prometheus3/", "dist/sbom.json"}
"""What make and the scripts of CI write."""


def test_what_it_names_is_there() -> None:
    """Every path, and every target of make."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = {word for word in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if "NAME" not in word}
    makefile = (ROOT / "Makefile").read_text()

    assert {path for path in paths - MADE if not (ROOT / path).exists()} == set()
    for target in re.findall(r"`make (\w+)`", text):
        assert re.search(f"^{target}:", makefile, re.MULTILINE), target
