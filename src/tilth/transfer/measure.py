"""The figure that a comparison is read from, of one evaluation: its value, and its parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tilth.errors import UsageError
from tilth.statistics.found import Parts
from tilth.tasks.declare import LOSS
from tilth.tasks.registry import metrics
from tilth.training.evaluate import Evaluation
from tilth.transfer.clusters import parts, pseudo_parts
from tilth.transfer.result import Reported


def reported(evaluation: Evaluation, metric: str) -> Reported:
    """The metric that a comparison is read from.

    Args:
        evaluation: Of one model.
        metric: One of the task's figures, or its loss; empty: the task's own.

    Raises:
        UsageError: It was not measured.
    """
    if metric in ("", evaluation.metric):
        return Reported(
            value=evaluation.value,
            metric=evaluation.metric,
            unit=evaluation.unit,
            scale=evaluation.scale,
            lower_is_better=evaluation.lower_is_better,
        )
    value = evaluation.metrics().get(metric)
    known = metrics().get(metric)
    if known is None or not isinstance(value, int | float):
        named = [name for name in evaluation.metrics() if name in metrics()]
        raise UsageError(
            f"this task has no figure `{metric}`",
            where="metric",
            hint="choose from " + ", ".join(named),
        )
    return Reported(
        value=float(value),
        metric=metric,
        unit=known.unit,
        scale=known.scale,
        lower_is_better=known.lower_is_better,
    )


def parts_of(evaluation: Evaluation, metric: str, dataset: Path, group: str) -> Parts:
    """The same metric by cluster of the test set.

    Args:
        evaluation: Of one model.
        metric: As `reported` has found it.
        dataset: Folder of the data set that was measured on.
        group: Column that groups the test samples; empty: each its own.
    """
    numerators, denominators = evaluation.numerators, evaluation.denominators
    if metric == LOSS.name:
        numerators, denominators = evaluation.losses, evaluation.counts.astype(np.float64)
    elif metric not in ("", evaluation.metric):
        figure, scale = evaluation.by_item[metric], metrics()[metric].scale
        return pseudo_parts(evaluation.ids, figure, dataset, group, scale)
    return parts(evaluation.ids, numerators, denominators, dataset, group)
