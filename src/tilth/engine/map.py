"""What a worker does with a shard: the operation on all its rows, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pyarrow as pa

from tilth.context import require_settled
from tilth.engine.apply import apply_safely
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
) -> Shard:
    """Apply a map, or with its decisions the last phase of a shuffle, to a shard; commit it.

    Raises:
        StepError: The operation gives no such batch; named by `where`.
    """
    apply: Callable[[pa.RecordBatch], pa.RecordBatch]
    if decisions is None:

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return module.apply(batch, settings)
    else:

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return module.apply(batch, decisions, settings)

    writer = ShardWriter(task.folder, task.index)
    for batch in batches_of([task.input]):
        for part in apply_safely(apply, batch, f"{where}, shard {task.index}"):
            writer.add(part)
    require_settled()
    return writer.commit()
