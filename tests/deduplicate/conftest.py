"""A shuffle as the engine runs it, in one process: keys, partitions, reduce, resolve, apply."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.schema import SCHEMA

# id -> (rule, value, of) of the dropped samples.
Dropped = dict[str, tuple[str, str, str]]


def sample_batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Samples from their columns; a column that no row names is absent."""
    names = [name for name in SCHEMA if any(name in row for row in rows)]
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(name) for row in rows], SCHEMA[name]) for name in names], names=names
    )


def stored(table: pa.Table) -> pa.Table:
    """The table as it comes back from disk."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(file)


def shuffle(
    operation: ModuleType,
    settings: Any,
    batch: pa.RecordBatch,
    shard_sizes: Sequence[int] = (),
    arrive: Callable[[list[int]], list[int]] = list,
) -> Dropped:
    """Run a shuffle over a batch that is cut in shards; the last shard takes the rest.

    Args:
        operation: The operation's module.
        settings: Its settings.
        batch: All samples, in order of position.
        shard_sizes: Rows of the first shards.
        arrive: Puts the shards in the order in which their keys arrive.
    """
    shards, start = [], 0
    for size in [*shard_sizes, batch.num_rows]:
        shards.append((start, batch.slice(start, size)))
        start = min(start + size, batch.num_rows)
    tables = {}
    for number, (first, rows) in enumerate(shards):
        keys = operation.keys(rows, settings)
        positions = {name: first + i for i, name in enumerate(rows["id"].to_pylist())}
        position = [positions[name] for name in keys["id"].to_pylist()]
        keys = keys.append_column("position", pa.array(position, pa.int64()))
        tables[number] = keys.append_column("shard", pa.array([number] * keys.num_rows, pa.int32()))
    table = pa.concat_tables([tables[number] for number in arrive(list(tables))])
    partitions = table["partition"].to_numpy()
    assert table.schema.field("partition").type == pa.int32()
    assert table.num_rows == 0 or (partitions.min() >= 0 and partitions.max() < 64)
    partial = []
    for partition in arrive(list(range(64))):
        part = table.filter(pa.array(partitions == partition, pa.bool_()))
        if part.num_rows:
            partial.append(stored(operation.reduce(stored(part), settings)))
    decisions = pa.table({"shard": pa.array([], pa.int32())})
    if partial:
        decisions = operation.resolve(pa.concat_tables(partial), settings)
    dropped: Dropped = {}
    for number, (_, rows) in enumerate(shards):
        here = [shard in (number, -1) for shard in decisions["shard"].to_pylist()]
        # As in the engine: a shard that no decision concerns may get a table without columns.
        mine = decisions.filter(pa.array(here, pa.bool_())) if any(here) else pa.table({})
        out = operation.apply(rows, mine, settings)
        assert out["id"].equals(rows["id"])
        for row in out.to_pylist():
            if row.get("drop.rule") is not None:
                dropped[row["id"]] = (row["drop.rule"], row["drop.value"], row["drop.of"])
    return dropped
