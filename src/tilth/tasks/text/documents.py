"""Text to tokens: documents one after another, to be packed into windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Progress
from tilth.errors import DataError
from tilth.models.facts import Facts, Sizes
from tilth.randomness import ids_to_u64, shares
from tilth.schema import column
from tilth.store.files import write_bytes
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.splits import Given, Reading, weights_of, write_splits
from tilth.tasks.text.tokenize import (
    Tokenizer,
    encode,
    train_characters,
    train_tokenizer,
    untold_bytes,
)
from tilth.training.examples import Documents

_TOKENIZER_BYTES = 64 << 20  # merges learnt from more text than this differ in rare words only


def write(
    selection: Selection, counts: Counts, folder: Path, given: Given, progress: Progress
) -> Facts:
    """Lay down the tokens of every document, and the tokenizer.

    Raises:
        DataError: All texts of a split are empty.
    """
    tokenizer = given.tokenizer or learn_tokenizer(selection, counts, ["text"], progress)
    num_bytes: Counter[str] = Counter()

    def convert(split: str, batch: pa.RecordBatch) -> dict[str, npt.NDArray[Any]]:
        texts = pc.fill_null(column(batch, "text"), "")
        words = texts.to_pylist()
        tokens = encode(tokenizer, words)
        lengths = pc.binary_length(texts).to_numpy().astype(np.int64)
        num_bytes[split] += int(lengths.sum())
        return {
            "tokens": np.concatenate(tokens),
            "lengths": np.array([len(one) for one in tokens], np.int64),
            "bytes": lengths,
            "untold": untold_bytes(tokenizer, words, tokens),
            "ids": ids_to_u64(column(batch, "id").to_pylist()),
            "weights": weights_of(batch),
        }

    write_splits(selection, counts, folder, ["text"], convert, progress)
    for split, rows in counts.rows.items():
        if rows and not num_bytes[split]:
            raise DataError(
                f"every text of the {split} split is empty ({rows} samples)",
                hint="drop such samples with a rule, as `char_count >= 1`",
                code="no-samples",
            )
    write_bytes(folder / "tokenizer.json", tokenizer.to_str().encode())
    return Facts(sizes=Sizes(vocabulary=tokenizer.get_vocab_size()))


def read(arrays: dict[str, npt.NDArray[Any]], reading: Reading) -> Documents:
    """The documents that `write` laid down."""
    starts = np.concatenate([[0], np.cumsum(arrays["lengths"])]).astype(np.int64)
    ids, weights = np.asarray(arrays["ids"]), np.asarray(arrays["weights"])
    return Documents(
        arrays["tokens"],
        starts,
        arrays["bytes"],
        ids,
        weights,
        end=reading.end,
        shuffled=reading.shuffled,
        untold=arrays["untold"],
    )


def learn_tokenizer(
    selection: Selection, counts: Counts, columns: Sequence[str], progress: Progress
) -> Tokenizer:
    """A tokenizer learnt from some columns of the training split.

    Of the sources that are named for it, where some are; what is held out of the training, by a
    fold or for validation, is held out of the vocabulary too.

    Raises:
        DataError: There is no text to learn it from.
    """
    progress(0, counts.seen, "training the tokenizer")
    wanted = selection.data.tokenizer_sources
    if wanted:
        data = selection.data.model_copy(update={"sources": wanted})
        selection = Selection(
            selection.dataset,
            selection.task,
            data,
            selection.form,
            selection.limit,
            selection.fold,
        )
        counts = selection.scan()
    if not counts.text_bytes:
        raise DataError(
            f"there is no training text{' of ' * bool(wanted)}{' or '.join(wanted)} to learn a "
            "vocabulary from",
            where="data.tokenizer_sources" if wanted else "",
            hint="`tilth show RUN STEP --dropped` says which rules took the samples",
            code="no-samples",
        )
    share = min(_TOKENIZER_BYTES / counts.text_bytes, 1.0)
    texts = _training_texts(selection, share, columns)
    if selection.form.tokenizer == "characters":
        return train_characters(texts)
    return train_tokenizer(texts, selection.form.vocabulary)


def _training_texts(selection: Selection, share: float, columns: Sequence[str]) -> Iterator[str]:
    """The training texts, or a share of them chosen by a hash of their id."""
    for split, batch in selection.read(columns):
        if split != "train":
            continue
        chosen = shares(ids_to_u64(column(batch, "id").to_pylist()), 5) < share
        for name in columns:
            texts = column(batch, name).filter(pa.array(chosen))
            yield from (text for text in texts.to_pylist() if text)
