"""What a task gives to the loop: a batch, its loss, and what is measured.

A task is everything the loop does not know. The loop turns batches and losses into weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, device, nn, split

from tilth.statistics.intervals import Figure
from tilth.training.examples import Examples
from tilth.training.order import Ids, Index


class Batch(NamedTuple):
    """Some rows, ready for the model, which is called with all of `inputs`.

    Attributes:
        inputs: Tensors whose first axis is the row, such as images float32 [n, channels, height,
            width]; tokens int64 [n, context]; features and their lengths.
        targets: int64, first axis the row.
        counts: int64 [n], targets of each row: the denominator of the loss.
        shares: Of rows that are mixed with others, how much each is of which class, float32
            [n, classes]; None: each row is of the class in `targets` alone.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    counts: Index
    shares: Tensor | None = None

    def split(self, size: int) -> list[Batch]:
        """Parts of `size` rows each, the last one smaller perhaps, without a copy."""
        counts = [self.counts[start : start + size] for start in range(0, len(self.counts), size)]
        inputs = zip(*(split(tensor, size) for tensor in self.inputs), strict=True)
        targets = split(self.targets, size)
        shares = [None] * len(counts) if self.shares is None else split(self.shares, size)
        return [Batch(*part) for part in zip(inputs, targets, counts, shares, strict=True)]

    def to(self, where: device) -> Batch:
        """The same rows on a device; the counts stay."""
        inputs = tuple(tensor.to(where) for tensor in self.inputs)
        shares = None if self.shares is None else self.shares.to(where)
        return Batch(inputs, self.targets.to(where), self.counts, shares)


class Measured(NamedTuple):
    """Losses and scores of the units that are measured: images, documents, utterances.

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
    """What the loop and the evaluation ask for.

    Attributes:
        metric, unit, scale, lower_is_better: Of the primary metric.
        item: What a unit is called: image, document, utterance.
        share: Whether the primary metric is the share of units that are right.
        paced_by: What is counted a second: `samples`, or what its targets are called, as tokens.
    """

    metric: str
    unit: str
    scale: float
    lower_is_better: bool
    item: str
    share: bool
    paced_by: str

    def check(self, model: nn.Module, examples: Examples) -> None:
        """Refuse examples that this model cannot be trained on.

        Raises:
            DataError: There are none, or a target is not one of the model's outputs.
        """

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        """Rows as a batch; with `epochs` (int64 [n]), as in training: augmented, by (seed, epoch,
        id)."""

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        """What the model says of a batch.

        The batch is on the model's device. What `collate` gives is not: the other methods move it.
        """

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        """How wrong what `forward` gave is, in nats, summed over the targets of the batch."""

    def lengths(self, examples: Examples) -> Index | None:
        """Of rows of different length, int64 [n]: such of like length are batched together."""

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        """Ids of what is measured, and zeros to add to."""

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        """Add the losses and scores of some rows to those of their units."""

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        """Further figures, measured once, when training has ended; they may take decoding.

        Each by what the units add to it, in their order, so that an interval can be put on it.

        Args:
            model: Of the task, in evaluation mode.
            examples: Held-out rows.
            batch_size: Rows at once, at most.
        """


class PlainForward:
    """`Task.forward` where a model is called with the inputs of a batch, and with nothing else."""

    def forward(self, model: nn.Module, batch: Batch) -> Any:
        return model(*batch.inputs)


def one_unit_a_row(examples: Examples) -> tuple[Ids, Measured]:
    """`Task.units` where every row is measured by itself, its denominator 1."""
    n = len(examples)
    return examples.ids, Measured(np.zeros(n), examples.counts, np.zeros(n), np.ones(n))
