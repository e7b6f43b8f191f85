from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from tilth.query.doctor import diagnose


def test_this_machine_is_sound(tmp_path: Path) -> None:
    found = diagnose(tmp_path / "runs")
    assert found.ok
    names = [check.name for check in found.checks]
    assert {"python", "memory", "runs folder", "pyarrow", "torch"} <= set(names)
    assert len(names) == len(set(names))
    assert not (tmp_path / "runs").exists()


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("x", "utf-8")
    found = diagnose(tmp_path / "runs")
    assert not found.ok
    (bad,) = (check for check in found.checks if not check.ok and check.base)
    assert bad.name == "runs folder"


def test_a_missing_an_old_and_a_broken_package(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = metadata.version

    def version(name: str) -> str:
        if name == "warcio":
            raise metadata.PackageNotFoundError(name)
        return "0.1" if name in ("rich", "torch") else versions(name)

    def import_module(name: str) -> None:
        if name == "trafilatura":
            raise ImportError("lxml_html_clean is not there")

    monkeypatch.setattr("tilth.query.doctor.metadata.version", version)
    monkeypatch.setattr("tilth.query.doctor.importlib.import_module", import_module)
    checks = {check.name: check for check in diagnose().checks}
    assert not diagnose().ok
    assert checks["warcio"].hint == "pip install 'warcio'"
    assert "too old" in checks["rich"].found
    assert "lxml_html_clean" in checks["trafilatura"].found
    assert not checks["torch"].ok
    assert not checks["torch"].base
