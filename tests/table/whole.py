"""Recipes as plain values: checked, or run whole in this process on data made in a second."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

import tilth
from tests.engine.inline import use_inline
from tilth.api import Run
from tilth.errors import Problem, RecipeError
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import Recipe

Tree = dict[str, Any]


def changed(tree: Tree, path: str, value: Any) -> Tree:
    """A copy of the recipe with one setting changed.

    Args:
        tree: The recipe.
        path: Keys and positions from the top, with slashes: `clean/0/rules/where`.
        value: The new value; a mapping replaces what is there.
    """
    tree = copy.deepcopy(tree)
    *outer, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    at: Any = tree
    for part in outer:
        at = at.setdefault(part, {}) if isinstance(at, dict) else at[part]
    at[last] = value
    return tree


def read(tree: Tree) -> Recipe:
    """As `tilth check` reads it.

    Raises:
        RecipeError: It has mistakes.
    """
    return parse_recipe(yaml.safe_dump({"tilth": 1, "name": "table", **tree}, sort_keys=False))


def problems(tree: Tree) -> list[Problem]:
    """What `tilth check` finds; none: the recipe is right."""
    try:
        read(tree)
    except RecipeError as error:
        return list(error.problems)
    return []


def said(tree: Tree) -> str:
    """All that `tilth check` says against it, hints too."""
    return "\n".join(f"{one.code} {one.where} {one.what} ({one.hint})" for one in problems(tree))


def run(tree: Tree, folder: Path, **options: Any) -> Run:
    """Run it in this process, without workers; the run's folder is below `folder`.

    Raises:
        TilthError: As `tilth.run`.
    """
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        return tilth.run(read(tree), runs=folder / "runs", progress=False, **options)


def rows(run: Run, step: str, *columns: str) -> list[dict[str, Any]]:
    """The rows that a step kept."""
    found = run.dataset(step).batches(list(columns) or None)
    return [row for batch in found for row in batch.to_pylist()]
