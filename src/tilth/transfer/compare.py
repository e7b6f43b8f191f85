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

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.context import Context
from tilth.transfer.settings import Settings

__all__ = ["Settings", "cells", "run_cell", "summarize"]


def cells(settings: Settings) -> list[dict[str, Any]]:
    """One cell a method, size and seed; seed by seed, so that a run stopped early has pairs."""
    return [
        {"method": method, "size": size, "seed": seed}
        for seed in range(settings.seeds)
        for size in settings.sizes
        for method in settings.methods
    ]


def run_cell(
    cell: Mapping[str, Any], inputs: Mapping[str, Path], settings: Settings, context: Context
) -> dict[str, Any]:
    """Train one method on one subset of the target, and measure it on the target's test split.

    Args:
        cell: {"method": ..., "size": n, "seed": s}.
        inputs: `data`, the target's data set folder; `model`, the pretrained model's folder.
        settings: The comparison.
        context: `work` keeps prepared arrays, shared by all cells.

    Returns:
        value, metric, unit, lower_is_better, scale, seconds, samples, test_samples, items, epochs,
        what, notes; numerators and denominators of the metric by cluster of the test set (of BLEU
        and such, see `clusters.pseudo_parts`); nine_tenths, the value of from-scratch where the
        last tenth of its steps began.

    Raises:
        DataError: The target has fewer training samples than the cell's size.
    """
    from tilth.transfer.methods import run_method

    return run_method(cell, inputs, settings, context)


def summarize(results: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """Curves, gains with their intervals, and the data multiplier; see `transfer.summary`."""
    from tilth.transfer.summary import summarize_transfer

    return summarize_transfer(
        results,
        smallest_effect=settings.smallest_effect,
        group=settings.group,
        per_class=settings.sizes_per_class,
    )
