"""The servers are installed from lock files, or their tests say why not."""

import shutil
from pathlib import Path

import foreign_install
import pytest
from foreign_install import FOLDER


@pytest.mark.parametrize("lock", ["package-lock.json", "requirements.txt"])
def test_a_lock_file_names_hashes_and_no_registry(lock: str) -> None:
    """Each machine has its own way to the registries, and all get the same files."""
    text = (FOLDER / lock).read_text()

    assert "sha512-" in text or "--hash=sha256:" in text
    assert not [word for word in ("resolved", "index-url", "find-links", "registry") if word in text]


@pytest.mark.parametrize(
    ("required", "outcome"),
    [pytest.param("", pytest.skip.Exception, id="skips"), pytest.param("1", pytest.fail.Exception, id="fails")],
)
def test_a_machine_without_npm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, required: str, outcome: type[BaseException]
) -> None:
    """Says what to install; where tools are required that is a failure."""
    shutil.copy(FOLDER / "package-lock.json", tmp_path)
    monkeypatch.setattr(foreign_install, "FOLDER", tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("EXPORTER_REQUIRE_TOOLS", required)

    with pytest.raises(outcome, match="npm is missing: apt-get install npm"):
        foreign_install.node()


def test_a_registry_that_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And nothing half installed is taken for whole."""
    (tmp_path / "requirements.txt").write_text("nothing-of-that-name==0 --hash=sha256:" + "0" * 64)
    monkeypatch.setattr(foreign_install, "FOLDER", tmp_path)
    monkeypatch.setenv("EXPORTER_REQUIRE_TOOLS", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(pytest.fail.Exception, match=r"requirements\.txt cannot be installed"):
        foreign_install.django_python()
    assert not (tmp_path / ".venv/.installed").exists()
