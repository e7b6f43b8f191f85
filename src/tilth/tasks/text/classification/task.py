"""Which class a text is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.augment.chain import Transform
from tilth.augment.token_rows import TokenRows
from tilth.errors import DataError
from tilth.models.facts import Facts
from tilth.randomness import keys_for
from tilth.statistics import intervals
from tilth.statistics.intervals import Figure
from tilth.tasks.base import Ingredients, as_text, require_classes, require_some
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.settings import ObjectiveSettings
from tilth.tasks.text.classification import TASK
from tilth.tasks.text.tokenize import Tokenizer, encode_bounded, end_token
from tilth.training.device import device_of
from tilth.training.examples import Examples, Ragged
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward, one_unit_a_row


class TextClassification(PlainForward):
    """One class a text. Measured: accuracy, in percent; and the mean F1 over classes.

    Args:
        facts: Names of the classes, and how many tokens of a text are read.
        objective: Label smoothing.
        tokenizer: Of the texts; training works without, answering and augmentation do not.
        augment: Changes training rows of tokens; None: as they are.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "text", True, "samples"

    def __init__(
        self,
        facts: Facts,
        objective: ObjectiveSettings,
        tokenizer: Tokenizer | None,
        augment: Transform | None = None,
    ) -> None:
        self.facts = facts
        self.tokenizer = tokenizer
        self._smoothing = objective.label_smoothing
        self._augment = augment
        self._end = 0 if tokenizer is None else end_token(tokenizer)

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        require_classes(model, examples)
        longest = int(_tokens(examples).lengths.max())
        context = int(getattr(model, "context", 0))
        if longest > context:
            raise DataError(
                f"texts of {longest} tokens exceed the model's context of {context}",
                hint=f"set data.max_length to {context} or less; longer texts are cut",
            )

    def collate(
        self, examples: Examples, index: Index, epochs: Index | None = None, seed: int = 0
    ) -> Batch:
        padded, lengths = _tokens(examples).padded(index, fill=self._end)
        rows = TokenRows(padded.astype(np.int64), lengths, self.facts.sizes.vocabulary, self._end)
        if self._augment is not None and epochs is not None:
            rows = self._augment(rows, keys_for(seed, epochs, examples.ids[index]))
        inputs = torch.from_numpy(rows.tokens), torch.from_numpy(rows.lengths)
        targets = torch.from_numpy(examples.labels[index])
        return Batch(inputs, targets, np.ones(len(index), np.int64))

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        return F.cross_entropy(
            outputs.float(),
            batch.targets,
            reduction="sum",
            label_smoothing=self._smoothing,
        )

    def lengths(self, examples: Examples) -> Index | None:
        return _tokens(examples).lengths

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        return one_unit_a_row(examples)

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        logits = _logits(model, *batch.inputs)
        total.losses[index] = F.cross_entropy(logits, batch.targets, reduction="none").numpy()
        total.numerators[index] = (logits.argmax(1) == batch.targets).numpy()

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        """`macro_f1`, in percent: the mean over classes of 2 TP / (2 TP + FP + FN)."""
        found = np.zeros(len(examples), np.int64)
        order = np.argsort(_tokens(examples).lengths, kind="stable").astype(np.int64)
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            logits = _logits(model, *self.collate(examples, index).inputs)
            found[index] = logits.argmax(1).numpy()
        return {"macro_f1": intervals.macro_f1(examples.labels, found)}

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        if self.tokenizer is None:
            raise DataError("a text cannot be read without the model's tokenizer")
        answers: list[Prediction] = []
        # A text may be longer than any that was trained on: it is read as far as the model reads.
        limit = min(self.facts.max_length, int(getattr(model, "context", self.facts.max_length)))
        for start in range(0, len(samples), options.batch_size):
            texts = [as_text(sample) for sample in samples[start : start + options.batch_size]]
            rows = Ragged.of(encode_bounded(self.tokenizer, texts, limit), np.uint16)
            padded, lengths = rows.padded(np.arange(len(rows), dtype=np.int64), fill=self._end)
            tokens = torch.from_numpy(padded.astype(np.int64))
            shares = _logits(model, tokens, torch.from_numpy(lengths)).softmax(1)
            answers += [
                Prediction(
                    label=self.facts.classes[int(row.argmax())],
                    scores={
                        name: round(float(share), 6)
                        for name, share in zip(self.facts.classes, row, strict=True)
                    },
                )
                for row in shares
            ]
        return answers


def make(given: Ingredients) -> TextClassification:
    """The task over what the data and the recipe say."""
    return TextClassification(
        given.facts, given.objective, given.tokenizer, given.transform("tokens")
    )


def _logits(model: nn.Module, tokens: Tensor, lengths: Tensor) -> Tensor:
    """What is not trained on: float32 [n, classes]."""
    device = device_of(model)
    logits: Tensor = model(tokens.to(device), lengths.to(device)).float()
    return logits.cpu()


def _tokens(examples: Examples) -> Ragged:
    if not isinstance(examples.inputs, Ragged):
        raise DataError("texts to classify are rows of different length, and these are not")
    return examples.inputs
