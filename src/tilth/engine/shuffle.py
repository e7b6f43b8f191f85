"""A shuffle: keys bring together what belongs together, wherever in the data it lies.

Three phases, each of which commits files and is safe to run again: the keys of each shard go to
partitions; each partition is reduced by itself; what all partitions found becomes decisions, by
shard. How many partitions there are is known here alone: an operation gives keys, and never asks.

An operation that has `keys_again` goes through them twice: what the first round came to says which
samples give keys in the second. That one reduces a partition a shard at a time, so that its memory
does not grow with the number of samples that belong together.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.context import require_settled
from tilth.engine.contract import require_columns, require_keys, require_shards
from tilth.engine.map import POSITION, about, apart, first_position
from tilth.errors import DataError
from tilth.settings import BaseSettings
from tilth.store import shard
from tilth.store.files import atomic_file, remove, write_json
from tilth.store.parquet import opened, writing

# At most, and one for so many rows: a task takes longer than what it does with few.
MOST_PARTITIONS, ROWS_A_PARTITION = 64, 4096

# Columns of the tables of keys: the operation's own, and what the engine adds.
KEY, PARTITION, SHARD = "key", "partition", "shard"

# Keys of a partition that are held at most to be gone through again without reading them.
_HELD_BYTES = 64 << 20

# What an operation that goes through two rounds has beside `keys`, `reduce` and `resolve`.
AGAIN = ("keys_again", "reduce_again", "resolve_again")


def partitions_for(num_rows: int) -> int:
    """How many partitions the keys of so many rows go to."""
    return min(MOST_PARTITIONS, 1 + num_rows // ROWS_A_PARTITION)


def rounds_of(module: ModuleType) -> tuple[bool, ...]:
    """The rounds that an operation goes through, each as whether it is the second."""
    return (False, True) if hasattr(module, AGAIN[0]) else (False,)


def is_decided(folder: Path) -> bool:
    """Whether the decisions of a step are committed."""
    return _decisions_path(folder).is_file()


def forget_damaged(folder: Path, *, keys: bool) -> list[Path]:
    """Let nothing count that a stopped step committed and that is not what it was.

    Args:
        folder: Of the step.
        keys: Whether it is a shuffle, of which what lies between its phases is looked at, too.

    Returns:
        What was forgotten; it is made again.
    """
    found = shard.forget_damaged(folder)
    for path in sorted((folder / "work").rglob("*.parquet")) if keys else ():
        try:
            _read(path)
        except DataError:
            # That a partition is reduced is said beside it.
            remove(path.with_suffix(".json"), path)
            found.append(path)
    return found


def is_found(folder: Path) -> bool:
    """Whether the first of two rounds is over."""
    return _found_path(folder).is_file()


def shards_without_keys(
    folder: Path, num_shards: int, partitions: int, *, again: bool = False
) -> list[int]:
    """The shards whose keys are not committed; in the second round of those that give some."""
    shards: Iterable[int] = range(num_shards)
    if again:
        with opened(_found_path(folder)) as file:
            named = set(_values_of(file, SHARD))
        shards = shards if -1 in named else sorted(named)
    paths = {index: _keys_path(folder, index, partitions, again=again) for index in shards}
    return [index for index, path in paths.items() if not path.is_file()]


def partitions_left(folder: Path, partitions: int, *, again: bool = False) -> list[int]:
    """Of so many partitions those that are not reduced."""
    paths = [_done_path(folder, i, partitions, again=again) for i in range(partitions)]
    return [i for i, path in enumerate(paths) if not path.is_file()]


def write_keys(
    module: ModuleType,
    settings: BaseSettings,
    batches: Iterator[pa.RecordBatch],
    folder: Path,
    index: int,
    partitions: int,
    where: str,
    *,
    again: bool = False,
) -> None:
    """First phase: commit the keys of one shard, a row group a partition.

    Raises:
        StepError: The operation gives no such keys; named by `where`.
    """
    what = f"`{AGAIN[0] if again else 'keys'}`"
    found = found_of(folder, index) if again else None
    tables: list[pa.Table] = []
    row = 0
    for batch in apart(batches):
        ids = {name: i + row for i, name in enumerate(batch.column("id").to_pylist())}
        if found is None:
            given = module.keys(batch, settings)
        else:
            given = module.keys_again(batch, about(found, index, row, batch.num_rows), settings)
        keys = require_columns(given, ("id", KEY), what, where)
        if keys.num_rows:
            require_keys(keys[KEY].type, keys.column("id").to_pylist(), ids, what, where)
            # The position orders records over the whole data set, whatever worker saw them.
            first = first_position(index)
            positions = [first + ids[name] for name in keys.column("id").to_pylist()]
            keys = keys.append_column(SHARD, pa.array([index] * keys.num_rows, pa.int32()))
            keys = keys.append_column(POSITION, pa.array(positions, pa.int64()))
            tables.append(partitioned(keys, partitions))
        row += batch.num_rows
    table = pa.concat_tables(tables).sort_by(PARTITION) if tables else pa.table({})
    require_settled()
    _write_groups(table, PARTITION, _keys_path(folder, index, partitions, again=again))


def write_reduced(
    module: ModuleType,
    settings: BaseSettings,
    folder: Path,
    partition: int,
    partitions: int,
    where: str,
    *,
    again: bool = False,
) -> None:
    """Second phase: commit what all keys of one partition, over all shards, come to.

    Raises:
        StepError: The operation gives no table; named by `where`.
    """
    paths = sorted(_keys_path(folder, 0, partitions, again=again).parent.glob("*.parquet"))
    keys = Keys(paths, partition)
    done = _done_path(folder, partition, partitions, again=again)
    reduced = None
    if again:
        if not keys.is_empty():
            given = module.reduce_again(keys, settings)
            reduced = require_columns(given, (), f"`{AGAIN[1]}`", where)
    elif tables := list(keys):
        given = module.reduce(pa.concat_tables(tables), settings)
        reduced = require_columns(given, (), "`reduce`", where)
    if reduced is not None:
        require_settled()
        path = done.with_suffix(".parquet")
        with atomic_file(path) as file, writing(file, reduced.schema) as writer:
            writer.write_table(reduced)
    write_json(done, {})


class Keys:
    """The keys of one partition, a table a shard in order of position, read when asked for.

    Args:
        paths: The files of keys, in order of the shards.
        partition: Which.
    """

    def __init__(self, paths: Sequence[Path], partition: int) -> None:
        self._paths = paths
        self._partition = partition
        self._held: list[pa.Table] | None = None

    def __iter__(self) -> Iterator[pa.Table]:
        """Each time anew from the first shard; one that has no keys is left out.

        What is little is read once and held, so that going through it again costs no reading.
        """
        if self._held is not None:
            yield from self._held
            return
        held: list[pa.Table] = []
        size = 0
        for path in self._paths:
            table = _read_groups(path, PARTITION, {self._partition})
            if table is None or not table.num_rows:
                continue
            size += table.nbytes
            if size <= _HELD_BYTES:
                held.append(table)
            else:
                held.clear()
            yield table
        if size <= _HELD_BYTES:
            self._held = held

    def is_empty(self) -> bool:
        """Whether there are none."""
        return next(iter(self), None) is None


def write_decisions(
    module: ModuleType,
    settings: BaseSettings,
    folder: Path,
    partitions: int,
    where: str,
    *,
    again: bool = False,
) -> None:
    """Third phase: the partial results of all partitions become decisions, a row group a shard.

    Those of the first of two rounds say who gives keys in the second.

    Raises:
        StepError: The operation decides of no shard, or of one that is not there; named by `where`.
    """
    parts = sorted(_done_path(folder, 0, partitions, again=again).parent.glob("*.parquet"))
    resolve = module.resolve_again if again else module.resolve
    what = f"`{AGAIN[2] if again else 'resolve'}`"
    decisions = pa.table({})
    if parts:
        found = resolve(pa.concat_tables(map(_read, parts)), settings)
        decisions = require_columns(found, (SHARD,), what, where)
    if decisions.num_rows:
        num_shards = len(list(_keys_path(folder, 0, partitions).parent.glob("*.parquet")))
        require_shards(decisions[SHARD], num_shards, what, where)
        decisions = decisions.sort_by(SHARD)
    require_settled()
    is_last = again == rounds_of(module)[-1]
    _write_groups(decisions, SHARD, _decisions_path(folder) if is_last else _found_path(folder))


def found_of(folder: Path, shard: int) -> pa.Table:
    """What the first of two rounds came to of one shard, that of all (shard -1) among it."""
    table = _read_groups(_found_path(folder), SHARD, {shard, -1})
    return pa.table({}) if table is None else table


def decisions_of(folder: Path, shard: int) -> pa.Table:
    """The decisions about one shard, those about all (shard -1) among them."""
    table = _read_groups(_decisions_path(folder), SHARD, {shard, -1})
    return pa.table({}) if table is None else table


def partitioned(keys: pa.Table, partitions: int) -> pa.Table:
    """The keys with the partition that each row goes to.

    Args:
        keys: With a column `key`, equal where samples have to meet: a string, a uint64 hash, or a
            list of such hashes, ascending, of a sample that may meet others by any of them.
        partitions: How many there are.

    Returns:
        The same rows with a column `partition` (int32), or, of lists, a row for each partition in
        which one has a hash, with the hashes that lie there. Rows without a key are in 0.
    """
    column = keys[KEY].combine_chunks()
    if column.type == pa.large_list(pa.uint64()):
        return _each_to_its_partitions(keys, column, partitions)
    if column.type == pa.string():
        words = ((word or "").encode("utf-8", "surrogatepass") for word in column.to_pylist())
        hashes = np.fromiter((zlib.crc32(word) << 32 for word in words), np.uint64, len(column))
    else:
        hashes = pc.fill_null(column, 0).to_numpy()
    return keys.append_column(PARTITION, pa.array(_partition_of(hashes, partitions)))


def _each_to_its_partitions(keys: pa.Table, column: pa.Array, number: int) -> pa.Table:
    """Rows with lists of hashes, cut by partition."""
    lengths = pc.fill_null(column.value_lengths(), 0).to_numpy()
    hashes = column.flatten().to_numpy()
    rows = np.repeat(np.arange(lengths.size), lengths)
    partitions = _partition_of(hashes, number)
    is_first = np.ones(rows.size, np.bool_)
    is_first[1:] = (rows[1:] != rows[:-1]) | (partitions[1:] != partitions[:-1])
    starts = np.flatnonzero(is_first)
    lists = pa.LargeListArray.from_arrays(np.append(starts, rows.size), hashes)
    cut = keys.take(pa.array(rows[starts]))
    cut = cut.set_column(keys.schema.get_field_index(KEY), KEY, lists)
    empty = keys.filter(pa.array(lengths == 0))
    nowhere = pa.array(np.zeros(empty.num_rows, np.int32))
    return pa.concat_tables(
        [
            cut.append_column(PARTITION, pa.array(partitions[starts])),
            empty.append_column(PARTITION, nowhere),
        ]
    )


def _partition_of(hashes: npt.NDArray[np.uint64], number: int) -> npt.NDArray[np.int32]:
    """The partition of each hash, by its 32 highest bits (multiply and shift, Lemire 2019)."""
    high = hashes >> np.uint64(32)
    return ((high * np.uint64(number)) >> np.uint64(32)).astype(np.int32)


def _keys_path(folder: Path, shard: int, partitions: int, *, again: bool = False) -> Path:
    return _work(folder, "keys", partitions, again) / f"{shard:05d}.parquet"


def _done_path(folder: Path, partition: int, partitions: int, *, again: bool = False) -> Path:
    """Says that a partition is reduced; what it came to is beside it, where it came to anything."""
    return _work(folder, "reduced", partitions, again) / f"{partition:05d}.json"


def _work(folder: Path, phase: str, partitions: int, again: bool) -> Path:
    # With the count in the name: keys of another count are not taken for these.
    return folder / "work" / f"{phase}{'-again' if again else ''}-{partitions}"


def _found_path(folder: Path) -> Path:
    return folder / "work" / "found.parquet"


def _decisions_path(folder: Path) -> Path:
    return folder / "work" / "decisions.parquet"


def _write_groups(table: pa.Table, by: str, path: Path) -> None:
    """Write a table sorted by an integer column, one row group a value."""
    with atomic_file(path) as file, writing(file, table.schema) as writer:
        if not table.num_rows:
            return
        values = table.column(by).to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), table.num_rows]
        for start, stop in itertools.pairwise(edges):
            part = table.slice(start, stop - start)
            writer.write_table(part, row_group_size=part.num_rows)


def _read(path: Path) -> pa.Table:
    with opened(path) as file:
        return file.read(use_threads=False)


def _read_groups(path: Path, by: str, values: set[int]) -> pa.Table | None:
    """The row groups of a file whose value of `by` is among `values`."""
    with opened(path) as file:
        if by not in file.schema_arrow.names:
            return None
        groups = [g for g, value in enumerate(_values_of(file, by)) if value in values]
        return (
            file.read_row_groups(groups, use_threads=False)
            if groups
            else file.schema_arrow.empty_table()
        )


def _values_of(file: pq.ParquetFile, by: str) -> list[int]:
    """The value of `by` in each row group of a file; none of one that has no such column."""
    if by not in file.schema_arrow.names:
        return []
    place = file.schema_arrow.get_field_index(by)
    return [
        file.metadata.row_group(g).column(place).statistics.min for g in range(file.num_row_groups)
    ]
