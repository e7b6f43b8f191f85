"""Which class an image is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import betaincinv
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.augment.chain import Transform
from tilth.errors import DataError
from tilth.models.facts import Facts
from tilth.randomness import fold, keys_for, uniform
from tilth.statistics.intervals import Figure, share
from tilth.tasks.base import Ingredients, require_classes, require_some
from tilth.tasks.images.classification import TASK
from tilth.tasks.images.shapes import ImageDecoder
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.training.device import device_of
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward, one_unit_a_row

_MIN_CLASSES_OF_TOP5 = 10
_LEAST_SHIFTED = 2


class ImageClassification(PlainForward):
    """One class an image. Measured: accuracy, in percent.

    Args:
        facts: Names of the classes; mean and std of the training pixels a channel.
        objective: Label smoothing, MixUp, views that are answered from.
        augment: Changes training images, float32 on a scale of 0 to 1; None: as they are.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "image", True, "samples"

    def __init__(
        self, facts: Facts, objective: ObjectiveSettings, augment: Transform | None = None
    ) -> None:
        self.facts = facts
        self._smoothing = objective.label_smoothing
        self._mixup = objective.mixup
        self._views = objective.views
        self._shift = torch.tensor(facts.mean).view(-1, 1, 1) * 255
        self._scale = 1 / (torch.tensor(facts.std).view(-1, 1, 1) * 255)
        self._augment = augment

    @property
    def augments(self) -> bool:
        """Whether training images are changed."""
        return self._augment is not None

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        require_classes(model, examples)
        if self._views == "mirror-shift" and min(examples.rows.shape[2:]) < _LEAST_SHIFTED:
            raise DataError(
                "an image of one pixel cannot be shifted by a pixel",
                where="objective.views",
                hint="views: mirror, or a larger data.image_size",
            )

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        inputs = self.pixels(examples.rows[index], examples.ids[index], epochs, seed)
        targets = torch.from_numpy(examples.labels[index])
        shares: Tensor | None = None
        if self._mixup and epochs is not None:
            inputs, shares = self._mixed(inputs, targets, examples, index, epochs, seed)
        return Batch((inputs,), targets, np.ones(len(index), np.int64), shares)

    def _mixed(
        self,
        inputs: Tensor,
        targets: Tensor,
        examples: Examples,
        index: Index,
        epochs: Index,
        seed: int,
    ) -> tuple[Tensor, Tensor]:
        """MixUp (Zhang et al. 2018): each image and its class mixed with another's.

        The other is drawn from all of the data by (seed, epoch, id), not from the batch, so that a
        batch may be cut: each as often as it is seen an epoch, by its weight. The share is
        Beta(alpha, alpha), by its quantile.
        """
        keys = fold(keys_for(seed, epochs, examples.ids[index]), 2)
        reached = examples.weights.cumsum(dtype=np.float64)
        others = np.searchsorted(reached, uniform(keys, "mixup.other") * reached[-1], "right")
        share = betaincinv(self._mixup, self._mixup, uniform(keys, "mixup.share"))
        share = torch.from_numpy(np.maximum(share, 1 - share).astype(np.float32))
        other = self.pixels(examples.rows[others], examples.ids[others], epochs, seed)
        classes = len(self.facts.classes)
        both = [
            F.one_hot(labels, classes).float()
            for labels in (targets, torch.from_numpy(examples.labels[others]))
        ]
        mixed = inputs * share.view(-1, 1, 1, 1) + other * (1 - share.view(-1, 1, 1, 1))
        return mixed, both[0] * share[:, None] + both[1] * (1 - share[:, None])

    def pixels(
        self, images: npt.NDArray[np.uint8], ids: Ids, epochs: Index | None = None, seed: int = 0
    ) -> Tensor:
        """Images uint8 [n, channels, height, width], augmented and normalised, float32."""
        inputs = torch.from_numpy(images).float()
        if self._augment is not None and epochs is not None:
            keys = keys_for(seed, epochs, ids)
            inputs = torch.from_numpy(self._augment(inputs.div_(255).numpy(), keys)).mul(255)
        return inputs.sub_(self._shift).mul_(self._scale)

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        return F.cross_entropy(
            outputs.float(),
            batch.targets if batch.shares is None else batch.shares,
            reduction="sum",
            label_smoothing=self._smoothing,
        )

    def lengths(self, examples: Examples) -> Index | None:  # noqa: ARG002
        return None

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        return one_unit_a_row(examples)

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        self.score(model, self.collate(examples, index), index, total)

    def answer(self, model: nn.Module, pixels: Tensor) -> Tensor:
        """Logits float32 [n, classes] of what is not trained on: the mean over `objective.views`.

        With `mirror-shift`, what is not shifted counts half, and one pixel up and left, and down
        and right, a quarter each (multi-crop evaluation of Jordan, "94 % on CIFAR-10 in 3.29
        seconds", 2024).
        """
        pixels = pixels.to(device_of(model))
        logits = self._mirrored(model, pixels)
        if self._views == "mirror-shift":
            padded = F.pad(pixels, (1, 1, 1, 1), mode="reflect")
            up_left = self._mirrored(model, padded[:, :, :-2, :-2])
            down_right = self._mirrored(model, padded[:, :, 2:, 2:])
            logits = logits / 2 + (up_left + down_right) / 4
        return logits.cpu()

    def _mirrored(self, model: nn.Module, pixels: Tensor) -> Tensor:
        logits: Tensor = model(pixels).float()
        return logits if self._views is None else (logits + model(pixels.flip(3)).float()) / 2

    def score(self, model: nn.Module, batch: Batch, index: Index, total: Measured) -> None:
        """Add the losses of a batch, and which of its images are classified right."""
        logits = self.answer(model, *batch.inputs)
        total.losses[index] = F.cross_entropy(logits, batch.targets, reduction="none").numpy()
        total.numerators[index] = (logits.argmax(1) == batch.targets).numpy()

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        """`top5`, in percent: the class is among the five likeliest; of ten classes or more."""
        if len(self.facts.classes) < _MIN_CLASSES_OF_TOP5:
            return {}
        right = np.zeros(len(examples))
        for start in range(0, len(examples), batch_size):
            index = np.arange(start, min(start + batch_size, len(examples)), dtype=np.int64)
            batch = self.collate(examples, index)
            likeliest = self.answer(model, *batch.inputs).topk(5, dim=1).indices
            right[index] = (likeliest == batch.targets[:, None]).any(1).numpy()
        return {"top5": share(right)}

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        channels, height, width = self.facts.sizes.image
        answers: list[Prediction] = []
        for start in range(0, len(samples), options.batch_size):
            part = samples[start : start + options.batch_size]
            decoder = ImageDecoder((height, width), channels)
            names = [str(start + place) for place in range(len(part))]
            images = decoder.decode([s if isinstance(s, bytes) else None for s in part], names)
            pixels = self.pixels(images, np.zeros(len(images), np.uint64))
            shares = self.answer(model, pixels).softmax(1).tolist()
            answers += [
                Prediction(
                    label=self.facts.classes[int(np.argmax(row))],
                    scores={
                        name: round(share, 6)
                        for name, share in zip(self.facts.classes, row, strict=True)
                    },
                )
                for row in shares
            ]
        return answers


def make(given: Ingredients) -> ImageClassification:
    """The task over what the data and the recipe say."""
    return ImageClassification(given.facts, given.objective, given.transform("images"))
