"""A shuffle as the engine runs it, in one process: keys, partitions, reduce, resolve, decisions."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.engine.shuffle import PARTITION, partitioned


def stored(table: pa.Table) -> pa.Table:
    """The table as it comes back from disk."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(file)


def run_shuffle(
    operation: ModuleType,
    settings: Any,
    shards: Sequence[pa.RecordBatch],
    arrive: Callable[[list[int]], list[int]] = list,
) -> list[pa.RecordBatch]:
    """Run a shuffle over shards.

    Args:
        operation: The operation's module.
        settings: Its settings.
        shards: All samples, in order of position.
        arrive: Puts the shards in the order in which their keys arrive.
    """
    tables, first = {}, 0
    for number, rows in enumerate(shards):
        keys = operation.keys(rows, settings)
        positions = {name: first + i for i, name in enumerate(rows["id"].to_pylist())}
        position = [positions[name] for name in keys["id"].to_pylist()]
        keys = keys.append_column("position", pa.array(position, pa.int64()))
        keys = keys.append_column("shard", pa.array([number] * keys.num_rows, pa.int32()))
        tables[number] = partitioned(keys)
        first += rows.num_rows
    table = pa.concat_tables([tables[number] for number in arrive(list(tables))])
    partial = []
    for partition in arrive(sorted(set(table[PARTITION].to_pylist()))):
        part = table.filter(pa.compute.equal(table[PARTITION], partition))
        partial.append(stored(operation.reduce(stored(part), settings)))
    decisions = pa.table({"shard": pa.array([], pa.int32())})
    if partial:
        decisions = operation.resolve(pa.concat_tables(partial), settings)
    done = []
    for number, rows in enumerate(shards):
        here = [shard in (number, -1) for shard in decisions["shard"].to_pylist()]
        # As in the engine: a shard that no decision concerns may get a table without columns.
        mine = decisions.filter(pa.array(here, pa.bool_())) if any(here) else pa.table({})
        done.append(operation.apply(rows, mine, settings))
    return done
