"""The systemd unit."""

import re
import shlex
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from processes import ROOT, run
from tools import require_tool

UNITS = ROOT / "deploy/systemd"
UNIT = UNITS / "aadsts-exporter.service"
MOST_EXPOSED = 1.5


def settings(path: Path) -> dict[str, list[str]]:
    """The values of every setting, in the file's order."""
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE):
        values[name].append(value)
    return values


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [require_tool("systemd-analyze", "systemd"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of a machine on which the unit's programs are, and the unit with its drop-in."""
    for program in ("opt/aadsts-exporter/bin/aadsts-exporter", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True)
        (tmp_path / program).touch(0o755)
    installed = tmp_path / "etc/systemd/system"
    (installed / "aadsts-exporter.service.d").mkdir(parents=True)
    (installed / UNIT.name).write_bytes(UNIT.read_bytes())
    (installed / "aadsts-exporter.service.d/example.conf").write_bytes((UNITS / "example.conf").read_bytes())
    for target in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (installed / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    return tmp_path


def test_it_is_little_exposed() -> None:
    """What it may do to the machine, as systemd itself weighs it."""
    said = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
    (level,) = re.findall(r"Overall exposure level for aadsts-exporter.service: ([\d.]+)", said.stdout)

    assert float(level) <= MOST_EXPOSED


def test_systemd_understands_every_line(machine: Path) -> None:
    """Of the unit and of the drop-in; it ignores, with a warning, what it does not know."""
    said = analyze("verify", f"--root={machine}", "--man=no", "--generators=no", UNIT.name)

    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("name", ["aadsts-exporter.service", "example.conf"])
def test_the_exporter_understands_its_flags(name: str) -> None:
    """All that is missing is the config."""
    (command,) = filter(None, settings(UNITS / name)["ExecStart"])
    program, *arguments = shlex.split(command)
    ended = run(*arguments)

    assert program == "/opt/aadsts-exporter/bin/aadsts-exporter"
    assert ended.returncode == 2
    assert "/etc/aadsts-exporter/config.yaml: cannot be read" in ended.stderr


def test_it_is_watched_and_started_again() -> None:
    """Unless it could never start: 2 is a bad config."""
    unit = settings(UNIT)

    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["30s"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert unit["ExecReload"] == ["/bin/kill --signal HUP $MAINPID"]


def test_secrets_are_credentials() -> None:
    """Out of a folder that only root can read; none is in the environment, where every child would see it."""
    unit = settings(UNIT)

    assert unit["LoadCredential"] == ["secrets:/etc/aadsts-exporter/secrets"]
    assert unit["DynamicUser"] == ["yes"]
    assert unit["Environment"] == ["PYTHONDONTWRITEBYTECODE=1"]
    assert "EnvironmentFile" not in unit
