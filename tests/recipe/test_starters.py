"""A copy of a starter, and the name of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilth.recipe.load import parse_recipe, starters
from tilth.recipe.starters import copy_starter


@pytest.mark.parametrize("starter", sorted(starters()))
def test_the_copy_of_a_starter_is_named_after_its_file(starter: str) -> None:
    text, name = copy_starter(starter, Path("some/mine.yaml"))
    copy, original = parse_recipe(text), parse_recipe(starters()[starter])
    assert copy.name == name == "mine"
    assert {**copy.resolved(), "name": starter} == original.resolved()


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("my recipe.yaml", "my-recipe"),
        ("a/b/.hidden.yaml", "hidden"),
        ("2026.yaml", "2026"),
        ("true.yaml", "true"),
        ("null", "null"),
        ("1e5.yml", "1e5"),
        ("v2.1.yaml", "v2.1"),
        ("数据.yaml", "my-digits"),
        ("été.yaml", "ete"),
        ("x" * 90 + ".yaml", "x" * 64),
    ],
)
def test_a_name_that_a_run_can_have_is_made_of_any_file(file: str, name: str) -> None:
    text, said = copy_starter("digits", Path(file))
    assert parse_recipe(text).name == said == name
