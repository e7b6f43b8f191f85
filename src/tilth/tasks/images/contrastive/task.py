"""Which two views are of one image: pretraining without a label (SimCLR; Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.errors import UsageError
from tilth.statistics.intervals import Figure
from tilth.tasks.base import Ingredients, require_some
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.images.classification.task import make as images
from tilth.tasks.images.contrastive import TASK
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.device import device_of
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, one_unit_a_row

# The second view is drawn as if in another epoch, far from any that is reached.
_SECOND_VIEW = 1 << 20


class ImageContrastive:
    """Tell the second view of an image among those of the whole batch.

    The views are what the recipe's augmentation makes of it. Measured: share of views whose partner
    is the nearest, in percent, among those that are measured together. The loss is NT-Xent (eq. 1).
    The batch is what a view is compared with, so `accumulate` changes what is learnt.

    Args:
        images: Gives augmented pixels.
        objective: The temperature.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "image", True, "samples"

    def __init__(self, images: ImageClassification, objective: ObjectiveSettings) -> None:
        self._images = images
        self._temperature = objective.temperature

    def check(self, model: nn.Module, examples: Examples) -> None:  # noqa: ARG002
        require_some(examples)
        if not self._images.augments:
            raise UsageError(
                "two views of an image need transforms that make them differ",
                where="augment",
                hint="add shift, flip, crop, colour to the recipe's `augment`",
            )

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        seen = np.zeros(len(index), np.int64) if epochs is None else epochs
        rows, ids = examples.rows[index], examples.ids[index]
        views = [self._images.pixels(rows, ids, seen + k, seed) for k in (0, _SECOND_VIEW)]
        # Both views of a row side by side, so that a batch can be cut.
        return Batch(
            (torch.stack(views, 1),),
            torch.zeros(len(index), dtype=torch.int64),
            np.ones(len(index), np.int64),
        )

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Of the first views and then the second, float32 [2 n, outputs]."""
        (views,) = batch.inputs
        outputs: Tensor = model(torch.cat((views[:, 0], views[:, 1])))
        return outputs

    def loss(self, outputs: Any, batch: Batch) -> Tensor:  # noqa: ARG002
        return self._similarities(outputs)[1].sum() / 2

    def lengths(self, examples: Examples) -> Index | None:  # noqa: ARG002
        return None

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        return one_unit_a_row(examples)

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index).to(device_of(model))
        similarities, losses = (
            scores.cpu() for scores in self._similarities(self.forward(model, batch))
        )
        n = len(index)
        found = similarities.argmax(1)
        partners = torch.arange(2 * n).roll(n)
        right = (found == partners).float().view(2, n).mean(0)
        total.losses[index] = losses.view(2, n).mean(0).numpy()
        total.numerators[index] = right.numpy()

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        del model, examples, batch_size
        return {}

    def predict(
        self,
        model: nn.Module,  # noqa: ARG002
        samples: Sequence[str | bytes],  # noqa: ARG002
        options: PredictSettings,  # noqa: ARG002
    ) -> list[Prediction]:
        raise UsageError(
            "a contrastive model answers nothing by itself",
            hint="carry it over to a task of your own with a `transfer` stage",
        )

    def _similarities(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Similarities of all views, float32 [2 n, 2 n], and the loss of each, [2 n]."""
        n = len(outputs) // 2
        outputs = F.normalize(outputs.float(), dim=1)
        similarities = outputs @ outputs.T / self._temperature
        similarities = similarities.masked_fill(
            torch.eye(2 * n, dtype=torch.bool, device=outputs.device), -torch.inf
        )
        partners = torch.arange(2 * n, device=outputs.device).roll(n)
        return similarities, F.cross_entropy(similarities, partners, reduction="none")


def make(given: Ingredients) -> ImageContrastive:
    """The task over what the data and the recipe say."""
    return ImageContrastive(images(given), given.objective)
