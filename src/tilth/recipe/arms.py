"""The derived recipes that the value stage compares: the recipe with one named change each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tilth.errors import Problem, RecipeError
from tilth.recipe.model import Recipe, RecipeStep


def arm_recipe(recipe: Recipe, name: str, arm: Any) -> Recipe | None:
    """The recipe of one arm's data, or None where the arm changes no data.

    Args:
        recipe: The control.
        name: The arm's name, for errors.
        arm: Settings with `without` (a step or source left out), `set` (settings of steps
            changed) or `same` (nothing changed: an A/A arm).

    Raises:
        RecipeError: The changed settings do not validate.
    """
    if arm.without == "pretrain":
        return None
    if arm.without:
        return replace(
            recipe,
            sources=tuple(s for s in recipe.sources if s.name != arm.without),
            records=tuple(s for s in recipe.records if s.name != arm.without),
        )
    changes = dict(arm.set or {})
    return replace(
        recipe,
        sources=tuple(_changed(s, changes.get(s.name), name) for s in recipe.sources),
        records=tuple(_changed(s, changes.get(s.name), name) for s in recipe.records),
    )


def _changed(step: RecipeStep, change: dict[str, Any] | None, arm: str) -> RecipeStep:
    if not change:
        return step
    given = {**step.settings.model_dump(mode="json"), **change}
    try:
        return replace(step, settings=type(step.settings).model_validate(given))
    except ValueError as error:
        what = " ".join(str(error).split())
        raise RecipeError([Problem("bad-arm", what, f"value.arms.{arm}.set.{step.name}")]) from None
