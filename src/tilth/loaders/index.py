"""What is known of each sample before any is read: id, split, label and weight, made once.

It lies in a folder of the data set, with the copies of `tilth.loaders.copies`, and goes with it.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.loaders.copies import FOLDER
from tilth.randomness import ids_to_u64
from tilth.schema import WEIGHT, column
from tilth.splits import SPLITS
from tilth.store.arrays import ArrayWriter, read_arrays
from tilth.store.dataset import Dataset
from tilth.store.files import (
    atomic_folder,
    elsewhere,
    folder_lock,
    read_json,
    write_bytes,
    write_json,
)
from tilth.store.parquet import Nulls, opened
from tilth.store.seal import is_whole, seal
from tilth.tasks.splits import label_order, weights_of
from tilth.training.order import Ids

# The label of a sample that has none: what PyTorch's `cross_entropy` leaves out.
UNLABELLED: Final = -100
_FOLDER: Final = "rows"
_SCHEMA: Final = "schema.arrow"
_CLASSES: Final = "classes.json"
_COLUMNS: Final = "columns.json"
_HEX: Final = 16  # of a name's digits, those that are its number
_AT_ONCE: Final = 1 << 16  # rows
_SMALL: Final = {
    "id": pa.string(),
    "split": pa.string(),
    "label": pa.string(),
    WEIGHT: pa.float64(),
}
# Whoever else makes it is waited for: another rank of the same training, say.
_WAIT_S: Final = 3600.0


@dataclass(frozen=True)
class Index:
    """The kept samples of a data set, of all splits, in its order.

    Attributes:
        ids: uint64 [n].
        splits: uint8 [n], the place of its split among train, validation, test; of others 255.
        labels: int32 [n], place of its label in `classes`; `UNLABELLED` without one.
        weights: float32 [n], times seen an epoch.
        starts: int64 [shards + 1], where each shard begins.
        classes: The labels of all splits: whole numbers by value, before words by letter.
        schema: The columns, with the types that they have over all shards.
        empty: Columns that are null in every sample.
        full: Those that are null in none.
    """

    ids: Ids
    splits: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    schema: pa.Schema
    empty: frozenset[str]
    full: frozenset[str]


def index_of(dataset: Dataset, folder: Path) -> Index:
    """The index of a data set, made where it is not there yet.

    Args:
        dataset: Of which all splits are indexed.
        folder: Where it is, or will be.

    Raises:
        StorageError: The folder cannot be written, or the disk is full.
        MissingError, DataError: A shard cannot be read.
    """
    place = folder / _FOLDER
    if not is_whole(place):
        told = "another process makes the same index"
        with elsewhere(FOLDER), folder_lock(folder, timeout_s=_WAIT_S, hint=told):
            if not is_whole(place):
                with atomic_folder(place) as aside:
                    _write(dataset, aside)
                    seal(aside)
    arrays = read_arrays(place)
    columns = read_json(place / _COLUMNS)
    return Index(
        ids=arrays["ids"],
        splits=arrays["splits"],
        labels=arrays["labels"],
        weights=arrays["weights"],
        starts=arrays["starts"],
        classes=tuple(read_json(place / _CLASSES)),
        schema=pa.ipc.read_schema(pa.py_buffer((place / _SCHEMA).read_bytes())),
        empty=frozenset(columns["empty"]),
        full=frozenset(columns["full"]),
    )


def _write(dataset: Dataset, folder: Path) -> None:
    numbers: dict[str, int] = {}
    found: dict[str, list[npt.NDArray[Any]]] = {
        "ids": [],
        "splits": [],
        "labels": [],
        "weights": [],
    }
    shards = _Shards(dataset.shards())
    for batch in shards:
        found["ids"].append(_numbers_of(column(batch, "id")))
        found["splits"].append(_splits_of(batch))
        found["labels"].append(_labels_of(batch, numbers))
        found["weights"].append(weights_of(batch))
    classes = sorted(numbers, key=label_order)
    places = np.empty(len(classes) + 1, np.int32)
    places[[numbers[name] for name in classes]] = np.arange(len(classes))
    places[-1] = UNLABELLED
    kinds = {"ids": np.uint64, "splits": np.uint8, "labels": np.int32, "weights": np.float32}
    writer = ArrayWriter(folder)
    for name, kind in kinds.items():
        whole = np.concatenate(found[name]) if found[name] else np.zeros(0, kind)
        writer.append(name, places[whole] if name == "labels" else whole)
    writer.append("starts", np.array(shards.starts, np.int64))
    writer.close()
    write_json(folder / _CLASSES, classes)
    nulls, rows = shards.nulls.counts, shards.nulls.rows
    empty = sorted(name for name, count in nulls.items() if count == rows)
    full = sorted(name for name, count in nulls.items() if count == 0)
    write_json(folder / _COLUMNS, {"empty": empty, "full": full})
    schema = shards.schema if shards.schema is not None else dataset.schema
    write_bytes(folder / _SCHEMA, schema.serialize().to_pybytes())


class _Shards:
    """The small columns of shards, each of which is opened once: there may be thousands.

    Args:
        paths: Of the shards.

    Attributes:
        starts: Where each shard begins, of those that were read, and where the last ends.
        nulls: Of all columns.
        schema: Of all columns; None: shards differ.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self.starts = [0]
        self.nulls = Nulls()
        self.schema: pa.Schema | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        waiting: list[pa.Table] = []
        given = 0
        for number, path in enumerate(self._paths):
            with opened(path) as file:
                nulls = self.nulls.add(file)
                own = file.schema_arrow.remove_metadata()
                rows = file.metadata.num_rows
                # What is null in all rows is as if it were not there, and takes no time.
                names = [name for name in _SMALL if nulls.get(name, rows) != rows]
                part = file.read(names, use_threads=False)
            self.schema = own if number == 0 or own == self.schema else None
            self.starts.append(self.starts[-1] + rows)
            waiting.append(
                pa.table([part.column(name).cast(_SMALL[name]) for name in names], names)
            )
            if self.starts[-1] - given >= _AT_ONCE:
                yield from _as_one(waiting)
                waiting, given = [], self.starts[-1]
        yield from _as_one(waiting)


def _as_one(parts: Sequence[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Tables as one batch, null where a column is not there; none of no row."""
    whole = pa.concat_tables(parts, promote_options="default") if parts else pa.table({})
    return iter(whole.combine_chunks().to_batches())


def _numbers_of(ids: pa.Array) -> Ids:
    """The first 64 bits of sample ids, as `ids_to_u64` has them, without a Python string each."""
    sizes = pc.min_max(pc.binary_length(ids)).as_py()
    if len(ids) and not ids.null_count and _HEX <= sizes["min"] == sizes["max"]:
        size, data = sizes["min"], ids.buffers()[2]
        (start,) = np.frombuffer(ids.buffers()[1], np.int32, 1, 4 * ids.offset)
        told = np.frombuffer(data, np.uint8, len(ids) * size, start).reshape(-1, size)
        try:
            heads = unhexlify(told[:, :_HEX].tobytes())
            return np.frombuffer(heads, ">u8").astype(np.uint64)
        except ValueError:
            # Each is read by itself, as far as it can be.
            pass
    return ids_to_u64(ids.to_pylist())


def _splits_of(batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
    """A sample without a split is a training sample."""
    names = pc.fill_null(column(batch, "split").cast(pa.string()), SPLITS[0])
    places = pc.fill_null(pc.index_in(names, pa.array(SPLITS)), 255)
    found: npt.NDArray[np.uint8] = places.to_numpy(zero_copy_only=False).astype(np.uint8)
    return found


def _labels_of(batch: pa.RecordBatch, numbers: dict[str, int]) -> npt.NDArray[np.int32]:
    """Places of the labels in the order in which they are met; -1 of a sample without one."""
    labels = column(batch, "label").cast(pa.string()).dictionary_encode()
    known = [numbers.setdefault(name, len(numbers)) for name in labels.dictionary.to_pylist()]
    places = pc.fill_null(labels.indices, len(known)).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.int32] = np.array([*known, -1], np.int32)[places]
    return found
