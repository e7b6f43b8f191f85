"""Is the pretrained model worth having on the user's own task, and how much data does it replace?

Methods learn the target from the same few samples, in the same order, with the same budget:

    scratch    the pretrained architecture, freshly initialised
    probe      the pretrained weights, frozen but for the last (`frozen_for_probe`)
    finetune   the pretrained weights, all of them trained
    lora       the pretrained weights, frozen, with small matrices trained beside them
    tfidf-svm  of text-classification: word counts and a linear classifier, no network at all

at several sizes of the target's training set, the smaller ones inside the larger, and over several
seeds; the seed chooses the samples, the order and the fresh weights.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tilth.augment import specs
from tilth.context import Context
from tilth.models.registry import module_of
from tilth.pretrain.parts import any_sizes
from tilth.pretrain.settings import Settings as PretrainSettings
from tilth.records import Json
from tilth.settings import BaseSettings, acting
from tilth.tasks.registry import modules_of
from tilth.transfer import settings as declared
from tilth.transfer.cell import settings_of
from tilth.transfer.result import Cell, TransferOutcome, TransferResult
from tilth.transfer.settings import ALONE, Planned, Settings, filled

__all__ = [
    "Cell",
    "Outcome",
    "Planned",
    "Settings",
    "cell_modules",
    "cell_parts",
    "cell_reads",
    "cells",
    "filled",
    "require_together",
    "run_cell",
    "summarize",
    "summary_parts",
]

# As the engine keeps and reads them.
Outcome = TransferOutcome


def require_together(settings: Settings, before: Mapping[str, BaseSettings]) -> None:
    """Refuse what the model of the stage before cannot be carried over to.

    Raises:
        UsageError: As of `tilth.transfer.settings`; or a probe or LoRA is to freeze or unfreeze
            what it does not train.
    """
    declared.require_together(settings, before)
    pretrain = before.get("pretrain")
    # Without torch, with which the names are found, training refuses.
    if not isinstance(pretrain, PretrainSettings) or importlib.util.find_spec("torch") is None:
        return
    task = settings.task or pretrain.task
    for method in ("probe", "lora"):
        own = settings.overrides.get(method)
        if own is not None and (own.freeze or own.unfreeze):
            # It loads torch, which takes seconds: only where there is something to refuse.
            from tilth.transfer.kept import require_kept

            stage = f"transfer.overrides.{method}."
            later = tuple(own.unfreeze)
            require_kept(pretrain.model, any_sizes(task), method, own.freeze, later, stage)


def cells(settings: Settings, planned: Planned = ALONE) -> list[Cell]:
    """One cell a method, size and seed; seed by seed, so that a run stopped early has pairs."""
    del planned
    return [
        Cell(method=method, size=size, seed=seed)
        for seed in range(settings.seeds)
        for size in settings.sizes
        for method in settings.methods
    ]


def cell_parts(cell: Cell, settings: Settings, planned: Planned = ALONE) -> Json:
    """All of the settings that decides what a cell comes to, and nothing else of them.

    Args:
        cell: Which.
        settings: The comparison.
        planned: The recipe's transforms, and the stage that trains the model.
    """
    parts: Json = acting(settings_of(cell, settings, planned))
    return parts


def cell_reads(
    cell: Cell, settings: Settings, planned: Planned, roles: Collection[str]
) -> tuple[str, ...]:
    """What of the inputs decides a cell: a role, or `role/file` where one file of it does.

    A model may lack one of its files, as one of images has no tokenizer.

    Args:
        cell: Which.
        settings: The comparison.
        planned: As of `cell_parts`.
        roles: Of the inputs that there are.
    """
    del roles
    return settings_of(cell, settings, planned).reads


def cell_modules(cell: Cell, settings: Settings, planned: Planned = ALONE) -> tuple[str, ...]:
    """Modules whose code decides a cell, and that are found by a name: task, model, transforms.

    Args:
        cell: Which.
        settings: The comparison.
        planned: As of `cell_parts`.
    """
    stands_on = settings_of(cell, settings, planned)
    found = list(modules_of(stands_on.task)) if stands_on.task else []
    if stands_on.training is not None:
        found += specs.modules_of(stands_on.training.augment)
        found += [] if planned.pretrain is None else [module_of(planned.pretrain.model.kind)]
    return tuple(sorted(set(found)))


def summary_parts(settings: Settings, planned: Planned = ALONE) -> Json:
    """What decides the summary beside the cells' results.

    Args:
        settings: The comparison.
        planned: As of `cell_parts`.
    """
    return {
        "smallest_effect": settings.smallest_effect,
        "group": settings.group,
        "per_class": settings.sizes_per_class,
        "cells": [cell.as_json() for cell in cells(settings, planned)],
    }


def run_cell(
    cell: Cell,
    inputs: Mapping[str, Path],
    settings: Settings,
    context: Context,
    planned: Planned = ALONE,
) -> TransferOutcome:
    """Train one method on one subset of the target, and measure it on the target's test split.

    Args:
        cell: Which.
        inputs: `data`, the target's data set folder; `model`, the pretrained model's folder.
        settings: The comparison.
        context: `work` keeps prepared arrays, shared by all cells.
        planned: The recipe's transforms, and the stage that trained the model.

    Raises:
        DataError: The target has fewer training samples than the cell's size.
    """
    from tilth.transfer.methods import run_method

    return run_method(settings_of(cell, settings, planned), inputs, context)


def summarize(
    results: Sequence[tuple[Cell, TransferOutcome]], settings: Settings
) -> TransferResult:
    """Curves, gains with their intervals, and the data multiplier; see `transfer.summary`."""
    from tilth.transfer.summary import summarize_transfer

    return summarize_transfer(
        results,
        smallest_effect=settings.smallest_effect,
        group=settings.group,
        per_class=settings.sizes_per_class,
    )
