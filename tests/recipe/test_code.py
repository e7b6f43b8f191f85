"""Code versions see code, not prose, and all that a module stands on."""

from __future__ import annotations

from pathlib import Path

from tilth.extensions import open_extension, using
from tilth.recipe import code


def test_code_version_ignores_comments_and_docstrings(tmp_path: Path) -> None:
    versions: list[bytes] = []
    for text in ('"""A."""\nx = 1\n', '"""B."""\n# why\nx  =  1\n', '"""A."""\nx = 2\n'):
        source = tmp_path / f"module_{len(versions)}.py"
        source.write_text(text)
        versions.append(code._source_digest(source))
    assert versions[0] == versions[1] != versions[2]


def test_code_version_covers_what_the_module_imports() -> None:
    reached = code._reachable(["tilth.clean.signals"])
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
        reached = code._reachable([extension.full_name("clean.loud.shout")])
    names = {extension.full_name(name) for name in ("clean", "clean.loud", "clean.loud.shout")}
    assert names <= reached
