"""Code versions see code, not prose, and all that a module stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilth.extensions import open_extension, using
from tilth.recipe import code
from tilth.recipe.operations import operations


def test_code_version_ignores_comments_and_docstrings(tmp_path: Path) -> None:
    versions: list[bytes] = []
    for text in ('"""A."""\nx = 1\n', '"""B."""\n# why\nx  =  1\n', '"""A."""\nx = 2\n'):
        source = tmp_path / f"module_{len(versions)}.py"
        source.write_text(text)
        versions.append(code._source_digest(source))
    assert versions[0] == versions[1] != versions[2]


def test_code_version_covers_what_the_module_imports() -> None:
    reached = code.reachable(["tilth.clean.signals"])
    assert "tilth.kernels.signals" in reached
    assert "tilth.schema" in reached
    assert not any(name.startswith("tilth.cli") for name in reached)


def test_code_version_covers_the_packages_around_a_module_of_ones_own(tmp_path: Path) -> None:
    """Python runs them when it imports the module."""
    (tmp_path / "mine" / "clean" / "loud").mkdir(parents=True)
    for name in ("clean/__init__.py", "clean/loud/__init__.py", "clean/loud/shout.py"):
        (tmp_path / "mine" / name).write_text("x = 1\n")
    extension = open_extension(tmp_path / "mine", shown="mine")
    with using([extension]):
        reached = code.reachable([extension.full_name("clean.loud.shout")])
    names = {extension.full_name(name) for name in ("clean", "clean.loud", "clean.loud.shout")}
    assert names <= reached


@pytest.mark.parametrize(
    "source",
    [
        "import importlib\nh = importlib.import_module('._h', __package__)\n",
        "from importlib import import_module as load\nh = load('._h', __package__)\n",
        "h = __import__('_h', globals(), level=1)\n",
        "from ._h import *\n",
        "def __getattr__(name):\n    return name\n",
        '"""Words: a b c"""\nwords = __doc__.split()\n',
        "exec('from . import _h')\n",
        "from tilth.extensions import load_module\nh = load_module(__package__ + '._h')\n",
        "import inspect\nwords = inspect.getdoc(str)\n",
        "words = Settings.model_json_schema()\n",
    ],
)
def test_of_what_finds_code_otherwise_the_whole_extension_counts(
    source: str, tmp_path: Path
) -> None:
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    (tmp_path / "mine" / "clean" / "shout.py").write_text(source)
    found = set()
    for number in range(3):
        # The second time a file that no import names has changed, the third time nothing has.
        (tmp_path / "mine" / "clean" / "_h.py").write_text(f"x = {min(number, 1)}\n")
        extension = open_extension(tmp_path / "mine", shown="mine")
        found.add(code.code_digest((extension.full_name("clean.shout"),)))
    assert len(found) == 2


def test_of_what_imports_plainly_only_what_it_imports_counts(tmp_path: Path) -> None:
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    plain = "import re\nfrom ._h import x\nfind = re.compile('a')\nmodel.eval()\n"
    (tmp_path / "mine" / "clean" / "shout.py").write_text(plain)
    (tmp_path / "mine" / "clean" / "_h.py").write_text("x = 1\n")
    found = set()
    for text in ("y = 1\n", "y = 2\n"):
        (tmp_path / "mine" / "clean" / "other.py").write_text(text)
        extension = open_extension(tmp_path / "mine", shown="mine")
        found.add(code.code_digest((extension.full_name("clean.shout"),)))
    assert len(found) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from . import _h\n",
        "from ._h import x\n",
        "from .. import words\n",
        "from ..clean import _h\n",
    ],
)
def test_a_module_that_is_imported_counts_however_it_is_named(source: str, tmp_path: Path) -> None:
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    (tmp_path / "mine" / "clean" / "shout.py").write_text(source)
    found = set()
    for number in range(2):
        for name in ("words.py", "clean/_h.py"):
            (tmp_path / "mine" / name).write_text(f"x = {number}\n")
        extension = open_extension(tmp_path / "mine", shown="mine")
        found.add(code.code_digest((extension.full_name("clean.shout"),)))
    assert len(found) == 2


def test_the_engine_that_makes_an_output_counts_and_the_rest_of_it_does_not() -> None:
    for name, part in {
        "jsonl": "read",
        "redact": "map",
        "exact": "shuffle",
        "vote": "describe",
    }.items():
        reached = code.reachable(operations()[name].modules())
        inside = {one for one in reached if one.startswith("tilth.engine.")}
        assert f"tilth.engine.{part}" in inside
        assert not inside & {f"tilth.engine.{one}" for one in ("perform", "steps", "run", "events")}


def test_what_is_aside_brings_nothing_along() -> None:
    reached = code.reachable(["tilth.collect.jsonl"])
    assert "tilth.reading.inputs" in reached
    assert not reached & code.ASIDE.keys()
    assert "tilth.demo.site" not in reached  # only `tilth.web.fetch` imports it
    assert "tilth.schema" not in code.reachable(["tilth.collect.jsonl"], without=["tilth.schema"])


def test_a_module_beside_an_extension_counts_where_that_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine" / "clean").mkdir(parents=True)
    for name, text in {"shout": "import pyarrow\nfrom loose_words import x\n", "plain": ""}.items():
        (tmp_path / "mine" / "clean" / f"{name}.py").write_text(text)
    extension, found = open_extension(tmp_path / "mine"), []
    for text in ("x = 1\n", "x = 1  # so\n", "x = 2\n"):
        (tmp_path / "loose_words.py").write_text(text)
        names = [extension.full_name(f"clean.{name}") for name in ("shout", "plain")]
        found.append([code.code_version((name,)) for name in names])
    assert found[0] == found[1] != found[2]
    assert found[0][1] == found[2][1]
