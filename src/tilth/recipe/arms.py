"""The derived recipes that the value stage compares: the recipe with one named change each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tilth.recipe.model import Recipe, RecipeStep
from tilth.recipe.operations import operations
from tilth.settings import laid_over


def arm_recipe(recipe: Recipe, arm: Any) -> Recipe | None:
    """The recipe of one arm's data, or None where the arm changes no data.

    Args:
        recipe: The control.
        arm: Settings with `without` (a step, or a source never collected), `without_source` (a
            source that the mixture leaves out), `set` (settings of steps changed) or `same`
            (nothing changed: an A/A arm).
    """
    if arm.without == "pretrain":
        return None
    if arm.without:
        return replace(
            recipe,
            sources=tuple(s for s in recipe.sources if s.name != arm.without),
            records=tuple(s for s in recipe.records if s.name != arm.without),
        )
    if arm.without_source:
        return replace(recipe, records=_unmixed(recipe.records, arm.without_source))
    changes = dict(arm.set or {})
    return replace(
        recipe,
        sources=tuple(_changed(s, changes.get(s.name)) for s in recipe.sources),
        records=tuple(_changed(s, changes.get(s.name)) for s in recipe.records),
    )


def _unmixed(records: tuple[RecipeStep, ...], source: str) -> tuple[RecipeStep, ...]:
    """The steps with weight 0 for a source; a recipe that mixes nothing gets a mixture for it."""
    weights = operations()["weights"]
    if not any(step.operation.name == weights.name for step in records):
        records = (*records, RecipeStep("mix.weights", weights, weights.settings()))

    def without(step: RecipeStep) -> RecipeStep:
        given = step.settings.model_dump(mode="json")
        given["sources"] = {**dict(given["sources"]), source: 0.0}
        return replace(step, settings=weights.settings.model_validate(given))

    return tuple(without(step) if step.operation.name == weights.name else step for step in records)


def _changed(step: RecipeStep, change: dict[str, Any] | None) -> RecipeStep:
    if not change:
        return step
    # Whether they are settings of the step was checked as the recipe was read.
    given = laid_over(step.settings, change)
    return replace(step, settings=type(step.settings).model_validate(given))
