"""How files of credentials are replaced under a running exporter."""

import time
from collections.abc import Mapping
from pathlib import Path


def rename_over(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces one file after the other, each at once."""
    for name, content in contents.items():
        (folder / f"{name}.new").write_bytes(content)
        (folder / f"{name}.new").replace(folder / name)


def swap_link(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces all files at once, the way Kubernetes does it: `..data` leads to another folder."""
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    for name, content in contents.items():
        (version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").replace(folder / "..data")
