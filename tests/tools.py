"""Programs of Debian's that tests run: there or, without EXPORTER_REQUIRE_TOOLS, skipped with a hint."""

import os
import shutil

import pytest


def require_tool(name: str, package: str) -> str:
    """The path of a program; skips the test where it is missing, and fails it where tools are required."""
    path = shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is missing: apt-get install {package}"
    if os.environ.get("EXPORTER_REQUIRE_TOOLS"):
        pytest.fail(message)
    pytest.skip(message)
