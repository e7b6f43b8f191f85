"""Measure a model on held-out data, unit by unit, so that an interval can be put on the result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tilth.errors import DataError, StepError
from tilth.statistics.found import Bounds
from tilth.statistics.intervals import Codes, Figure, bounds_of, ratio, share
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index
from tilth.training.precision import precision_of_evaluation
from tilth.training.task import Measured, Task


@dataclass(frozen=True)
class Evaluation:
    """Losses and scores a unit: an image, or a document of text.

    Attributes:
        ids: uint64 [n]; equal data give equal ids in equal order, so two models can be paired.
        losses: float64 [n], nats, summed over a unit's targets.
        counts: int64 [n], targets a unit.
        numerators, denominators: float64 [n]; the metric is scale x sum / sum: bits / bytes of a
            document, or 1 if correct / 1.
        metric, unit, scale, lower_is_better: What the primary metric is.
        figures: Further figures, if asked for.
        item: What a unit is called.
        share: Whether the primary metric is the share of units that are right.
        by_item: The further figures by what each unit adds to them.
    """

    ids: Ids
    losses: npt.NDArray[np.float64]
    counts: Index
    numerators: npt.NDArray[np.float64]
    denominators: npt.NDArray[np.float64]
    metric: str
    unit: str
    scale: float
    lower_is_better: bool
    figures: dict[str, float | str] = field(default_factory=dict)
    item: str = "sample"
    share: bool = False
    by_item: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Mean loss a target, in nats."""
        return float(self.losses.sum() / self.counts.sum())

    @property
    def value(self) -> float:
        """The primary metric."""
        return float(self.scale * self.numerators.sum() / self.denominators.sum())

    def metrics(self) -> dict[str, float | str]:
        """Loss, primary metric and further figures by name."""
        return {"loss": self.loss, self.metric: self.value, **self.figures}

    def all_figures(self) -> dict[str, Figure]:
        """Each number among `metrics`, by what the units add to it."""
        best, worst = (0.0, 100.0) if self.lower_is_better else (100.0, 0.0)
        ends = {"best": best, "worst": worst} if self.unit == "%" else {}
        primary = ratio(self.numerators, self.denominators, scale=self.scale, **ends)
        primary = share(self.numerators) if self.share else primary
        return {"loss": ratio(self.losses, self.counts), self.metric: primary, **self.by_item}

    def bounds(self, groups: Codes | None = None) -> dict[str, Bounds]:
        """The 95 % interval of each number among `metrics`, by name.

        Args:
            groups: int64 [n], units that stand or fall together; None: each by itself.
        """
        figures = self.all_figures().items()
        return {name: bounds_of(one, self.item, groups) for name, one in figures}


def evaluate(
    model: nn.Module,
    task: Task,
    data: Examples,
    *,
    batch_size: int = 256,
    figures: bool = False,
    precision: str = "fp32-fast",
) -> Evaluation:
    """Measure a model, without changing it.

    Args:
        model: Of the task.
        task: Says what is measured.
        data: Held-out rows.
        batch_size: Rows at once.
        figures: Measure also what takes decoding: `Task.figures`.
        precision: That of the training: fp32 is kept, of any other it is fp32-fast.

    Raises:
        DataError: The data is empty or does not fit the model.
        StepError: A figure is not a number: the weights have grown beyond measure.
    """
    task.check(model, data)
    ids, total = task.units(data)
    if not total.denominators.sum() > 0:
        raise DataError(
            f"there is nothing to measure {task.metric} by: the held-out samples are empty",
            hint="drop such samples with a rule",
            code="no-samples",
        )
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    with torch.inference_mode(), precision_of_evaluation(precision):
        # Rows of like length side by side: little computation goes into padding.
        lengths = task.lengths(data)
        rows = np.arange(len(data), dtype=np.int64)
        rows = rows if lengths is None else rows[np.argsort(lengths, kind="stable")]
        for start in range(0, len(data), batch_size):
            task.measure(model, data, rows[start : start + batch_size], total)
        further = task.figures(model, data, batch_size) if figures else {}
    for module, training in modes:
        module.training = training
    found = Evaluation(
        ids,
        *Measured(*total),
        metric=task.metric,
        unit=task.unit,
        scale=task.scale,
        lower_is_better=task.lower_is_better,
        figures={k: v if isinstance(v, str) else v.value for k, v in further.items()},
        item=task.item,
        share=task.share,
        by_item={k: v for k, v in further.items() if not isinstance(v, str)},
    )
    for name, value in found.metrics().items():
        if not isinstance(value, str) and not math.isfinite(value):
            raise StepError(
                f"the {name} of the held-out samples is not a number: the weights have grown "
                "beyond measure",
                hint="lower optimizer.learning_rate or set optimizer.grad_clip: 1.0",
                code="not-a-number",
            )
    return found
