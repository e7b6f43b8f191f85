"""A shuffle as the engine runs it, in one process: keys, partitions, reduce, resolve, decisions."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.engine.map import about, apart, first_position
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
    found = [pa.table({})] * len(shards)
    for again in rounds_of(operation):
        keys, reduce, resolve = (
            getattr(operation, f"{phase}_again" if again else phase)
            for phase in ("keys", "reduce", "resolve")
        )
        tables = {}
        for number, rows in enumerate(shards):
            if again and not found[number].num_rows:
                continue
            parts = []
            for first, part in _parts(rows):
                here = about(found[number], number, first, part.num_rows)
                table = keys(part, here, settings) if again else keys(part, settings)
                first += first_position(number)
                positions = {name: first + i for i, name in enumerate(part["id"].to_pylist())}
                position = [positions[name] for name in table["id"].to_pylist()]
                shard = pa.array([number] * table.num_rows, pa.int32())
                table = table.append_column("position", pa.array(position, pa.int64()))
                table = table.append_column("shard", shard)
                parts.append(partitioned(table, NUM_PARTITIONS))
            tables[number] = pa.concat_tables(parts)
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
    outs = []
    for number, (rows, mine) in enumerate(zip(shards, found, strict=True)):
        given = [
            operation.apply(part, about(mine, number, first, part.num_rows), settings)
            for first, part in _parts(rows)
        ]
        given_tables = [pa.Table.from_batches([batch]) for batch in given]
        table = pa.concat_tables(given_tables, promote_options="default").combine_chunks()
        outs.append(table.to_batches()[0] if table.num_rows else given[0])
    return outs


def _parts(rows: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
    """As the engine gives them: an id is one row of each. With the number of its first row."""
    found, first = [], 0
    for part in apart([rows]):
        found.append((first, part))
        first += part.num_rows
    return found
