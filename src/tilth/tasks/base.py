"""What the tasks share: reading, and refusing what cannot be trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import nn

from tilth.augment.chain import Transform, from_recipe
from tilth.decode.text import UndecodableError, decode_text
from tilth.errors import DataError
from tilth.hints import spelled_alike
from tilth.models.facts import Facts
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.registry import declaration
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.tokenize import Tokenizer
from tilth.training.examples import Examples, Ragged
from tilth.training.task import Task

BITS_A_BYTE = 8.0  # of what tokens do not tell, in the figure of bits per byte
IGNORED = -100  # the target of a token that is not predicted: `cross_entropy` leaves it out


@dataclass(frozen=True)
class Ingredients:
    """What a task is made from.

    Attributes:
        facts: What the data says.
        objective: Label smoothing, beam, and the like.
        tokenizer: Of text.
        augment: The recipe's transforms, each {op: settings}, of every kind.
    """

    facts: Facts
    objective: ObjectiveSettings
    tokenizer: Tokenizer | None
    augment: Sequence[Mapping[str, Any]]

    def transform(self, kind: str) -> Transform | None:
        """The recipe's transforms of one kind in a row; None: it has none."""
        return from_recipe(self.augment, kind)


class Answering(Task, Protocol):
    """A task as recipes name it, whose model can be asked."""

    name: str

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        """What a trained model makes of new samples: text, or the bytes of image or sound files.

        Returns:
            One answer a sample.

        Raises:
            DataError: A sample cannot be read.
        """


def as_text(sample: str | bytes) -> str:
    """A sample as text.

    Raises:
        DataError: Its bytes are not UTF-8.
    """
    if isinstance(sample, str):
        return sample
    try:
        return decode_text(sample)
    except UndecodableError as error:
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


def never_seen(task: str, classes: Sequence[str], examples: Examples) -> list[str]:
    """What to tell the user of classes, or symbols, that no training row has: at most one note.

    They have an output all the same: a held-out sample, or a model to start from, has them.

    Args:
        task: Decides whether the outputs are classes of the data.
        classes: Name of each output; "" for one that stands for nothing.
        examples: The training rows; those of weight 0 are never seen.
    """
    if not classes or declaration(task).outputs:
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


def spelled_twice(task: str, classes: Sequence[str], examples: Examples) -> list[str]:
    """What to tell the user of classes that differ only in case, with their training rows."""
    if not declaration(task).labels:
        return []
    counts = np.bincount(examples.labels, minlength=len(classes)).tolist()
    return spelled_alike(dict(zip(classes, counts, strict=False)), "training sample", "class")


def only_class(task: str, classes: Sequence[str], examples: Examples) -> str | None:
    """The class that all rows of a split are of, where the task tells classes of the data apart.

    A figure of such a split says nothing of the others: to name that class every time is enough.
    """
    if not declaration(task).labels:
        return None
    found = np.unique(examples.labels)
    return classes[int(found[0])] if len(found) == 1 else None


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
