"""What each data decision was worth: the recipe as it stands against itself less one decision.

The control is the recipe's own data; every arm is that data with one named change. All are trained
with the same recipe and the same random numbers, seed by seed, and measured on the control's
held-out data, so a difference is due to the change and to nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tilth.augment import specs
from tilth.context import Context
from tilth.models.registry import module_of
from tilth.records import Json
from tilth.settings import BaseSettings, acting
from tilth.tasks.registry import modules_of
from tilth.value.cell import roles_of, settings_of
from tilth.value.design import designs
from tilth.value.resolve import deciding, filled, models_of, resolve, trained_by
from tilth.value.result import Cell, ValueOutcome, ValueResult
from tilth.value.settings import ALONE, CONTROL, ArmTraining, Planned, Settings

__all__ = [
    "Cell",
    "Outcome",
    "Planned",
    "Settings",
    "cell_modules",
    "cell_parts",
    "cell_reads",
    "cells",
    "changes_training",
    "filled",
    "models_of",
    "require_together",
    "run_cell",
    "summarize",
    "summary_parts",
    "training_of",
]

# As the engine keeps and reads them.
Outcome = ValueOutcome


def require_together(settings: Settings, before: Mapping[str, BaseSettings]) -> None:
    """Refuse what makes no experiment with the stages before.

    Raises:
        UsageError: See `resolve`.
    """
    planned = Planned.model_validate(dict(before))
    for arm in (CONTROL, *settings.arms):
        resolve(settings, planned, arm)


def training_of(
    settings: Settings, before: Mapping[str, BaseSettings], arm: str
) -> tuple[type[BaseSettings], dict[str, object]]:
    """What an arm sets of `pretrain`, and the settings class that it has to be of.

    Args:
        settings: Of the stage.
        before: The stages before, by name.
        arm: Which.

    Raises:
        UsageError: There is no experiment without the arm, or it sets what no arm does.
    """
    control = resolve(settings, Planned.model_validate(dict(before)))
    return ArmTraining, trained_by(control, settings.arms[arm].training, "value")


def changes_training(settings: Settings, before: Mapping[str, BaseSettings], arm: str) -> bool:
    """Whether an arm's figure can be another than the control's, whatever its data.

    Args:
        settings: Of the stage.
        before: The stages before, by name.
        arm: Which.
    """
    planned = Planned.model_validate(dict(before))
    return deciding(resolve(settings, planned, arm)) != deciding(resolve(settings, planned))


def cells(settings: Settings, planned: Planned = ALONE) -> list[Cell]:
    """One cell an arm and seed; the control first, and at the shares of its curve.

    Seed by seed, so that a run that is stopped early has pairs.

    Raises:
        UsageError: The settings do not make an experiment; see `resolve`.
    """
    resolve(settings, planned)
    found: list[Cell] = []
    for seed in range(settings.seeds):
        found.append(Cell(arm=CONTROL, seed=seed))
        found += [
            Cell(arm=name, seed=seed)
            for name, change in settings.arms.items()
            if seed < (change.seeds or settings.seeds)
        ]
        found += [Cell(arm=CONTROL, seed=seed, share=s) for s in sorted(settings.curve)]
    return found


def cell_parts(cell: Cell, settings: Settings, planned: Planned = ALONE) -> Json:
    """All of the settings that decides what a cell comes to, and nothing else of them.

    Args:
        cell: Which.
        settings: The experiment.
        planned: The recipe's transforms, and the stages that the experiment takes over from.

    Raises:
        UsageError: The settings do not make an experiment; see `resolve`.
    """
    parts: Json = acting(settings_of(cell, settings, planned))
    return parts


def cell_reads(
    cell: Cell, settings: Settings, planned: Planned, roles: Collection[str]
) -> tuple[str, ...]:
    """The inputs whose data decide a cell: the control's, then the arm's own (the control's again
    where it has none), then, where all arms have as many examples, the others'.

    An arm's data count by this place and not by its name.

    Args:
        cell: Which.
        settings: The experiment.
        planned: As of `cell_parts`.
        roles: Of the inputs that there are.
    """
    del planned
    return roles_of(cell, settings, roles)


def cell_modules(cell: Cell, settings: Settings, planned: Planned = ALONE) -> tuple[str, ...]:
    """Modules whose code decides a cell, and that are found by a name: task, model, transforms.

    Args:
        cell: Which.
        settings: The experiment.
        planned: As of `cell_parts`.

    Raises:
        UsageError: As of `cell_parts`.
    """
    stands_on = settings_of(cell, settings, planned)
    found = {*modules_of(stands_on.task), *modules_of(stands_on.measured_task)}
    found |= {module_of(stands_on.model.kind), *specs.modules_of(stands_on.augment)}
    return tuple(sorted(found))


def summary_parts(settings: Settings, planned: Planned = ALONE) -> Json:
    """What decides the summary beside the cells' results.

    Args:
        settings: The experiment.
        planned: As of `cell_parts`.

    Raises:
        UsageError: As of `cell_parts`.
    """
    return {
        "smallest_effect": settings.smallest_effect,
        "group": settings.group,
        "match": settings.match,
        "curve_of": settings.curve_of,
        "arms": [[name, asdict(design)] for name, design in designs(settings).items()],
        "cells": [cell.as_json() for cell in cells(settings, planned)],
    }


def run_cell(
    cell: Cell,
    inputs: Mapping[str, Path],
    settings: Settings,
    context: Context,
    planned: Planned = ALONE,
) -> ValueOutcome:
    """Train and measure one arm with one seed.

    Args:
        cell: Which.
        inputs: Data set folder of `control` and of each arm that has data of its own.
        settings: The experiment.
        context: `work` keeps prepared arrays, shared by all cells.
        planned: The recipe's transforms, and the stages that the experiment takes over from.

    Raises:
        DataError: Held-out samples are in the arm's training data, or there is no data.
    """
    from tilth.value.experiment import run_arm

    return run_arm(cell.arm, settings_of(cell, settings, planned), inputs, context)


def summarize(results: Sequence[tuple[Cell, ValueOutcome]], settings: Settings) -> ValueResult:
    """Effects with their intervals and verdicts; see `tilth.value.summary`."""
    from tilth.value.summary import summarize_experiment

    return summarize_experiment(
        results,
        designs(settings),
        smallest_effect=settings.smallest_effect,
        group=settings.group,
        match=settings.match,
        curve_of=settings.curve_of,
    )
