"""The samples that an export writes: with their weights, or as often as their weights say.

Weights say how often a training sees a sample in an epoch. Drawn by a seed, a sample goes out so
many times, as in the first epoch of a training of that seed (`tilth.training.order`). The copies of
a sample do not follow one another: all samples go out once, then those that are there again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.randomness import ids_to_u64
from tilth.schema import WEIGHT
from tilth.store import Dataset
from tilth.store.manifest import Kind, Shard
from tilth.store.parquet import read_shard, schema_of
from tilth.training.order import times_of

_BATCH_ROWS: Final = 256


@dataclass(frozen=True)
class Weights:
    """That samples have weights.

    Attributes:
        num: Samples of a weight other than 1.
        least, most: The smallest and the largest weight.
    """

    num: int
    least: float
    most: float


@dataclass(frozen=True)
class Resampled:
    """The books of a draw: samples - left_out + repeated = rows that were written.

    Attributes:
        seed: Of the draw.
        samples: That there were.
        left_out: Of them, those that were not drawn.
        repeated: Copies beside the first of a sample.
    """

    seed: int
    samples: int
    left_out: int
    repeated: int


@dataclass(frozen=True)
class _Scan:
    """What ids and weights alone say; of each shard, its rows in each round."""

    rounds: tuple[tuple[int, ...], ...]
    weights: Weights | None
    resampled: Resampled | None


class Samples:
    """The samples of a kind of a data set, of one split if it has one, as they go out.

    Args:
        dataset: Read shard by shard.
        kind: Of the samples.
        seed: Draw samples by their weights; None: each once, with its weight. Samples that are
            held out (validation, test) are no part of any mixture, and go out once.
    """

    def __init__(self, dataset: Dataset, kind: Kind = "kept", seed: int | None = None) -> None:
        self.dataset = dataset
        self.kind = kind
        self.seed = seed
        self._paths = dataset.shards(kind)
        self._stored = schema_of(self._paths)
        self._has_weights = kind == "kept" and WEIGHT in self._stored.names

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns as they go out."""
        fields = [field for field in self._stored if field.name != WEIGHT or not self._has_weights]
        if self._has_weights and self.seed is None:
            fields.append(pa.field(WEIGHT, pa.float64()))
        return pa.schema(fields)

    @cached_property
    def num_rows(self) -> int:
        """How many rows go out; of a split they are counted, by the column that names it."""
        if (drawn := self.resampled) is not None:
            return drawn.samples - drawn.left_out + drawn.repeated
        if self.dataset.split is None:
            return sum(one.rows(self.kind) for one in self._entries)
        schema = pa.schema([pa.field("split", pa.string())])
        return sum(
            self._of_split(batch).num_rows
            for path in self._paths
            for batch in read_shard(path, schema)
        )

    @property
    def with_nulls(self) -> set[str]:
        """Columns in which something may be missing, as far as shards say it unread."""
        found: set[str] = set()
        for path in self._paths:
            metadata = pq.read_metadata(path)
            found |= set(self._stored.names) - set(metadata.schema.to_arrow_schema().names)
            for group in map(metadata.row_group, range(metadata.num_row_groups)):
                for column in map(group.column, range(group.num_columns)):
                    counted = column.statistics
                    if counted is None or not counted.has_null_count or counted.null_count:
                        found.add(column.path_in_schema)
        return found - {WEIGHT} if self._has_weights else found

    @property
    def weights(self) -> Weights | None:
        """That weights differ from 1; None: they do not, or there are none."""
        return self._scan.weights

    @property
    def resampled(self) -> Resampled | None:
        """The books of the draw; None: nothing was drawn."""
        return self._scan.resampled

    def batches(self, start: int = 0) -> Iterator[pa.RecordBatch]:
        """The rows in order, in the columns of `schema`.

        Args:
            start: Rows to leave out first; whole shards of them are not read.
        """
        passed = 0
        for number, place, rows in self._parts():
            if rows is not None and passed + rows <= start:
                passed += rows
                continue
            for batch in self._read(self._paths[place], number):
                left_out = min(max(start - passed, 0), batch.num_rows)
                passed += batch.num_rows
                if left_out < batch.num_rows:
                    yield batch.slice(left_out)

    def spread(self, num: int) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
        """All rows of some shards, with how often each goes out, int64 [n]: those at equal steps.

        Args:
            num: Shards at most.
        """
        step = max(len(self._paths) / max(num, 1), 1.0)
        for at in range(min(num, len(self._paths))):
            for batch in self._stored_rows(self._paths[int(at * step)]):
                times = np.ones(batch.num_rows, np.int64)
                yield self._as_out(batch), self._times(batch) if self._is_drawn else times

    @property
    def _is_drawn(self) -> bool:
        return self._has_weights and self.seed is not None

    def _parts(self) -> Iterator[tuple[int, int, int | None]]:
        """Rounds and shards, with the rows of each where that is known unread."""
        if not self._is_drawn:
            for place, shard in enumerate(self._entries):
                yield 0, place, shard.rows(self.kind) if self.dataset.split is None else None
            return
        rounds = self._scan.rounds
        for number in range(max((len(one) for one in rounds), default=0)):
            for place, rows in enumerate(rounds):
                if number < len(rows):
                    yield number, place, rows[number]

    @property
    def _entries(self) -> list[Shard]:
        """What the ledger says of the shards."""
        return [one for one in self.dataset.manifest.shards if self.kind in one.files]

    def _read(self, path: Path, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of a shard that go out in a round."""
        for batch in self._stored_rows(path):
            if self._is_drawn:
                batch = batch.filter(pa.array(self._times(batch) > number))
            yield self._as_out(batch)

    def _stored_rows(self, path: Path) -> Iterator[pa.RecordBatch]:
        """The rows of a shard as they are stored."""
        fields = {field.name: field for field in self._stored}
        fields.setdefault("split", pa.field("split", pa.string()))
        for batch in read_shard(path, pa.schema(list(fields.values())), _BATCH_ROWS):
            yield self._of_split(batch)

    def _as_out(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows as they are stored, in the columns of `schema`."""
        columns = {name: batch.column(name) for name in self._stored.names}
        if self._has_weights:
            columns[WEIGHT] = pc.fill_null(columns.pop(WEIGHT).cast(pa.float64()), 1.0)
        return pa.RecordBatch.from_arrays(
            [columns[field.name] for field in self.schema], schema=self.schema
        )

    def _of_split(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.dataset.split is None:
            return batch
        return batch.filter(pc.equal(_splits(batch), self.dataset.split))

    def _times(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """How often each sample goes out, int64 [n]."""
        assert self.seed is not None
        times = times_of(ids_to_u64(batch.column("id").to_pylist()), _weights(batch), self.seed, 0)
        is_trained = pc.equal(_splits(batch), "train").to_numpy(zero_copy_only=False)
        return np.where(is_trained, times, 1)

    @cached_property
    def _scan(self) -> _Scan:
        if not self._has_weights:
            return _Scan((), None, None)
        names = {"id": pa.string(), WEIGHT: pa.float64(), "split": pa.string()}
        schema = pa.schema([pa.field(name, kind) for name, kind in names.items()])
        rounds: list[tuple[int, ...]] = []
        num, least, most, left_out, rows, written = 0, np.inf, -np.inf, 0, 0, 0
        for path in self._paths:
            counts = np.zeros(0, np.int64)
            for batch in read_shard(path, schema):
                batch = self._of_split(batch)
                if not batch.num_rows:
                    continue
                weights = _weights(batch)
                rows += batch.num_rows
                num += int((weights != 1).sum())
                least = min(least, float(weights.min()))
                most = max(most, float(weights.max()))
                if self.seed is not None:
                    times = self._times(batch)
                    left_out += int((times == 0).sum())
                    # Of each round, the samples that go out in it: those drawn more often.
                    more = len(times) - np.cumsum(np.bincount(times))[:-1]
                    size = max(len(counts), len(more))
                    counts = np.pad(counts, (0, size - len(counts)))
                    counts += np.pad(more, (0, size - len(more)))
            rounds.append(tuple(counts.tolist()))
            written += int(counts.sum())
        resampled = None
        if self.seed is not None:
            resampled = Resampled(self.seed, rows, left_out, written - rows + left_out)
        return _Scan(tuple(rounds), Weights(num, least, most) if num else None, resampled)


def _splits(batch: pa.RecordBatch) -> pa.Array:
    return pc.fill_null(batch.column("split").cast(pa.string()), "train")


def _weights(batch: pa.RecordBatch) -> npt.NDArray[np.float32]:
    """As a training reads them; 1 where no mixture said otherwise."""
    weights: npt.NDArray[np.float32] = pc.fill_null(
        batch.column(WEIGHT).cast(pa.float32()), 1.0
    ).to_numpy(zero_copy_only=False)
    return weights
