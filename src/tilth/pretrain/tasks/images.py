"""Which class an image is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.augment.chain import Transform
from tilth.augment.keys import keys_for
from tilth.errors import DataError
from tilth.pretrain.decode import ImageDecoder
from tilth.pretrain.examples import Examples
from tilth.pretrain.facts import Facts
from tilth.pretrain.order import Ids, Index
from tilth.pretrain.predict_settings import PredictSettings
from tilth.pretrain.settings import ObjectiveSettings, TaskName
from tilth.pretrain.tasks.base import (
    Batch,
    Measured,
    one_unit_a_row,
    require_classes,
    require_some,
)


class ImageClassification:
    """One class an image. Measured: accuracy, in percent.

    Args:
        facts: Names of the classes; mean and std of the training pixels a channel.
        objective: Label smoothing.
        augment: Changes training images, float32 on a scale of 0 to 1; None: as they are.
    """

    name: TaskName = "image-classification"
    metric, unit, scale, lower_is_better = "accuracy", "%", 100.0, False

    def __init__(
        self, facts: Facts, objective: ObjectiveSettings, augment: Transform | None = None
    ) -> None:
        self.facts = facts
        self._smoothing = objective.label_smoothing
        self._shift = torch.tensor(facts.mean).view(-1, 1, 1) * 255
        self._scale = 1 / (torch.tensor(facts.std).view(-1, 1, 1) * 255)
        self._augment = augment

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        require_classes(model, examples)

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        inputs = self.pixels(examples.rows[index], examples.ids[index], epochs, seed)
        targets = torch.from_numpy(examples.labels[index])
        return Batch((inputs,), targets, np.ones(len(index), np.int64))

    def pixels(
        self, images: npt.NDArray[np.uint8], ids: Ids, epochs: Index | None = None, seed: int = 0
    ) -> Tensor:
        """Images uint8 [n, channels, height, width], augmented and normalised, float32."""
        inputs = torch.from_numpy(images).float()
        if self._augment is not None and epochs is not None:
            keys = keys_for(seed, epochs, ids)
            inputs = torch.from_numpy(self._augment(inputs.div_(255).numpy(), keys)).mul(255)
        return inputs.sub_(self._shift).mul_(self._scale)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(
            model(*batch.inputs).float(),
            batch.targets,
            reduction="sum",
            label_smoothing=self._smoothing,
        )

    def lengths(self, examples: Examples) -> Index | None:  # noqa: ARG002
        return None

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        return one_unit_a_row(examples)

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        logits = model(*batch.inputs).float()
        total.losses[index] = F.cross_entropy(logits, batch.targets, reduction="none").numpy()
        total.numerators[index] = (logits.argmax(1) == batch.targets).numpy()

    def figures(self, model: nn.Module, examples: Examples) -> dict[str, float | str]:  # noqa: ARG002
        return {}

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[dict[str, Any]]:
        channels, height, width = self.facts.sizes.image
        answers: list[dict[str, Any]] = []
        for start in range(0, len(samples), options.batch_size):
            part = samples[start : start + options.batch_size]
            decoder = ImageDecoder((height, width), channels)
            names = [str(start + place) for place in range(len(part))]
            images, sound = decoder.decode([s for s in part if isinstance(s, bytes)], names)
            if not sound.all() or len(sound) != len(part):
                raise DataError(
                    "not an image that can be decoded",
                    where="sample " + ", ".join(decoder.unreadable[:5]),
                )
            shares = model(self.pixels(images, np.zeros(len(images), np.uint64))).softmax(1)
            answers += [
                {
                    "label": self.facts.classes[int(row.argmax())],
                    "scores": {
                        name: round(float(share), 6)
                        for name, share in zip(self.facts.classes, row, strict=True)
                    },
                }
                for row in shares
            ]
        return answers
