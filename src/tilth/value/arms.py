"""What each data decision was worth: the recipe as it stands against itself less one decision.

The control is the recipe's own data; every arm is that data with one named change. All are trained
with the same recipe and the same random numbers, seed by seed, and measured on the control's
held-out data, so a difference is due to the change and to nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tilth.context import Context
from tilth.settings import BaseSettings
from tilth.value.resolve import deciding, filled, models_of, resolve, trained_by
from tilth.value.result import Cell, ValueOutcome, ValueResult
from tilth.value.settings import ALONE, CONTROL, PRETRAIN, ArmTraining, Change, Planned, Settings

__all__ = [
    "Cell",
    "Outcome",
    "Planned",
    "Settings",
    "cells",
    "changes_training",
    "filled",
    "models_of",
    "require_together",
    "run_cell",
    "summarize",
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

    return run_arm(cell, inputs, settings, context, planned)


def summarize(results: Sequence[tuple[Cell, ValueOutcome]], settings: Settings) -> ValueResult:
    """Effects with their intervals and verdicts; see `tilth.value.summary`."""
    from tilth.value.summary import Design, summarize_experiment

    designs = {
        name: Design(
            decision=change.decision,
            what=_what(change),
            sign=change.sign,
            is_check=change.same,
            from_scratch=change.without == PRETRAIN,
        )
        for name, change in settings.arms.items()
    }
    return summarize_experiment(
        results,
        designs,
        smallest_effect=settings.smallest_effect,
        group=settings.group,
        match=settings.match,
        curve_of=settings.curve_of,
    )


def _what(change: Change) -> str:
    if change.same:
        return "the same data again: any difference would be an error of the experiment"
    if change.without or change.without_source:
        return f"the recipe with {change.decision} less the recipe without it"
    return (
        f"the recipe with {change.decision.removeprefix(change.step + ' with ')} in "
        f"{change.step} less the recipe as it stands"
    )
