"""Pairs of texts to tokens: source and target, through one vocabulary learnt from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Progress
from tilth.errors import DataError
from tilth.models.facts import Facts, Sizes
from tilth.randomness import ids_to_u64
from tilth.schema import column
from tilth.store.files import write_bytes
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.splits import Given, Reading, add_ragged, read_ragged, weights_of, write_splits
from tilth.tasks.text.documents import learn_tokenizer
from tilth.tasks.text.tokenize import Tokenizer, encode, end_token
from tilth.training.examples import Examples

_SIDES = ("text", "target")


def write(
    selection: Selection, counts: Counts, folder: Path, given: Given, progress: Progress
) -> Facts:
    """Lay down the tokens of both sides of every pair, and the tokenizer.

    Every text ends with the end token. Blanks at the ends of a source are left out, as they are of
    what the model is asked later. What is read and what is trained on is cut to
    `data.max_length` tokens; the translations that a model is measured by are whole.

    Raises:
        DataError: A pair lacks one of its sides.
    """
    tokenizer = given.tokenizer or learn_tokenizer(selection, counts, _SIDES, progress)
    end = end_token(tokenizer)
    longest = selection.form.max_length

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:
        _require_both(batch)
        limit = longest if split == "train" else None
        arrays: dict[str, npt.NDArray[Any]] = {
            "ids": ids_to_u64(column(batch, "id").to_pylist()),
            "weights": weights_of(batch),
        }
        sources, targets = (column(batch, side).to_pylist() for side in _SIDES)
        read = [text.strip() for text in sources]
        add_ragged(arrays, "sources", encode_ended(tokenizer, read, end, longest), np.uint16)
        add_ragged(arrays, "targets", encode_ended(tokenizer, targets, end, limit), np.uint16)
        if split != "train":
            given = [np.frombuffer(text.encode(), np.uint8) for text in targets]
            add_ragged(arrays, "references", given, np.uint8)
        return arrays

    write_splits(selection, counts, folder, _SIDES, convert, progress)
    write_bytes(folder / "tokenizer.json", tokenizer.to_str().encode())
    return Facts(sizes=Sizes(vocabulary=tokenizer.get_vocab_size()), max_length=longest)


def read(arrays: dict[str, npt.NDArray[Any]], _: Reading) -> Examples:
    """The pairs that `write` laid down."""
    return Examples(
        read_ragged(arrays, "sources"),
        read_ragged(arrays, "targets"),
        np.asarray(arrays["ids"]),
        np.asarray(arrays["weights"]),
        references=read_ragged(arrays, "references") if "references" in arrays else None,
    )


def encode_ended(
    tokenizer: Tokenizer, texts: Sequence[str], end: int, limit: int | None
) -> list[npt.NDArray[np.uint16]]:
    """Tokens of each text, the end token last, at most `limit` with it."""
    kept = None if limit is None else limit - 1
    return [np.append(row[:kept], np.uint16(end)) for row in encode(tokenizer, texts)]


def _require_both(batch: pa.RecordBatch) -> None:
    for side in _SIDES:
        values = column(batch, side)
        if values.null_count:
            ids = column(batch, "id").filter(pc.is_null(values)).to_pylist()
            raise DataError(
                f"translation needs `text` and `target`, and some samples have no {side}",
                where="samples " + ", ".join(ids[:5]),
                hint="`fields: {target: ...}` of the source says where the translation stands; "
                "`data.sources` chooses among the sources",
                code="target-missing",
            )
