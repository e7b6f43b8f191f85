"""Tilth's own modules are parsed once: what is remembered is what a reading would give."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest

from tilth.recipe import parsed as module
from tilth.recipe.load import parse_recipe
from tilth.recipe.parsed import Memo, parsed
from tilth.recipe.plan import build_plan
from tilth.syntax import digest_of, imported

_OLD_NS = 1_700_000_000_000_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text("import os\nx = 1\n")
    os.utime(path, ns=(_OLD_NS, _OLD_NS))
    return path


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    # The kernel's own time of a file that was just written cannot be set.
    monkeypatch.setattr(module, "_SETTLED_NS", -1)
    monkeypatch.setattr("sys.dont_write_bytecode", True)


def _read(path: Path) -> tuple[bytes, list[str]]:
    data = path.read_bytes()
    return digest_of(data), [*imported(ast.parse(data), "")]


def _later(source: Path, memo: Path, monkeypatch: pytest.MonkeyPatch) -> Memo:
    """A memo in another process, which could not parse."""
    first = Memo(memo)
    assert first.find(source) == _read(source)
    first.save()
    later = Memo(memo)
    monkeypatch.setattr(module, "_read", lambda _: pytest.fail("it was parsed again"))
    return later


def test_what_is_as_it_was_is_not_parsed_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _read(source)
    later = _later(source, tmp_path / "memo", monkeypatch)
    assert later.find(source) == wanted


def test_an_edit_under_the_same_size_and_time_shows(source: Path, tmp_path: Path) -> None:
    memo = Memo(tmp_path / "memo")
    memo.find(source)
    source.write_text("import re\nx = 2\n")
    os.utime(source, ns=(_OLD_NS, _OLD_NS))
    assert memo.find(source) == _read(source)
    assert memo.find(source)[1] == ["re"]


def test_a_module_that_is_just_being_written_is_not_remembered(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETTLED_NS", 10**12)
    memo = Memo(tmp_path / "memo")
    memo.find(source)
    memo.save()
    assert not (tmp_path / "memo").exists()


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"head": 1}', '{"head": "HEAD", "modules": {"a": [1]}}', '{"head": "x"}'],
)
def test_a_damaged_memo_and_one_of_another_tilth_hold_nothing(
    damage: str, source: Path, tmp_path: Path
) -> None:
    file = tmp_path / "memo"
    first = Memo(file)
    first.find(source)
    first.save()
    head = json.loads(file.read_bytes())["head"]
    file.write_text(damage.replace("HEAD", head))
    assert Memo(file).find(source) == _read(source)


def test_what_cannot_be_written_is_not(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    memo = Memo(tmp_path / "file" / "memo")
    memo.find(source)
    memo.save()


def test_tilths_own_are_remembered_beside_them_and_no_others(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def find(_: Memo, path: Path) -> tuple[bytes, list[str]]:
        asked.append(path)
        return _read(path)

    monkeypatch.setattr(Memo, "find", find)
    own = Path(module.__file__)
    assert parsed(own) == _read(own)
    assert parsed(source) == _read(source)
    assert asked == [own]
    assert module._memo()._file.parent == own.parents[1] / "__pycache__"


def test_a_plan_remembers_what_it_parsed_unless_python_is_to_write_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memo = Memo(tmp_path / "memo")
    memo.find(source)
    monkeypatch.setattr(module, "_memo", lambda: memo)
    recipe = parse_recipe("tilth: 1\nname: x\ncollect: {a: {text_file: {path: .}}}\n")
    build_plan(recipe)
    assert not (tmp_path / "memo").exists()
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    build_plan(recipe)
    assert str(source) in json.loads((tmp_path / "memo").read_bytes())["modules"]
    # And not again what stands there.
    (tmp_path / "memo").unlink()
    build_plan(recipe)
    assert not (tmp_path / "memo").exists()
