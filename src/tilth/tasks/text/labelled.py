"""Labelled texts: tokens of each, rows of different length, and the number of its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Progress
from tilth.models.facts import Facts, Sizes
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.store.files import write_bytes
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.splits import (
    Given,
    Reading,
    add_ragged,
    classes_of,
    read_ragged,
    weights_of,
    write_splits,
)
from tilth.tasks.text.documents import learn_tokenizer
from tilth.tasks.text.tokenize import encode_bounded
from tilth.training.examples import Examples


def write(
    selection: Selection, counts: Counts, folder: Path, given: Given, progress: Progress
) -> Facts:
    """Lay down the tokens and the class of every text, and the tokenizer.

    Raises:
        DataError: A label is missing or unknown.
    """
    classes = classes_of(counts, given.classes)
    numbers = {name: number for number, name in enumerate(classes)}
    tokenizer = given.tokenizer or learn_tokenizer(selection, counts, ["text"], progress)
    max_length = selection.form.max_length

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG001
        texts = pc.fill_null(column(batch, "text"), "").to_pylist()
        labels = [numbers[name] for name in column(batch, "label").to_pylist()]
        arrays: dict[str, npt.NDArray[Any]] = {
            "labels": np.array(labels, np.int64),
            "ids": ids_to_u64(column(batch, "id").to_pylist()),
            "weights": weights_of(batch),
        }
        add_ragged(arrays, "tokens", encode_bounded(tokenizer, texts, max_length), np.uint16)
        return arrays

    write_splits(selection, counts, folder, ["text"], convert, progress)
    write_bytes(folder / "tokenizer.json", tokenizer.to_str().encode())
    return Facts(
        sizes=Sizes(vocabulary=tokenizer.get_vocab_size(), classes=len(classes)),
        classes=classes,
        max_length=max_length,
    )


def read(arrays: dict[str, npt.NDArray[Any]], _: Reading) -> Examples:
    """The texts that `write` laid down."""
    ids, weights = np.asarray(arrays["ids"]), np.asarray(arrays["weights"])
    return Examples(read_ragged(arrays, "tokens"), np.asarray(arrays["labels"]), ids, weights)
