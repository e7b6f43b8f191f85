"""A shuffle as the engine runs it, in one process: keys, partitions, reduce, resolve, decisions."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.engine import shuffle
from tilth.engine.shuffle import PARTITION, partitioned, rounds_of

# Few, for speed: that any number decides the same is tried in tests/engine/test_shuffle.py.
NUM_PARTITIONS = 5


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
    with mock.patch.object(shuffle, "NUM_PARTITIONS", NUM_PARTITIONS):
        return _run(operation, settings, shards, arrive)


def _run(
    operation: ModuleType,
    settings: Any,
    shards: Sequence[pa.RecordBatch],
    arrive: Callable[[list[int]], list[int]],
) -> list[pa.RecordBatch]:
    found = [pa.table({})] * len(shards)
    for again in rounds_of(operation):
        keys, reduce, resolve = (
            getattr(operation, f"{phase}_again" if again else phase)
            for phase in ("keys", "reduce", "resolve")
        )
        tables, first = {}, 0
        for number, rows in enumerate(shards):
            given = (rows, found[number], settings) if again else (rows, settings)
            if again and not found[number].num_rows:
                first += rows.num_rows
                continue
            table = keys(*given)
            positions = {name: first + i for i, name in enumerate(rows["id"].to_pylist())}
            position = [positions[name] for name in table["id"].to_pylist()]
            table = table.append_column("position", pa.array(position, pa.int64()))
            table = table.append_column("shard", pa.array([number] * table.num_rows, pa.int32()))
            tables[number] = partitioned(table)
            first += rows.num_rows
        # In the second round the engine gives the shards in their order.
        order = list(tables) if again else arrive(list(tables))
        partitions = {p for table in tables.values() for p in table[PARTITION].to_pylist()}
        partial = []
        for partition in arrive(sorted(partitions)):
            mine = [
                stored(
                    tables[number].filter(pa.compute.equal(tables[number][PARTITION], partition))
                )
                for number in order
            ]
            mine = [table for table in mine if table.num_rows]
            partial.append(stored(reduce(mine if again else pa.concat_tables(mine), settings)))
        decisions = pa.table({"shard": pa.array([], pa.int32())})
        if partial:
            decisions = resolve(pa.concat_tables(partial), settings)
        for number in range(len(shards)):
            here = [shard in (number, -1) for shard in decisions["shard"].to_pylist()]
            # As in the engine: a shard that no decision concerns may get a table without columns.
            found[number] = (
                decisions.filter(pa.array(here, pa.bool_())) if any(here) else pa.table({})
            )
    return [operation.apply(rows, mine, settings) for rows, mine in zip(shards, found, strict=True)]
