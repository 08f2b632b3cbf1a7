"""What the Dockerfile takes into the image; .ci/image builds it and tries it."""

import re
from pathlib import Path

from processes import ROOT

from exporter import __version__

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_dockerfile_takes_nothing_but_the_locks() -> None:
    """By hash, and never a source distribution, which could do anything while it is built."""
    installs = re.findall(r"bin/pip (?:--python \S+ )?(?:install|wheel) (.*?)(?: \\)?\n", DOCKERFILE)

    assert "PIP_REQUIRE_HASHES=1" in DOCKERFILE
    assert "PIP_ONLY_BINARY=:all:" in DOCKERFILE
    assert [
        flags
        for flags in installs
        if "--no-index" not in flags and not re.search(r"--requirement locks/\w+\.txt", flags)
    ] == []
    assert len(installs) == 4


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a path of the first level out of the build."""
    return f"!{path.name}" not in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_build_sees_no_more_than_it_copies() -> None:
    """A config with secrets that lies about stays out."""
    copied = set(re.findall(r"\w[\w.]*", " ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE))))

    assert copied == {path.name for path in ROOT.iterdir() if not ignored(path)}


def test_the_image_says_what_it_is() -> None:
    """Its version is the package's."""
    assert f'image.version="{__version__}"' in DOCKERFILE
