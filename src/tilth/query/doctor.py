"""Whether this machine has what a run needs, and what to install where it has not."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.errors import unsupported_system
from tilth.machine import describe_machine, is_supported

if TYPE_CHECKING:
    from tilth.recipe.model import Recipe

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*)(?:;\s*(.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_LEAST = re.compile(r">=\s*([0-9][0-9.]*)")
# Names under which packages import, where they differ from their own.
_MODULES = {
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "lxml-html-clean": "lxml_html_clean",
}
_DEVELOPERS = ("dev",)
_FIRST_STARTER = "quickstart"
_LEAST_PYTHON = (3, 11)
_LEAST_DISK_GIB = 1.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        ok: Whether it is as a run needs it.
        base: Whether every run needs it; an extra may be absent.
        hint: What to do where it is not.
    """

    group: str
    name: str
    found: str
    ok: bool
    base: bool
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All checks."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing that every run needs is missing."""
        return all(check.ok for check in self.checks if check.base)


def diagnose(runs: str | Path = "runs", recipe: str | None = None) -> Diagnosis:
    """Look at the system, Python, the machine, the folder for runs, the packages, and what the
    starters need.

    Every base package is imported, for one that is installed may still not import; the packages
    of extras are looked up only, for some take seconds.

    Args:
        runs: The folder for runs.
        recipe: A recipe's file or a starter: what it needs is then needed, not optional.

    Raises:
        MissingError: There is no such recipe.
        RecipeError: It has mistakes.
    """
    found = Diagnosis((*_machine(), _folder(Path(runs)), *_packages()))
    # Recipes are read by modules that want all of this themselves.
    return Diagnosis((*found.checks, *_recipes(recipe))) if found.ok else found


def _recipes(recipe: str | None) -> Iterator[Check]:
    """What the asked recipe needs beyond the base install; else what each starter needs."""
    from tilth.recipe.load import load_recipe, starters

    if recipe is not None:
        yield _recipe("recipe", load_recipe(recipe), True)
        return
    names = sorted(starters(), key=lambda name: (name != _FIRST_STARTER, name))
    for name in names:
        yield _recipe("starter", load_recipe(name), False)


def _recipe(group: str, recipe: Recipe, base: bool) -> Check:
    from tilth.extensions import using
    from tilth.recipe.needs import install_command, missing_packages, needed_packages

    steps = list(recipe.steps())
    with using(recipe.extensions):
        needed, missing = needed_packages(steps), missing_packages(steps)
    listed = ", ".join(package.name for package in needed)
    found = f"needs {listed}" if needed else "needs no extra"
    if missing:
        some = ", ".join(package.name for package in missing)
        found += f"; not installed: {'all' if missing == needed else some}"
    hint = install_command(missing) if missing else ""
    return Check(group, recipe.name, found, not missing, base, hint)


def _machine() -> Iterator[Check]:
    machine = describe_machine()
    yield Check(
        "machine", "system", machine.system, is_supported(), True, unsupported_system().hint
    )
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        "machine",
        "python",
        version,
        sys.version_info[:2] >= _LEAST_PYTHON,
        True,
        "install Python 3.11 or later",
    )
    yield Check("machine", "cores", str(machine.cores), True, True)
    memory = machine.memory_gib
    enough = not memory or memory >= 2
    yield Check(
        "machine", "memory", f"{memory} GiB", enough, False, "the starters need 4 GiB; --workers 1"
    )


def _folder(runs: Path) -> Check:
    """Whether runs can be written where they would be."""
    place = next(p for p in (runs.absolute(), *runs.absolute().parents) if p.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".tilth-"):
            free = shutil.disk_usage(place).free / 2**30
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        return Check(
            "machine",
            "runs folder",
            f"{runs}: {why}",
            False,
            True,
            "choose another with --runs DIR",
        )
    found = f"{runs} can be written, {free:.1f} GiB free"
    hint = "free some space, or choose another disk with --runs DIR"
    return Check("machine", "runs folder", found, free >= _LEAST_DISK_GIB, True, hint)


def _packages() -> Iterator[Check]:
    seen: set[str] = set()
    for name, least, extras in _requirements():
        if (name in seen and extras) or name == "tilth":
            continue
        if extras and all(extra in _DEVELOPERS for extra in extras):
            continue
        seen.add(name)
        group = "base" if not extras else f"extra {extras[0]}"
        command = f"pip install 'tilth[{extras[0]}]'" if extras else f"pip install '{name}'"
        yield _package(group, name, least, not extras, command)


def _requirements() -> list[tuple[str, str, list[str]]]:
    """(package, least version, extras that ask for it), base packages first."""
    found = []
    for text in metadata.requires("tilth") or []:
        match = _REQUIREMENT.match(text)
        if match:
            least = _LEAST.search(match[2] or "")
            name = match[1].lower().replace("_", "-")
            found.append((name, least[1] if least else "", _EXTRA.findall(match[3] or "")))
    return sorted(found, key=lambda item: (bool(item[2]), item[2], item[0]))


def _package(group: str, name: str, least: str, base: bool, command: str) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(group, name, "missing", False, base, command)
    if least and _numbers(version) < _numbers(least):
        hint = f"pip install --upgrade '{name}>={least}'"
        return Check(group, name, f"{version}, too old", False, base, hint)
    if base:
        module = _MODULES.get(name, name.replace("-", "_"))
        try:
            importlib.import_module(module)
        except Exception as error:  # a broken package may raise anything
            found = f"{version}, but it does not import: {' '.join(str(error).split())[:120]}"
            return Check(group, name, found, False, base, f"pip install --force-reinstall '{name}'")
    return Check(group, name, version, True, base)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])
