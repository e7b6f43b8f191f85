"""What the demo site says of packages: the same in a bare environment and in a developer's."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from tilth.demo.packages import needed, packages


def _install(folder: Path, name: str, *requirements: str) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    lines += [f"Requires-Dist: {one}" for one in requirements]
    (info / "METADATA").write_text("\n".join(lines) + "\n\n", "utf-8")


def test_what_is_asked_for_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(
        tmp_path,
        "own-tool",
        "Own.Lib>=2",
        'own-trainer[fast] (<9) ; extra == "train"',
        "own-linter; extra == 'dev'",
        "own-elsewhere; sys_platform == 'nowhere'",
    )
    _install(tmp_path, "own-lib", "own-tool", "own-deep ; python_version > '3'")
    _install(tmp_path, "own-trainer", 'own-quick ; extra == "fast"')
    for name in ("own-deep", "own-quick", "own-linter"):
        _install(tmp_path, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert needed("own-tool", "train") == {"own-lib", "own-trainer"}
    assert needed("own-tool", "dev") == {"own-lib", "own-linter"}


def test_neither_tilths_own_text_nor_what_only_a_developer_has() -> None:
    rows = [json.loads(line) for line in packages().splitlines()]
    names = [row["name"].lower() for row in rows]
    assert names == sorted(names, key=lambda name: name.replace("_", "-"))
    assert {"numpy", "torch", "trafilatura"} <= set(names)
    assert not {"tilth", "pytest", "mypy", "ruff", "pip", "python-dateutil"} & set(names)
    assert sum(len(row["text"]) > 200 for row in rows) > 20
    assert sys.prefix not in packages().decode()
