"""By how much an image was turned: pretraining without a label (Gidaris et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tilth.randomness import fold, integers, keys_for
from tilth.statistics.intervals import Figure
from tilth.tasks.base import Ingredients, require_some
from tilth.tasks.images.classification.task import ImageClassification
from tilth.tasks.images.classification.task import make as images
from tilth.tasks.images.rotation import TASK
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward, one_unit_a_row

_TURNS = 4


class ImageRotation(PlainForward):
    """Which of four quarter turns an image was given. Measured: accuracy, in percent.

    To tell, a network must know what things look like upright. Each time an image is seen it is
    turned by one of the four, drawn by (seed, epoch, id); measured is a turn drawn by its id.

    Args:
        images: Gives pixels, and the loss and scores over four classes.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "image", True, "samples"

    def __init__(self, images: ImageClassification) -> None:
        self._images = images

    def check(self, model: nn.Module, examples: Examples) -> None:  # noqa: ARG002
        require_some(examples)

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        ids = examples.ids[index]
        pixels = self._images.pixels(examples.rows[index], ids, epochs, seed)
        # One draw for measuring, whatever the seed.
        keys = keys_for(0, 0, ids) if epochs is None else keys_for(seed, epochs, ids)
        turns = integers(fold(keys, 1), "rotation", 0, _TURNS - 1)
        turned = torch.empty_like(pixels)
        for turn in range(_TURNS):
            chosen = torch.from_numpy(turns == turn)
            turned[chosen] = torch.rot90(pixels[chosen], turn, (2, 3))
        return Batch((turned,), torch.from_numpy(turns), np.ones(len(index), np.int64))

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        return self._images.loss(outputs, batch)

    def lengths(self, examples: Examples) -> Index | None:  # noqa: ARG002
        return None

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        return one_unit_a_row(examples)

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        self._images.score(model, self.collate(examples, index), index, total)

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        del model, examples, batch_size
        return {}

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        return self._images.predict(model, samples, options)


def make(given: Ingredients) -> ImageRotation:
    """The task over what the data and the recipe say."""
    return ImageRotation(images(given))
