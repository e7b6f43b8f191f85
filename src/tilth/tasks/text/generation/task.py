"""What comes next in a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tilth.errors import DataError
from tilth.models.gpt.decoder import GPT
from tilth.statistics.intervals import Figure
from tilth.tasks.base import BITS_A_BYTE, IGNORED, Ingredients, as_text, require_some
from tilth.tasks.predict_settings import PredictSettings
from tilth.tasks.prediction import Prediction
from tilth.tasks.text.generate import generate_texts
from tilth.tasks.text.generation import TASK
from tilth.tasks.text.tokenize import Tokenizer
from tilth.training.device import device_of
from tilth.training.examples import Examples, Packing
from tilth.training.order import Ids, Index
from tilth.training.task import Batch, Measured, PlainForward

# Positions measured at once on a processor: the scores of all words, which are what is large, then
# fit into its cache. Of 16,384 the same took 1.7 times as long (dev/LOG.md).
_TOKENS_AT_ONCE = 2048


class TextGeneration(PlainForward):
    """Predict each next token. Measured: bits per byte, which no tokenizer can flatter.

    They are the length of a code of the text: a character that the tokenizer does not know costs
    the token that says so, and then its UTF-8 bytes at 8 bits each, from which it could be read.

    Args:
        tokenizer: Of the text; only `predict` needs it.
    """

    name = TASK.name
    metric, unit, scale, lower_is_better = TASK.primary
    item, share, paced_by = "document", False, "tokens"

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.tokenizer = tokenizer

    def check(self, model: nn.Module, examples: Examples) -> None:
        require_some(examples)
        vocabulary = int(getattr(model.get_submodule("tokens"), "num_embeddings", 0))
        largest = int(examples.rows.max())
        if largest >= vocabulary:
            raise DataError(
                f"token {largest} is not among the model's {vocabulary}",
                hint="the data was tokenized for another model; use that model's tokenizer",
                code="label-out-of-range",
            )
        context = int(getattr(model, "context", 0))
        if examples.rows.shape[1] - 1 > context:
            raise DataError(
                f"windows of {examples.rows.shape[1] - 1} tokens exceed the model's context "
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
        windows = torch.from_numpy(examples.rows[index].astype(np.int64))
        counts = examples.labels[index]
        inputs, targets = windows[:, :-1], windows[:, 1:]
        if int(counts.min(initial=inputs.shape[1])) < inputs.shape[1]:
            padding = torch.arange(inputs.shape[1]) >= torch.from_numpy(counts)[:, None]
            targets = targets.masked_fill(padding, IGNORED)
        return Batch((inputs,), targets, counts)

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        return F.cross_entropy(
            outputs.float().flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )

    def lengths(self, examples: Examples) -> Index | None:  # noqa: ARG002
        return None

    def units(self, examples: Examples) -> tuple[Ids, Measured]:
        packing = _packing(examples)
        n = len(packing.ids)
        measured = Measured(
            np.zeros(n),
            np.zeros(n, np.int64),
            BITS_A_BYTE * packing.untold.astype(np.float64),
            packing.bytes.astype(np.float64),
        )
        return packing.ids, measured

    def measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        rows = len(index)
        if device_of(model).type == "cpu":
            rows = max(_TOKENS_AT_ONCE // examples.rows.shape[1], 1)
        for start in range(0, len(index), rows):
            self._measure(model, examples, index[start : start + rows], total)

    def _measure(self, model: nn.Module, examples: Examples, index: Index, total: Measured) -> None:
        batch = self.collate(examples, index)
        moved = batch.to(device_of(model))
        targets, logits = moved.targets, model(*moved.inputs).float()
        # Classes last: over a middle dimension the same sum takes two and a half times as long.
        losses = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        losses = losses.view_as(targets).double()
        # A token belongs to the document whose end token came last before it.
        packing = _packing(examples)
        begun = (batch.inputs[0] == packing.end).long().cumsum(1).numpy()
        begun -= begun[:, :1]
        owners = packing.first[index][:, None] + begun
        valid = (batch.targets != IGNORED).numpy()
        nats = losses.cpu().numpy()[valid]
        np.add.at(total.losses, owners[valid], nats)
        np.add.at(total.counts, owners[valid], 1)
        np.add.at(total.numerators, owners[valid], nats / math.log(2))

    def figures(
        self, model: nn.Module, examples: Examples, batch_size: int
    ) -> dict[str, Figure | str]:
        del model, examples, batch_size
        return {}

    def predict(
        self, model: nn.Module, samples: Sequence[str | bytes], options: PredictSettings
    ) -> list[Prediction]:
        """What follows each prompt."""
        if self.tokenizer is None:
            raise DataError("a text cannot be gone on with without the model's tokenizer")
        if not isinstance(model, GPT):
            raise DataError(
                f"a {type(model).__name__} cannot go on with a text", hint="model.kind: gpt"
            )
        prompts = [as_text(sample) for sample in samples]
        answers = generate_texts(model, self.tokenizer, prompts, options)
        return [Prediction(text=text, stopped=answer.stopped) for text, answer in answers]


def make(given: Ingredients) -> TextGeneration:
    """The task over what the data says."""
    return TextGeneration(given.tokenizer)


def _packing(examples: Examples) -> Packing:
    if examples.packing is None:
        raise DataError("text is measured a document; pack it with `Documents.pack`")
    return examples.packing
