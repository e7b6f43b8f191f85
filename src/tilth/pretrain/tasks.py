"""What is learnt: how rows become a batch, the loss of a batch, and what is measured.

A task is everything the loop does not know. It gives a batch and its loss; the loop turns them
into weights. Adding one is a class with the methods of `Task`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.augment.chain import Transform
from tilth.augment.keys import keys_for
from tilth.errors import DataError
from tilth.pretrain.examples import END, Examples, Packing
from tilth.pretrain.order import Index
from tilth.pretrain.settings import TaskName

_IGNORED = -100  # the target of a token that is not predicted: `cross_entropy` leaves it out


class Batch(NamedTuple):
    """Some rows, ready for the model.

    Attributes:
        inputs: float32 [n, channels, height, width] or int64 [n, context].
        targets: int64 [n] or [n, context].
        counts: int64 [n], targets of each row: the denominator of the loss.
    """

    inputs: Tensor
    targets: Tensor
    counts: Index

    def split(self, size: int) -> list[Batch]:
        """Parts of `size` rows each, the last one smaller perhaps, without a copy."""
        counts = [self.counts[start : start + size] for start in range(0, len(self.counts), size)]
        inputs, targets = torch.split(self.inputs, size), torch.split(self.targets, size)
        return [Batch(*part) for part in zip(inputs, targets, counts, strict=True)]


class Measured(NamedTuple):
    """Losses and scores of the units that are measured: images, or the documents of windows.

    Attributes:
        losses: float64 [units], nats, summed over targets.
        counts: int64 [units], targets.
        numerators, denominators: float64 [units]; the metric is scale x sum / sum.
    """

    losses: npt.NDArray[np.float64]
    counts: Index
    numerators: npt.NDArray[np.float64]
    denominators: npt.NDArray[np.float64]


class Task(Protocol):
    """What the loop and the evaluation ask for."""

    name: TaskName
    metric: str
    unit: str
    scale: float
    lower_is_better: bool

    def check(self, model: nn.Module, examples: Examples) -> None:
        """Refuse examples that this model cannot be trained on.

        Raises:
            DataError: There are none, or a target is not one of the model's outputs.
        """

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        """Rows as a batch; with `epochs` (int64 [n]), augmented by (seed, epoch, id)."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Forward, and the loss in nats, summed over the targets of the batch."""

    def units(self, examples: Examples) -> tuple[npt.NDArray[np.uint64], Measured]:
        """Ids of what is measured, and zeros to add to."""

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        """Add the losses and scores of some rows to those of their units."""


class ImageClassification:
    """One class an image. Measured: accuracy, in percent.

    Args:
        mean, std: Of the training pixels a channel, on a scale of 0 to 1.
        augment: Changes training images, float32 on a scale of 0 to 1; None: as they are.
    """

    name: TaskName = "image-classification"
    metric, unit, scale, lower_is_better = "accuracy", "%", 100.0, False

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], augment: Transform | None = None
    ) -> None:
        self.mean, self.std = tuple(mean), tuple(std)
        self._shift = torch.tensor(mean).view(-1, 1, 1) * 255
        self._scale = 1 / (torch.tensor(std).view(-1, 1, 1) * 255)
        self._augment = augment

    def check(self, model: nn.Module, examples: Examples) -> None:
        _require_some(examples)
        head = model.get_submodule("head")
        outputs = int(getattr(head, "out_features", 0))
        wrong = np.flatnonzero((examples.targets < 0) | (examples.targets >= outputs))
        if len(wrong):
            raise DataError(
                f"{len(wrong)} of {len(examples)} labels are not among the model's {outputs} "
                f"classes; the first is class {int(examples.targets[wrong[0]])}",
                where="samples " + ", ".join(examples.names(wrong[:5])),
                hint="classes are numbered from 0; `data.labels` restricts them",
                code="label-out-of-range",
            )

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        inputs = torch.from_numpy(examples.inputs[index]).float()
        if self._augment is not None and epochs is not None:
            keys = keys_for(seed, epochs, examples.ids[index])
            inputs = torch.from_numpy(self._augment(inputs.div_(255).numpy(), keys)).mul(255)
        inputs.sub_(self._shift).mul_(self._scale)
        targets = torch.from_numpy(examples.targets[index])
        return Batch(inputs, targets, np.ones(len(index), np.int64))

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch.inputs).float(), batch.targets, reduction="sum")

    def units(self, examples: Examples) -> tuple[npt.NDArray[np.uint64], Measured]:
        n = len(examples)
        return examples.ids, Measured(np.zeros(n), np.ones(n, np.int64), np.zeros(n), np.ones(n))

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        logits = model(batch.inputs).float()
        total.losses[index] = F.cross_entropy(logits, batch.targets, reduction="none").numpy()
        total.numerators[index] = (logits.argmax(1) == batch.targets).numpy()


class TextGeneration:
    """Predict each next token. Measured: bits per byte, which no tokenizer can flatter."""

    name: TaskName = "text-generation"
    metric, unit, scale, lower_is_better = "bits_per_byte", "bits/byte", 1.0, True

    def check(self, model: nn.Module, examples: Examples) -> None:
        _require_some(examples)
        vocabulary = int(getattr(model.get_submodule("tokens"), "num_embeddings", 0))
        largest = int(examples.inputs.max())
        if largest >= vocabulary:
            raise DataError(
                f"token {largest} is not among the model's {vocabulary}",
                hint="the data was tokenized for another model; use that model's tokenizer",
                code="label-out-of-range",
            )
        context = int(getattr(model, "context", 0))
        if examples.inputs.shape[1] - 1 > context:
            raise DataError(
                f"windows of {examples.inputs.shape[1] - 1} tokens exceed the model's context "
                f"of {context}",
                hint="pack the documents to the model's context",
            )

    def collate(
        self,
        examples: Examples,
        index: Index,
        epochs: Index | None = None,  # noqa: ARG002
        seed: int = 0,  # noqa: ARG002
    ) -> Batch:
        windows = torch.from_numpy(examples.inputs[index].astype(np.int64))
        counts = examples.targets[index]
        inputs, targets = windows[:, :-1], windows[:, 1:]
        if int(counts.min(initial=inputs.shape[1])) < inputs.shape[1]:
            padding = torch.arange(inputs.shape[1]) >= torch.from_numpy(counts)[:, None]
            targets = targets.masked_fill(padding, _IGNORED)
        return Batch(inputs, targets, counts)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs).float()
        return F.cross_entropy(
            logits.flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=_IGNORED,
            reduction="sum",
        )

    def units(self, examples: Examples) -> tuple[npt.NDArray[np.uint64], Measured]:
        packing = _packing(examples)
        n = len(packing.ids)
        measured = Measured(
            np.zeros(n), np.zeros(n, np.int64), np.zeros(n), packing.bytes.astype(np.float64)
        )
        return packing.ids, measured

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        logits = model(batch.inputs).float()
        losses = F.cross_entropy(
            logits.transpose(1, 2), batch.targets, ignore_index=_IGNORED, reduction="none"
        ).double()
        # A token belongs to the document whose end token came last before it.
        begun = (batch.inputs == END).long().cumsum(1).numpy()
        begun -= begun[:, :1]
        owners = _packing(examples).first[index][:, None] + begun
        valid = (batch.targets != _IGNORED).numpy()
        nats = losses.numpy()[valid]
        np.add.at(total.losses, owners[valid], nats)
        np.add.at(total.counts, owners[valid], 1)
        np.add.at(total.numerators, owners[valid], nats / math.log(2))


def build_task(
    name: str,
    *,
    mean: Sequence[float] = (0.0,),
    std: Sequence[float] = (1.0,),
    augment: Transform | None = None,
) -> Task:
    """The task of this name; mean, std and augment are for images."""
    if name == "text-generation":
        return TextGeneration()
    if name == "image-classification":
        return ImageClassification(mean, std, augment)
    raise DataError(f"there is no task `{name}`", hint="text-generation, image-classification")


def _packing(examples: Examples) -> Packing:
    if examples.packing is None:
        raise DataError("text is measured a document; pack it with `Documents.pack`")
    return examples.packing


def _require_some(examples: Examples) -> None:
    if not len(examples):
        raise DataError(
            "there is nothing to train on: no sample is left",
            hint="`tilth show RUN STEP --dropped` says which rules took the samples",
            code="no-samples",
        )
