"""Which samples of a data set are trained on, validated on and tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.errors import DataError
from tilth.hints import did_you_mean
from tilth.randomness import ids_to_u64, shares
from tilth.schema import WEIGHT, column, sample_id
from tilth.splits import SPLITS, SplitName
from tilth.store import Dataset
from tilth.tasks.registry import declaration
from tilth.tasks.settings import DataSettings, SampleForm, TaskName


@dataclass
class Counts:
    """A first pass over the small columns."""

    rows: dict[str, int]
    labels: dict[str, set[str]]
    unlabelled: list[str]
    text_bytes: int
    seen: int


class Selection:
    """The wanted samples of a data set, each with its split.

    Args:
        dataset: To choose from.
        task: Says which columns matter.
        data: Which sources, labels and splits.
        form: How they become numbers.
        limit: Samples at most.
        fold: (column, value): samples of that value are the test split, all others are trained on.
    """

    def __init__(
        self,
        dataset: Dataset,
        task: TaskName,
        data: DataSettings,
        form: SampleForm,
        limit: int | None = None,
        fold: tuple[str, str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.task = task
        self.data = data
        self.form = form
        self.limit = limit
        self.fold = fold
        self._holds_out = False

    def scan(self) -> Counts:
        """Count rows and labels of each split; decide whether validation must be held out."""
        of_text = declaration(self.task).data.payload == "text"
        names = ["id", "label", "text"] if of_text else ["id", "label"]
        counts = Counts(dict.fromkeys(SPLITS, 0), {s: set() for s in SPLITS}, [], 0, 0)
        for split, batch in self.read(names):
            counts.rows[split] += batch.num_rows
            counts.seen += batch.num_rows
            labels = column(batch, "label")
            counts.labels[split] |= {v for v in pc.unique(labels).to_pylist() if v is not None}
            if labels.null_count and len(counts.unlabelled) < 5:
                counts.unlabelled += column(batch, "id").filter(pc.is_null(labels)).to_pylist()
            if split == "train" and "text" in names:
                counts.text_bytes += pc.sum(pc.binary_length(column(batch, "text"))).as_py() or 0
        if not counts.rows["validation"] and self.data.validation_share > 0 and not self._holds_out:
            self._holds_out = True
            counts = self.scan()
            # A class all of whose samples are held out is a class of the training data.
            counts.labels["train"] |= counts.labels["validation"]
        return counts

    def require_labels(self) -> None:
        """Refuse `data.labels` that no sample has.

        Raises:
            DataError: A label is not there; with the nearest that is.
        """
        if not self.data.labels:
            return
        found: set[str] = set()
        for batch in self.dataset.batches(["label", "source"]):
            if self.data.sources:
                batch = batch.filter(pc.is_in(column(batch, "source"), pa.array(self.data.sources)))
            found |= set(pc.unique(column(batch, "label").drop_null()).to_pylist())
        for label in self.data.labels:
            if label not in found:
                raise DataError(
                    f"no sample has the label `{label}`",
                    where="data.labels",
                    hint=did_you_mean(label, sorted(found)) if found else "the samples have none",
                    code="unknown-label",
                )

    def read(self, columns: Sequence[str]) -> Iterator[tuple[SplitName, pa.RecordBatch]]:
        """Batches of one split each, in the order of the data set."""
        small = ["id", "source", "split", "label", *([self.fold[0]] if self.fold else [])]
        there = self.dataset.schema.names
        small += [WEIGHT] if WEIGHT in there else []
        small += ["key", "part_of"] if "part_of" in there else []
        wanted = list(dict.fromkeys([*columns, *small]))
        left = self.limit if self.limit is not None else self.dataset.num_rows
        for whole in self.dataset.batches(wanted):
            batch = whole.slice(0, left)
            left -= batch.num_rows
            for name, allowed in (("source", self.data.sources), ("label", self.data.labels)):
                if allowed:
                    batch = batch.filter(pc.is_in(column(batch, name), pa.array(allowed)))
            splits = self._splits(batch)
            for split in SPLITS:
                chosen = batch.filter(pa.array(splits == split))
                if chosen.num_rows:
                    yield split, chosen
            if left <= 0:
                return

    def _splits(self, batch: pa.RecordBatch) -> npt.NDArray[np.str_]:
        given = column(batch, "split")
        splits = np.full(batch.num_rows, "", dtype="U10")
        named = (self.data.train, self.data.validation, self.data.test)
        for split, wanted in zip(SPLITS, named, strict=True):
            splits[pc.fill_null(pc.equal(given, wanted), False).to_numpy(False)] = split
        splits[pc.is_null(given).to_numpy(False)] = "train"  # no split was ever made
        if self.fold is not None:
            name, value = self.fold
            left_out = pc.fill_null(pc.equal(column(batch, name), value), False).to_numpy(False)
            splits[:] = np.where(left_out, "test", "train")
        if self._holds_out:
            numbers = shares(ids_to_u64(_groups(batch)), 4)
            splits[(splits == "train") & (numbers < self.data.validation_share)] = "validation"
        return splits


def _groups(batch: pa.RecordBatch) -> list[str]:
    """What is held out together: a sample by itself, the parts of one page as one."""
    ids: list[str] = column(batch, "id").to_pylist()
    if "part_of" not in batch.schema.names:
        return ids
    wholes = pc.if_else(pc.is_valid(column(batch, "part_of")), column(batch, "key"), None)
    named = zip(ids, wholes.to_pylist(), strict=True)
    return [name if whole is None else sample_id(whole) for name, whole in named]
