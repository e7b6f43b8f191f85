from __future__ import annotations

from pathlib import Path

import pytest

from tests.query.conftest import recipe_file
from tilth.errors import UsageError
from tilth.query.plans import plan_recipe, renamed
from tilth.recipe.load import load_recipe


def test_a_changed_threshold_measures_nothing_anew(workplace: Path) -> None:
    text = (
        recipe_file(workplace, 12)
        .read_text("utf-8")
        .replace("word_count >= 12", "word_count >= 15")
    )
    path = workplace / "changed.yaml"
    path.write_text(text, "utf-8")
    view = plan_recipe(load_recipe(path), runs=workplace / "runs")
    assert [step.name for step in view.steps if step.cached] == [
        "collect.docs",
        "clean.normalize",
        "clean.signals",
    ]
    assert view.to_run[0].name == "clean.rules"
    assert "where" in view.to_run[0].why
    assert "3 cached, 4 to run" in str(view)


def test_only_ends_with_the_step(workplace: Path) -> None:
    recipe = load_recipe(recipe_file(workplace, 12))
    view = plan_recipe(recipe, runs=workplace / "runs", only="signals")
    assert view.only == "clean.signals"
    assert [step.name for step in view.steps] == [
        "collect.docs",
        "clean.normalize",
        "clean.signals",
    ]
    with pytest.raises(UsageError, match="no step"):
        plan_recipe(recipe, runs=workplace / "runs", only="nothing")


def test_another_name_changes_no_identity(workplace: Path) -> None:
    recipe = load_recipe(recipe_file(workplace, 12))
    other = renamed(recipe, "other")
    assert other.name == "other"
    assert [s.identity for s in plan_recipe(other).steps] == [
        s.identity for s in plan_recipe(recipe).steps
    ]
    assert renamed(recipe, None) is recipe
    with pytest.raises(UsageError, match="cannot name"):
        renamed(recipe, "../up")
