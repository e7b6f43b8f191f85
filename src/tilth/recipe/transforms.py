"""Which transforms of a recipe each training takes, and which nobody: they would do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tilth.augment.registry import kind_of
from tilth.errors import Problem, UsageError
from tilth.recipe.model import Recipe, RecipeStep
from tilth.tasks.registry import declaration
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value.resolve import resolve
from tilth.value.settings import Planned
from tilth.value.settings import Settings as ValueSettings

Where = Callable[[tuple[str | int, ...]], str]
_TRAININGS = ("pretrain", "transfer", "value")


def transforms_taken(recipe: Recipe, stage: str) -> tuple[RecipeStep, ...]:
    """The transforms that the models of a training stage take, in the recipe's order.

    What a transform draws depends on none of another kind: with those of its own kinds alone a
    stage is what it is with all.

    Args:
        recipe: Has the stage.
        stage: `pretrain`, `transfer` or `value`.
    """
    taken = _kinds(_tasks_of(recipe, stage))
    return tuple(step for step in recipe.transforms if kind_of(step.operation.name) in taken)


def unused_transforms(recipe: Recipe, where: Where) -> list[Problem]:
    """The transforms that no model which the recipe trains takes, as problems with their place."""
    tasks = list(dict.fromkeys(task for one in _TRAININGS for task in _tasks_of(recipe, one)))
    taken = _kinds(tasks)
    return [
        Problem(
            "unused-transform",
            f"`{step.operation.name}` changes {kind}, and no training stage takes those",
            where(("augment", number)),
            f"the tasks here are {', '.join(tasks)}"
            if tasks
            else "transforms act in training: add `pretrain`",
        )
        for number, step in enumerate(recipe.transforms)
        if (kind := kind_of(step.operation.name)) not in taken
    ]


def arm_over_unused(name: str, arm: Any, recipe: Recipe, where: Where) -> list[Problem]:
    """An arm over a transform that no model which `value` trains takes is the control again."""
    kinds = {step.name: kind_of(step.operation.name) for step in recipe.transforms}
    tasks = _of_value(recipe)
    taken = _kinds(tasks)
    named = [("set", step) for step in arm.set or {}] + [("without", arm.without)]
    return [
        Problem(
            "unused-transform",
            f"arm `{name}` changes `{step}`, and no model that `value` trains takes transforms of "
            f"{kinds[step]}: the arm would be the control again",
            where(("value", "arms", name, key)),
            f"`value` trains {' and '.join(tasks)}; `value.target` may name a task that takes them",
        )
        for key, step in named
        if tasks and step in kinds and kinds[step] not in taken
    ]


def _kinds(tasks: Iterable[str]) -> set[str]:
    return {kind for task in tasks for kind in declaration(task).transforms}


def _tasks_of(recipe: Recipe, stage: str) -> list[str]:
    """What the networks of a training stage learn."""
    pretrain: Any = None if recipe.pretrain is None else recipe.pretrain.settings
    own = None if pretrain is None else pretrain.task
    if stage == "pretrain":
        return [*filter(None, [own])]
    if stage == "value":
        return _of_value(recipe)
    settings = None if recipe.transfer is None else recipe.transfer.settings
    if not isinstance(settings, TransferSettings) or set(settings.methods) == {"tfidf-svm"}:
        return []
    return [*filter(None, [settings.task or own])]


def _of_value(recipe: Recipe) -> list[str]:
    """What the models of `value` learn: the arms' own task, and that of the target."""
    stages = {"pretrain": recipe.pretrain, "transfer": recipe.transfer}
    before = {name: step.settings for name, step in stages.items() if step is not None}
    settings = None if recipe.value is None else recipe.value.settings
    if not isinstance(settings, ValueSettings):
        return []
    try:
        experiment = resolve(settings, Planned.model_validate(before))
    except UsageError:  # what makes no experiment is told of the stage
        return []
    return list(dict.fromkeys([experiment.task, experiment.measured_task]))
