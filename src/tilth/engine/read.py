"""What a worker does with a source: its records, as far as they are asked for, cut into shards."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import pyarrow as pa

from tilth.context import Context, Progress, require_settled
from tilth.engine.contract import SamplesOnce, require_batch, require_batches, require_samples
from tilth.settings import BaseSettings
from tilth.store.manifest import PassedOver
from tilth.store.passed import PassedOverWriter
from tilth.store.shard import ShardWriter, cut_shards, forget_shards, is_committed

if TYPE_CHECKING:
    from tilth.engine.tasks import ReadSource


def read_source(
    task: ReadSource, module: ModuleType, settings: BaseSettings, where: str, progress: Progress
) -> PassedOver:
    """Read a source into shards; shards that an earlier run committed are not written again.

    Returns:
        What it passed over, which is listed beside the shards.

    Raises:
        StepError: The operation gives no such samples; named by `where`.
    """
    task.work.mkdir(parents=True, exist_ok=True)
    with PassedOverWriter(task.folder) as passed:
        context = Context(
            task.work,
            task.seed,
            1,
            progress,
            task.limit,
            lambda: forget_shards(task.folder),
            passed.add,
        )
        _write_shards(task, module, settings, where, context)
        require_settled()
        return passed.commit()


def _write_shards(
    task: ReadSource, module: ModuleType, settings: BaseSettings, where: str, context: Context
) -> None:
    limit, seen = task.limit, 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal seen
        for batch in require_batches(module.read(settings, task.source, context), where):
            part = require_batch(batch, "`read`", where)
            require_samples(part, task.source, where)
            part = part if limit is None else part.slice(0, limit - seen)
            seen += part.num_rows
            yield part
            if limit is not None and seen >= limit:
                return

    shards = cut_shards(batches(), max_rows=task.shard_rows, max_bytes=task.shard_bytes)
    for index, group in enumerate(shards):
        writer = ShardWriter(task.folder, index)
        if is_committed(task.folder, writer.name):
            continue
        once = SamplesOnce()
        for batch in group:
            once.add(batch, where)
            writer.add(batch)
        require_settled()
        writer.commit()
