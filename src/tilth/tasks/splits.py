"""What all kinds of data share: writing the splits' arrays, and numbering the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import Progress
from tilth.errors import DataError
from tilth.schema import WEIGHT, column
from tilth.splits import SPLITS
from tilth.store.arrays import ArrayWriter
from tilth.tasks.selection import Counts, Selection
from tilth.tasks.text.tokenize import Tokenizer
from tilth.training.examples import Ragged

# In a folder of arrays: what the user should be told of them.
NOTES = "notes.json"


@dataclass(frozen=True)
class Given:
    """What an earlier model or another arm of an experiment decides about the numbers.

    Attributes:
        tokenizer: Use this one; None: train one on the training split.
        classes: Use these numbers for labels; None: the labels of the training split, sorted.
    """

    tokenizer: Tokenizer | None = None
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Reading:
    """What is known beside the arrays when they are read.

    Attributes:
        end: The token that ends a text; of other data -1.
        shuffled: Whether texts are packed in the order of a hash.
    """

    end: int
    shuffled: bool


def classes_of(counts: Counts, given: Sequence[str] | None) -> tuple[str, ...]:
    """The classes in the order of their numbers; each label must be one of them.

    Raises:
        DataError: A sample has no label, or one that is not among the classes; or there is one
            class only.
    """
    if counts.unlabelled:
        raise DataError(
            "the task needs a label for every sample, and some have none",
            where="samples " + ", ".join(counts.unlabelled[:5]),
            hint="label them, drop them with a rule, or restrict data.sources",
            code="label-missing",
        )
    found = counts.labels["train"]
    classes = tuple(given) if given is not None else tuple(sorted(found, key=label_order))
    if len(classes) < 2:
        raise DataError(
            f"there is nothing to tell apart: every training sample has the label `{classes[0]}`",
            hint="two labels or more are needed; did `data.labels`, a rule or another field take "
            "the others away?",
            code="one-class",
        )
    for split in SPLITS:
        unknown = sorted(counts.labels[split] - set(classes))
        if unknown:
            known = {name.casefold(): name for name in classes}
            near = known.get(unknown[0].casefold())
            raise DataError(
                f"label `{unknown[0]}` of the {split} split is not among the {len(classes)} "
                f"classes ({', '.join(classes[:12])})"
                + (f"; `{near}`, which differs only in case, is" if near is not None else ""),
                hint="the classes are the labels of the training split; data.labels restricts "
                "all splits alike",
                code="label-out-of-range",
            )
    return classes


def label_order(label: str) -> tuple[int, int, str]:
    """Numbers by value, before words by letter."""
    # A longer one is no number to Python, and none that counts anything.
    is_number = label.isdecimal() and len(label) <= 18
    return (0, int(label), "") if is_number else (1, 0, label)


def write_splits(
    selection: Selection,
    counts: Counts,
    folder: Path,
    columns: Sequence[str],
    convert: Callable[[str, pa.RecordBatch], dict[str, npt.NDArray[Any]]],
    progress: Progress,
) -> None:
    """Write every split's arrays: what `convert` gives, and ids and weights."""
    writers = {split: ArrayWriter(folder / split) for split in SPLITS if counts.rows[split]}
    done = 0
    for split, batch in selection.read(columns):
        for name, rows in convert(split, batch).items():
            writers[split].append(name, rows)
        done += batch.num_rows
        progress(done, counts.seen, "samples as numbers")
    for writer in writers.values():
        writer.close()


def weights_of(batch: pa.RecordBatch) -> npt.NDArray[np.float32]:
    """Times that each sample is to be seen an epoch; 1 where no mixture said otherwise."""
    given = column(batch, WEIGHT)
    if given.null_count == batch.num_rows:
        return np.ones(batch.num_rows, np.float32)
    weights: npt.NDArray[np.float32] = pc.fill_null(given.cast(pa.float32()), 1.0).to_numpy()
    return weights


def add_ragged(
    arrays: dict[str, npt.NDArray[Any]], name: str, rows: Sequence[npt.NDArray[Any]], dtype: Any
) -> None:
    """Add rows of different length to the arrays of a split, for `read_ragged`."""
    one = Ragged.of(rows, dtype)
    arrays[name] = one.values
    arrays[f"{name}_lengths"] = one.lengths


def read_ragged(arrays: dict[str, npt.NDArray[Any]], name: str) -> Ragged:
    """The rows of different length that `add_ragged` laid down."""
    starts = np.concatenate([[0], np.cumsum(arrays[f"{name}_lengths"])]).astype(np.int64)
    return Ragged(arrays[name], starts)
