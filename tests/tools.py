"""Programs of Debian's that tests run: there or, without EXPORTER_REQUIRE_TOOLS, skipped with a hint."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from processes import ROOT


def require_tool(name: str, package: str) -> str:
    """The path of a program; skips the test where it is missing, and fails it where tools are required."""
    return shutil.which(name) or unavailable(f"{name} is missing: apt-get install {package}")


def unavailable(message: str) -> NoReturn:
    """Skips the test that cannot be made on this machine, and fails it where tools are required."""
    if os.environ.get("EXPORTER_REQUIRE_TOOLS"):
        pytest.fail(message)
    pytest.skip(message)


def require_prometheus(name: str, version: str) -> str:
    """The path of a program of Debian's Prometheus 2, or of a Prometheus 3, which is not to be had everywhere."""
    if version == "2":
        return require_tool(name, "prometheus")
    path = Path(os.environ.get("EXPORTER_PROMETHEUS3") or ROOT / ".prometheus3/usr/bin") / name
    if not path.is_file():
        pytest.skip(
            f"{name} of Prometheus 3 is missing: run .ci/newer-prometheus, which unpacks it into .prometheus3, "
            "or set EXPORTER_PROMETHEUS3 to the folder that has promtool and prometheus"
        )
    return str(path)


def require_kubectl() -> str:
    """The path of a kubectl whose kustomize is of these days: Debian's own is not."""
    unpacked = ROOT / ".kubectl/kubectl"
    if unpacked.is_file():
        return str(unpacked)
    return shutil.which("kubectl") or unavailable("kubectl is missing: run .ci/kubectl, which unpacks it into .kubectl")
