"""What each data decision was worth: the recipe as it stands against itself less one decision.

The control is the recipe's own data; every arm is that data with one named change. All are trained
with the same recipe and the same random numbers, seed by seed, and measured on the control's
held-out data, so a difference is due to the change and to nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.context import Context
from tilth.value.settings import CONTROL, PRETRAIN, Change, Settings, resolve

__all__ = ["Settings", "cells", "run_cell", "summarize"]


def cells(settings: Settings) -> list[dict[str, Any]]:
    """One cell an arm and seed; the control first, and at the shares of its curve.

    Seed by seed, so that a run that is stopped early has pairs.

    Raises:
        UsageError: The settings do not make an experiment; see `resolve`.
    """
    resolve(settings)
    found: list[dict[str, Any]] = []
    for seed in range(settings.seeds):
        found.append({"arm": CONTROL, "seed": seed, "share": 1.0})
        found += [
            {"arm": name, "seed": seed, "share": 1.0}
            for name, change in settings.arms.items()
            if seed < (change.seeds or settings.seeds)
        ]
        found += [{"arm": CONTROL, "seed": seed, "share": s} for s in sorted(settings.curve)]
    return found


def run_cell(
    cell: Mapping[str, Any], inputs: Mapping[str, Path], settings: Settings, context: Context
) -> dict[str, Any]:
    """Train and measure one arm with one seed.

    Args:
        cell: {"arm": name, "seed": s, "share": share of the data or steps}.
        inputs: Data set folder of `control` and of each arm that has data of its own.
        settings: The experiment.
        context: `work` keeps prepared arrays, shared by all cells.

    Returns:
        value, metric, unit, lower_is_better, scale; per-cluster numerators and denominators of
        the test set, test_samples, items; nine_tenths, the value of an arm without pretraining
        where the last tenth of its steps began; seconds, unique_examples, epochs, data_digest,
        notes.

    Raises:
        DataError: Held-out samples are in the arm's training data, or there is no data.
    """
    from tilth.value.experiment import run_arm

    return run_arm(cell, inputs, settings, context)


def summarize(results: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
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
