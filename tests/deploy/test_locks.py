"""What the image is built from, to the byte."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from processes import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED: dict[str, list[str]] = {
    "run": PROJECT["project"]["dependencies"],
    "build": PROJECT["build-system"]["requires"],
}


def locked(lock: str) -> dict[str, list[str]]:
    """The requirements of a lock, each with its hashes."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / f"locks/{lock}.txt").read_text(), flags=re.MULTILINE)
    entries = (entry.split(" \\\n") for entry in re.split(r"\n(?=\S)", text.strip()))
    return {requirement: [line.strip() for line in hashes] for requirement, *hashes in entries}


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_satisfies_the_project(lock: str) -> None:
    """`make lock` renews it after a change of pyproject.toml."""
    pinned = {canonicalize_name(entry.name): entry for entry in map(Requirement, locked(lock))}
    for wanted in map(Requirement, ASKED[lock]):
        (pin,) = pinned[canonicalize_name(wanted.name)].specifier
        assert wanted.specifier.contains(pin.version), f"{wanted}: make lock"


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_leaves_nothing_open(lock: str) -> None:
    """Not the version, not the bytes, and it does not say where they come from."""
    for requirement, hashes in locked(lock).items():
        (pin,) = Requirement(requirement).specifier
        assert pin.operator == "=="
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", value) for value in hashes), requirement
    assert "://" not in (ROOT / f"locks/{lock}.txt").read_text()


@pytest.mark.parametrize("extra", ["dev", "release"])
def test_tools_are_not_in_the_image(extra: str) -> None:
    """What tests and releases need is not locked to run."""
    tools = {Requirement(tool).name for tool in PROJECT["project"]["optional-dependencies"][extra]}

    assert not tools & {Requirement(requirement).name for requirement in locked("run")}
