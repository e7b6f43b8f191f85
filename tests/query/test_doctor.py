from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tilth.errors import MissingError
from tilth.query.doctor import diagnose
from tilth.recipe.load import starters


def test_this_machine_is_sound(tmp_path: Path) -> None:
    found = diagnose(tmp_path / "runs")
    assert found.ok
    names = [check.name for check in found.checks]
    assert {"system", "python", "memory", "runs folder", "pyarrow", "torch"} <= set(names)
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


def test_what_each_starter_needs_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [check for check in diagnose().checks if check.group == "starter"]
    assert rows[0].name == "quickstart"
    assert {row.name for row in rows} == set(starters())
    assert all(row.ok and "torch" in row.found for row in rows)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "tilth.recipe.needs.importlib.util.find_spec",
        lambda name: None if name == "torch" else find(name),
    )
    bare = diagnose()
    row = next(check for check in bare.checks if check.name == "quickstart")
    assert bare.ok
    assert not row.ok
    assert row.found.endswith("; not installed: torch")
    assert row.hint == "pip install 'tilth[train]'"
    # Asked for by name, it is needed.
    asked = diagnose(recipe="quickstart")
    assert not asked.ok
    assert [check.name for check in asked.checks if not check.ok and check.base] == ["quickstart"]
    with pytest.raises(MissingError):
        diagnose(recipe="quickstrat")


_ELSEWHERE = """
import sys
sys.modules["fcntl"] = None  # as on Windows, whose Python has no such module
import platform
platform.system = lambda: "Windows"
from tilth.cli.main import main
main()
"""


def _elsewhere(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _ELSEWHERE, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize(
    "words", [("run", "quickstart"), ("init", "digits"), ("status",), ("list", "starters")]
)
def test_a_system_without_file_locks_is_told_in_two_lines(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    found = _elsewhere(*words, cwd=tmp_path)
    assert found.returncode == 3
    assert found.stdout == ""
    assert found.stderr == (
        "error[unsupported-system]: Tilth works on Linux and macOS, not on Windows\n"
        "  hint   on Windows, install and run it inside WSL (`wsl --install`)\n"
    )
    assert not list(tmp_path.iterdir())


def test_doctor_and_help_answer_on_any_system(tmp_path: Path) -> None:
    found = _elsewhere("doctor", cwd=tmp_path)
    assert found.returncode == 3
    assert "needed: system: on Windows, install and run it inside WSL" in found.stdout
    assert found.stderr == ""
    assert _elsewhere("--help", cwd=tmp_path).returncode == 0


def test_the_library_says_so_too(tmp_path: Path) -> None:
    code = 'import sys; sys.modules["fcntl"] = None\nimport tilth\ntilth.run\n'
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "error[unsupported-system]: Tilth works on Linux and macOS" in found.stderr
    assert "No module named" not in found.stderr
