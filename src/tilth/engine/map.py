"""What a worker does with a shard: the operation on all its rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

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


def batches_of(shards: Sequence[Path], schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
    """All rows of some shards as an operation sees them.

    Args:
        shards: Their files.
        schema: Columns to read; all that the shards have if None.
    """
    schema = schema_of(shards) if schema is None else schema
    return (batch for path in shards for batch in read_shard(path, schema, BATCH_ROWS))


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

    def apply(batch: pa.RecordBatch) -> Any:
        if parts:
            return module.part(batch, settings)
        if decisions is None:
            return module.apply(batch, settings)
        return module.apply(batch, decisions, settings)

    writer = ShardWriter(task.folder, task.index)
    finish = with_parts if parts else same_rows
    schema = with_fields(schema_of([task.input]), task.fields) if task.fields else None
    for batch in batches_of([task.input], schema):
        for one in apply_safely(apply, batch, f"{where}, shard {task.index}", finish):
            writer.add(one)
    require_settled()
    return writer.commit()
