"""Which transforms of a recipe nobody takes: they would be listed, and do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tilth.augment.registry import kind_of
from tilth.errors import Problem, UsageError
from tilth.recipe.model import Recipe
from tilth.tasks.registry import declaration
from tilth.transfer.settings import Settings as TransferSettings
from tilth.value.resolve import resolve
from tilth.value.settings import Planned
from tilth.value.settings import Settings as ValueSettings

Where = Callable[[tuple[str | int, ...]], str]


def unused_transforms(recipe: Recipe, where: Where) -> list[Problem]:
    """The transforms that no model which the recipe trains takes, as problems with their place."""
    tasks = list(dict.fromkeys((*_before_value(recipe), *_of_value(recipe))))
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


def _before_value(recipe: Recipe) -> list[str]:
    """What `pretrain` learns, and `transfer` by a network."""
    pretrain: Any = None if recipe.pretrain is None else recipe.pretrain.settings
    transfer = None if recipe.transfer is None else recipe.transfer.settings
    tasks = [] if pretrain is None else [pretrain.task]
    if isinstance(transfer, TransferSettings) and set(transfer.methods) != {"tfidf-svm"}:
        tasks += filter(None, [transfer.task])
    return tasks


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
