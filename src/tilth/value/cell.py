"""What of a recipe one cell of an experiment stands on.

A cell is run from its `CellSettings` and from nothing else that a recipe says. So they are what a
kept result is found again by: another arm, seed or smallest effect leaves it as it is, and an arm
under another name is the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence

from tilth.augment import specs
from tilth.augment.registry import TransformSpec
from tilth.models.settings import ModelSettings
from tilth.settings import BaseSettings, acting
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, ObjectiveSettings, TaskName, read_of
from tilth.training.settings import OptimizerSettings
from tilth.value.resolve import Experiment, deciding, resolve, undecoded
from tilth.value.result import Cell
from tilth.value.settings import (
    AUGMENT,
    CONTROL,
    PRETRAIN,
    ArmLoopSettings,
    Change,
    Planned,
    Settings,
    TargetSettings,
)


class Training(BaseSettings):
    """How the network of one cell is pretrained.

    Attributes:
        loop: With the steps of this cell, where the control is trained with a share of them.
        share: Of the data.
        as_few: Whether on as many unique examples as the arm that has fewest.
    """

    objective: ObjectiveSettings
    optimizer: OptimizerSettings
    loop: ArmLoopSettings
    share: float
    as_few: bool


class CellSettings(BaseSettings):
    """All that one cell reads of a recipe.

    Attributes:
        again: Of an A/A arm which of them it is, from 1 on: it shows what it is there for only
            where it is trained itself. 0: of any other arm.
        task, model, data: What is pretrained, and how all arms read their samples.
        training: None of the arm without pretraining.
        target: With its task and objective; None where the pretrained model itself is measured.
        augment: The arm's transforms that one of its tasks takes.
        metric: Empty: the task's own figure, by whatever name it was asked for.
    """

    seed: int
    again: int
    task: TaskName
    model: ModelSettings
    data: DataSettings
    training: Training | None
    target: TargetSettings | None
    augment: tuple[TransformSpec, ...]
    metric: str
    group: str
    leakage: str

    @property
    def measured_task(self) -> TaskName:
        """What is measured."""
        return self.task if self.target is None else self.target.task or self.task

    @property
    def recipe_digest(self) -> str:
        """Of how it is trained and measured: an arm's is the control's where nothing changed."""
        how = acting(self.model_copy(update={"seed": 0, "again": 0}))
        return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:16]

    def normal(self) -> CellSettings:
        """With each transform's settings as they act."""
        return self.model_copy(update={"augment": specs.normal(self.augment)})


def settings_of(cell: Cell, settings: Settings, planned: Planned) -> CellSettings:
    """What of an experiment decides one of its cells.

    Args:
        cell: Which.
        settings: The experiment.
        planned: The recipe's transforms, and the stages that the experiment takes over from.

    Raises:
        UsageError: See `tilth.value.resolve.resolve`.
    """
    change = None if cell.arm == CONTROL else settings.arms[cell.arm]
    experiment = resolve(settings, planned, cell.arm)
    training = None
    if change is None or change.without != PRETRAIN:
        training = _training(cell, settings, experiment)
    # The control's objective: what an arm changes of it is of pretraining.
    target = _target(experiment, resolve(settings, planned).objective)
    tasks = [experiment.task] * (training is not None) + [experiment.measured_task]
    kinds = {kind for task in tasks for kind in declaration(task).transforms}
    own_figure = declaration(experiment.measured_task).metric.name
    return CellSettings(
        seed=cell.seed,
        again=_again(cell.arm, settings),
        task=experiment.task,
        model=experiment.model,
        data=experiment.data,
        training=training,
        target=target,
        augment=specs.taken(changed_augment(change, planned.augment), kinds),
        metric="" if experiment.metric == own_figure else experiment.metric,
        group=settings.group,
        leakage=settings.leakage,
    )


def roles_of(cell: Cell, settings: Settings, roles: Collection[str]) -> tuple[str, ...]:
    """The inputs whose data decide a cell: the control's, then the arm's own, then all others that
    the number of its examples depends on.

    Args:
        cell: Which.
        settings: The experiment.
        roles: Of the data sets that there are: the control's, and of arms that have their own.
    """
    if cell.arm != CONTROL and settings.arms[cell.arm].without == PRETRAIN:
        return CONTROL, CONTROL
    own = cell.arm if cell.arm in roles else CONTROL
    others = sorted(set(roles) - {CONTROL, own}) if settings.match == "data" else []
    return CONTROL, own, *others


def _training(cell: Cell, settings: Settings, experiment: Experiment) -> Training:
    loop, share = experiment.loop, 1.0
    if settings.curve_of == "data":
        share = cell.share
    elif cell.share < 1 and loop.max_steps is not None:
        steps = max(round(loop.max_steps * cell.share), 1)
        loop = loop.model_copy(update={"max_steps": steps})
    decided = deciding(experiment)
    if experiment.target is not None:
        # Nothing is measured in this training.
        size = decided.loop.evaluation_batch_size
        loop = loop.model_copy(update={"evaluation_batch_size": size})
    return Training(
        objective=decided.objective,
        optimizer=experiment.optimizer,
        loop=loop,
        share=share,
        as_few=settings.match == "data",
    )


def _target(experiment: Experiment, control: ObjectiveSettings) -> TargetSettings | None:
    target, task = experiment.target, experiment.measured_task
    if target is None:
        return None
    objective = read_of(task, target.objective or control)
    if experiment.metric == LOSS.name:
        objective = undecoded(objective)
    return target.model_copy(update={"task": task, "objective": objective})


def _again(arm: str, settings: Settings) -> int:
    same = [name for name, change in settings.arms.items() if change.same]
    return same.index(arm) + 1 if arm in same else 0


def changed_augment(change: Change | None, planned: Sequence[TransformSpec]) -> list[TransformSpec]:
    """The arm's transforms: an arm may leave one out, or change its settings.

    Args:
        change: The arm; None: the control.
        planned: The recipe's.
    """
    found: list[TransformSpec] = []
    seen: Counter[str] = Counter()
    for spec in planned:
        [(op, settings)] = spec.items()
        seen[op] += 1
        # As the recipe's steps are named: of two of one kind the second has a number.
        step = f"{AUGMENT}{op}" + (f"-{seen[op]}" if seen[op] > 1 else "")
        if change is None or change.step != step:
            found.append(spec)
        elif change.set:
            found.append({op: {**settings, **change.set[step]}})
    return found
