"""What a worker does with a shard: the operation on all its rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tilth.context import require_settled
from tilth.engine.apply import apply_safely, same_rows
from tilth.engine.parts import with_parts
from tilth.meta.stream import with_fields
from tilth.settings import BaseSettings
from tilth.store.manifest import Shard
from tilth.store.parquet import read_shard, schema_of
from tilth.store.shard import ShardWriter

if TYPE_CHECKING:
    from tilth.engine.tasks import MapShard

# An operation sees batches of this many rows: large enough to amortise a kernel call, small
# enough that a worker holds a few MB.
BATCH_ROWS = 256

# Of a key or a decision: which row of the whole data set it is of.
POSITION = "position"


def batches_of(shards: Sequence[Path], schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
    """All rows of some shards as an operation sees them.

    Args:
        shards: Their files.
        schema: Columns to read; all that the shards have if None.
    """
    schema = schema_of(shards) if schema is None else schema
    return (batch for path in shards for batch in read_shard(path, schema, BATCH_ROWS))


def apart(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches, cut where an id stands for a second time: a record may be there twice.

    Keys and decisions name a row by its id, so that no batch may have two of one.
    """
    for batch in batches:
        first, seen = 0, set[str]()
        for row, name in enumerate(batch.column("id").to_pylist()):
            if name in seen:
                yield batch.slice(first, row - first)
                first, seen = row, set()
            seen.add(name)
        yield batch.slice(first) if first else batch


def about(decisions: pa.Table, shard: int, row: int, num_rows: int) -> pa.Table:
    """The decisions about some rows of a shard, and those that say no `position`.

    Args:
        decisions: About the shard.
        shard: Its number.
        row: The first of the rows, counted from the shard's beginning.
        num_rows: How many.
    """
    if POSITION not in decisions.schema.names:
        return decisions
    at = decisions[POSITION]
    start = first_position(shard) + row
    here = pc.and_(pc.greater_equal(at, start), pc.less(at, start + num_rows))
    return decisions.filter(pc.fill_null(here, True))


def first_position(shard: int) -> int:
    """That of a shard's first row: it orders rows over all shards, whatever worker saw them."""
    return shard << 32


def map_shard(
    task: MapShard,
    module: ModuleType,
    settings: BaseSettings,
    where: str,
    decisions: pa.Table | None = None,
    *,
    parts: bool = False,
) -> Shard:
    """Apply a map, or with its decisions the last phase of a shuffle, to a shard; commit it.

    Args:
        task: Which shard.
        module: The operation's.
        settings: Of the operation.
        where: Named in errors.
        decisions: Of a shuffle.
        parts: The operation parts records.

    Raises:
        StepError: The operation gives no such batch; named by `where`.
    """
    writer = ShardWriter(task.folder, task.index)
    finish = with_parts if parts else same_rows
    schema = with_fields(schema_of([task.input]), task.fields) if task.fields else None
    batches = batches_of([task.input], schema)
    row = 0
    for batch in batches if decisions is None else apart(batches):
        here = None if decisions is None else about(decisions, task.index, row, batch.num_rows)
        row += batch.num_rows

        def apply(batch: pa.RecordBatch, here: pa.Table | None = here) -> Any:
            if parts:
                return module.part(batch, settings)
            if here is None:
                return module.apply(batch, settings)
            return module.apply(batch, here, settings)

        for one in apply_safely(apply, batch, f"{where}, shard {task.index}", finish):
            writer.add(one)
    require_settled()
    return writer.commit()
