"""What a task gives to the loop: a batch, its loss, and what is measured.

A task is everything the loop does not know. The loop turns batches and losses into weights.
Adding one is a class with the methods of `Task`, and a line in `tilth.pretrain.settings.TASKS`
and in `build_task`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, device, nn, split

from tilth.errors import DataError
from tilth.pretrain.examples import Examples, Ragged
from tilth.pretrain.order import Ids, Index
from tilth.pretrain.predict_settings import PredictSettings
from tilth.pretrain.settings import TASKS, TaskName
from tilth.statistics.intervals import Figure

IGNORED = -100  # the target of a token that is not predicted: `cross_entropy` leaves it out


class Batch(NamedTuple):
    """Some rows, ready for the model, which is called with all of `inputs`.

    Attributes:
        inputs: Tensors whose first axis is the row, such as images float32 [n, channels, height,
            width]; tokens int64 [n, context]; features and their lengths.
        targets: int64 or float32, first axis the row.
        counts: int64 [n], targets of each row: the denominator of the loss.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    counts: Index

    def split(self, size: int) -> list[Batch]:
        """Parts of `size` rows each, the last one smaller perhaps, without a copy."""
        counts = [self.counts[start : start + size] for start in range(0, len(self.counts), size)]
        inputs = zip(*(split(tensor, size) for tensor in self.inputs), strict=True)
        targets = split(self.targets, size)
        return [Batch(*part) for part in zip(inputs, targets, counts, strict=True)]

    def to(self, where: device) -> Batch:
        """The same rows on a device; the counts stay."""
        inputs = tuple(tensor.to(where) for tensor in self.inputs)
        return Batch(inputs, self.targets.to(where), self.counts)


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
        name, metric, unit, scale, lower_is_better: Of the primary metric.
        item: What a unit is called: image, document, utterance.
        share: Whether the primary metric is the share of units that are right.
    """

    name: TaskName
    metric: str
    unit: str
    scale: float
    lower_is_better: bool
    item: str
    share: bool

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

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Forward, and the loss in nats, summed over the targets of the batch.

        The batch is on the model's device. What `collate` gives is not: the other methods move it.
        """

    def lengths(self, examples: Examples) -> Index | None:
        """Of rows of different length, int64 [n]: such of like length are batched together."""

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        """Ids of what is measured, and zeros to add to."""

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        """Add the losses and scores of some rows to those of their units."""

    def figures(self, model: nn.Module, examples: Examples) -> dict[str, Figure | str]:
        """Further figures, measured once, when training has ended; they may take decoding.

        Each by what the units add to it, in their order, so that an interval can be put on it.
        """

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[dict[str, Any]]:
        """What a trained model makes of new samples: text, or the bytes of image or sound files.

        Returns:
            One JSON-able answer a sample.

        Raises:
            DataError: A sample cannot be read.
        """


def one_unit_a_row(examples: Examples) -> tuple[Ids, Measured]:
    """`Task.units` where every row is measured by itself, its denominator 1."""
    n = len(examples)
    return examples.ids, Measured(np.zeros(n), examples.counts, np.zeros(n), np.ones(n))


def as_text(sample: str | bytes) -> str:
    """A sample as text.

    Raises:
        DataError: Its bytes are not UTF-8.
    """
    if isinstance(sample, str):
        return sample
    try:
        return sample.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text: {error}") from None


def require_some(examples: Examples) -> None:
    """Refuse to train on nothing.

    Raises:
        DataError: There is no row.
    """
    if not len(examples):
        raise DataError(
            "there is nothing to train on: no sample is left",
            hint="`tilth show RUN STEP --dropped` says which rules took the samples",
            code="no-samples",
        )


def never_seen(task: TaskName, classes: Sequence[str], examples: Examples) -> list[str]:
    """What to tell the user of classes, or symbols, that no training row has: at most one note.

    They have an output all the same: a held-out sample, or a model to start from, has them.

    Args:
        task: Decides whether the outputs are classes of the data.
        classes: Name of each output; "" for one that stands for nothing.
        examples: The training rows; those of weight 0 are never seen.
    """
    if not classes or TASKS[task].outputs:
        return []
    targets = examples.targets.values if isinstance(examples.targets, Ragged) else examples.targets
    seen = set(np.unique(targets[np.repeat(examples.weights > 0, examples.counts)]).tolist())
    names = [name for number, name in enumerate(classes) if name and number not in seen]
    if not names:
        return []
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return [
        f"{len(names)} of {len(classes)} classes have no training sample and are never learnt: "
        f"{shown}"
    ]


def require_classes(model: nn.Module, examples: Examples) -> None:
    """Refuse labels that are not among the outputs of the model's `head`.

    Raises:
        DataError: A label is out of range.
    """
    outputs = int(getattr(model.get_submodule("head"), "out_features", 0))
    wrong = np.flatnonzero((examples.labels < 0) | (examples.labels >= outputs))
    if len(wrong):
        raise DataError(
            f"{len(wrong)} of {len(examples)} labels are not among the model's {outputs} "
            f"classes; the first is class {int(examples.labels[wrong[0]])}",
            where="samples " + ", ".join(examples.names(wrong[:5])),
            hint="classes are numbered from 0; `data.labels` restricts them",
            code="label-out-of-range",
        )
