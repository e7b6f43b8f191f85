"""What a recipe needs beyond the base install, held against what its modules import."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

from tests.engine.conftest import run_text
from tests.engine.inline import inline
from tilth.errors import MissingError
from tilth.recipe import code, needs
from tilth.recipe.load import load_recipe, parse_recipe, starters
from tilth.recipe.operations import operations

__all__ = ["inline"]


def _extras() -> dict[str, set[str]]:
    """Package -> the extras that bring it."""
    found: dict[str, set[str]] = {}
    for line in metadata.requires("tilth") or []:
        name, _, marker = line.partition(";")
        if "extra" in marker:
            package = name.split(">")[0].split("[")[0].strip().lower()
            found.setdefault(package, set()).add(marker.split("==")[-1].strip(" '\""))
    return found


def _imported(module: str) -> set[str]:
    """Top packages that a module of Tilth, and all of Tilth that it imports, name anywhere."""
    paths = map(code._path, code.reachable([module]))
    return {name for path in paths for name in _named(path)}


@cache
def _named(path: Path | None) -> set[str]:
    """Top packages that a module names."""
    assert path is not None
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


# Packages whose names are not those of their modules.
_MODULES = {"pillow": "pil", "pyyaml": "yaml", "scikit-learn": "sklearn"}


def test_what_is_imported_is_declared() -> None:
    """What only another package brings is gone with that package's next version."""
    root = Path(needs.__file__).parents[1]
    imported = {name for path in root.rglob("*.py") for name in _named(path)}
    imported -= {"tilth", *sys.stdlib_module_names}
    declared = {re.split(r"[^A-Za-z0-9_-]", line)[0] for line in metadata.requires("tilth") or []}
    names = {_MODULES.get(name.lower(), name.lower().replace("-", "_")) for name in declared}
    assert {name.lower() for name in imported} <= names


@pytest.mark.parametrize("starter", sorted(starters()))
def test_what_a_starter_needs_is_brought_by_the_extra_that_is_named(starter: str) -> None:
    packages = needs.needed_packages(load_recipe(starter).steps())
    assert "torch" in {package.name for package in packages}
    for package in packages:
        assert package.extra in _extras()[package.name], package
        assert importlib.util.find_spec(package.module), package


def test_only_operations_that_are_known_to_do_so_need_an_extra() -> None:
    modules = {"torch", "safetensors", "tokenizers", "sklearn", "scipy", "sacrebleu"}
    # kernels and store name torch for those who ask for it (`to_torch`), not for a run.
    ours = {
        name
        for name, op in operations().items()
        if _imported(op.module_name) & modules - {"torch"} or op.kind in ("fit", "grid")
    }
    assert ours == {"demo_digits", "distil", "label_errors", "pretrain", "transfer", "value"}


def test_tasks_and_methods_need_what_they_name() -> None:
    def names(starter: str) -> set[str]:
        return {package.name for package in needs.needed_packages(load_recipe(starter).steps())}

    assert "soxr" in names("yesno")
    assert "sacrebleu" in names("multi30k")
    assert "scikit-learn" in names("text-transfer")
    assert "scikit-learn" in names("digits")
    assert names("mnist") == {"torch", "safetensors", "tokenizers"}
    data_only = parse_recipe("name: a\ncollect: {a: {jsonl: {path: x}}}\nclean: [signals]\n")
    assert needs.needed_packages(data_only.steps()) == ()


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment as `pip install tilth` leaves it."""
    find = importlib.util.find_spec

    def find_spec(name: str) -> object:
        return None if name in ("torch", "tokenizers") else find(name)

    monkeypatch.setattr(needs.importlib.util, "find_spec", find_spec)  # type: ignore[attr-defined]


RECIPE = """
name: a
collect: {{a: {{jsonl: {{path: {path}}}}}}}
clean: [normalize]
pretrain: {{model: {{kind: gpt, layers: 1, width: 8, heads: 1}}, loop: {{max_steps: 1}}}}
"""


@pytest.mark.usefixtures("without_torch", "inline")
def test_nothing_runs_before_all_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one two"}\n')
    text = RECIPE.format(path=tmp_path / "a.jsonl")
    with pytest.raises(MissingError) as caught:
        run_text(text, tmp_path / "run")
    assert "`torch`, `tokenizers`" in caught.value.what
    assert caught.value.hint == "pip install 'tilth[train]'"
    assert not (tmp_path / "run" / "data").exists()
    assert not (tmp_path / "run" / "run.json").exists()
    # What does not train needs none of it.
    run_text(text, tmp_path / "run", only="clean.normalize")
    assert (tmp_path / "run" / "run.json").exists()
