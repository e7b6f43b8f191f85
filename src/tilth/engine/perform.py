"""What a worker does with a task. Each commits its output by rename and is safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import assert_never

import pyarrow as pa
from pydantic import JsonValue

from tilth.context import Context, Progress
from tilth.engine import shuffle
from tilth.engine.apply import apply_safely
from tilth.engine.cells import KeptCell
from tilth.engine.contract import (
    SamplesOnce,
    require_batch,
    require_batches,
    require_figures,
    require_samples,
    require_sentences,
)
from tilth.engine.share import shareable_document
from tilth.engine.tasks import (
    Describe,
    Fit,
    MapShard,
    ReadSource,
    RunCell,
    ShuffleKeys,
    ShuffleReduce,
    ShuffleResolve,
    Summarize,
    Survey,
    Task,
)
from tilth.errors import source_changed
from tilth.extensions import find, open_reference, using
from tilth.recipe.identity import digest_of_outside
from tilth.recipe.operations import Operation, operation
from tilth.records import Json, Record, read_as, read_file
from tilth.schema import PAYLOADS, SCHEMA
from tilth.settings import BaseSettings
from tilth.store.dataset import read_shard, schema_of
from tilth.store.files import atomic_folder, write_json
from tilth.store.manifest import Shard
from tilth.store.shard import ShardWriter, cut_shards, forget_shards, is_committed, shard_path

# An operation sees batches of this many rows: large enough to amortise a kernel call, small
# enough that a worker holds a few MB.
BATCH_ROWS = 256


def run_task(task: Task, progress: Progress) -> JsonValue:
    """Run one task; returns what its step is to know of it, as JSON."""
    with using([open_reference(one) for one in task.extensions]):
        return _run_task(task, progress)


def _run_task(task: Task, progress: Progress) -> JsonValue:
    match task:
        case ReadSource():
            _read_source(task, progress)
            return None
        case MapShard():
            return _map_shard(task, progress).as_json()
        case ShuffleKeys():
            op, settings = _load(task)
            where, batches = _place(task, op), _batches(task.input)
            shuffle.write_keys(op, settings, batches, task.folder, task.index, where)
        case ShuffleReduce():
            op, settings = _load(task)
            shuffle.write_reduced(op, settings, task.folder, task.index, _place(task, op))
        case ShuffleResolve():
            op, settings = _load(task)
            shuffle.write_decisions(op, settings, task.folder, _place(task, op))
        case Describe():
            return _describe(task)
        case Survey():
            return _survey(task)
        case Fit():
            return _fit(task, progress)
        case RunCell():
            _run_cell(task, progress)
        case Summarize():
            return _summarize(task)
        case _:
            assert_never(task)
    progress(1, 1, "")
    return None


def _load(task: Task) -> tuple[Operation, BaseSettings]:
    found = operation(task.op)
    return found, found.settings.model_validate(task.settings)


def _place(task: Task, op: Operation) -> str:
    """The step, in errors; of a user's own operation with its file."""
    found = find(op.module_name)
    return task.step if found is None else f"{task.step} ({found[0].shown_file(found[1])})"


def _planned(task: Fit | RunCell, op: Operation) -> BaseSettings:
    """What the plan gives to a training stage."""
    assert op.planned is not None
    return op.planned.model_validate(task.planned)


def _context(task: ReadSource | Fit | RunCell, progress: Progress) -> Context:
    task.work.mkdir(parents=True, exist_ok=True)
    if isinstance(task, ReadSource):
        return Context(task.work, task.seed, 1, progress, task.limit)
    return Context(task.work, task.seed, task.threads, progress)


def _read_source(task: ReadSource, progress: Progress) -> None:
    """Read a source into shards; shards that an earlier run committed are not written again.

    Raises:
        DataError: It is not as it was planned, or changed while it was read: the step's identity
            would name other data.
    """
    op, settings = _load(task)
    before = op.module.fingerprint(settings)
    if digest_of_outside(before) != task.outside:
        raise source_changed(task.step, when="after it was planned")
    limit, seen, where = task.limit, 0, _place(task, op)

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal seen
        given = op.module.read(settings, task.source, _context(task, progress))
        for batch in require_batches(given, where):
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
        writer.commit()
    if op.module.fingerprint(settings) != before:
        forget_shards(task.folder)
        raise source_changed(task.step)


def _batches(shard: Path) -> Iterator[pa.RecordBatch]:
    return read_shard(shard, schema_of([shard]), BATCH_ROWS)


def _map_shard(task: MapShard, progress: Progress) -> Shard:
    op, settings = _load(task)
    apply: Callable[[pa.RecordBatch], pa.RecordBatch]
    if op.kind == "shuffle":
        decisions = shuffle.decisions_of(task.folder, task.index)

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return op.module.apply(batch, decisions, settings)
    else:

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return op.module.apply(batch, settings)

    writer = ShardWriter(task.folder, task.index)
    for batch in _batches(task.input):
        for part in apply_safely(apply, batch, f"{_place(task, op)}, shard {task.index}"):
            writer.add(part)
    entry = writer.commit()
    progress(1, 1, "")
    return entry


def _describe(task: Describe) -> Json:
    """The figures as they may be shared: the manifest is no part of the data."""
    op, settings = _load(task)
    paths = [shard_path(task.folder, name, "kept") for name in task.shards]
    paths += [shard_path(task.folder, name, "dropped") for name in task.dropped]
    schema = schema_of(paths)
    batches = (batch for path in paths for batch in read_shard(path, schema, BATCH_ROWS))
    return shareable_document(
        require_figures(op.module.describe(batches, settings), _place(task, op))
    )


def _survey(task: Survey) -> list[JsonValue]:
    """What is to be told before the step begins."""
    op, settings = _load(task)
    kinds = schema_of(task.inputs)
    small = [name for name in kinds.names if name in SCHEMA and name not in PAYLOADS]
    schema = pa.schema([kinds.field(name) for name in small])
    batches = (batch for path in task.inputs for batch in read_shard(path, schema, BATCH_ROWS))
    return list(require_sentences(op.module.survey(batches, settings), _place(task, op)))


def _fit(task: Fit, progress: Progress) -> Json:
    op, settings = _load(task)
    with atomic_folder(task.folder / "model") as out:
        result: Record = op.module.fit(
            task.inputs, settings, out, _context(task, progress), _planned(task, op)
        )
        found = result.as_json()
        write_json(out / "result.json", found)
    return found


def _run_cell(task: RunCell, progress: Progress) -> None:
    op, settings = _load(task)
    cell = op.module.Cell.model_validate(task.cell)
    # Cells share a folder (prepared arrays), and get the recipe's seed beside their own.
    outcome: Record = op.module.run_cell(
        cell, task.inputs, settings, _context(task, progress), _planned(task, op)
    )
    kept = KeptCell(cell=task.cell, result=outcome.as_json(), parts=task.parts)
    write_json(task.place, kept.as_json())


def _summarize(task: Summarize) -> Json:
    op, settings = _load(task)
    results = []
    for path in task.cells:
        kept = read_file(KeptCell, path)
        cell = read_as(op.module.Cell, kept.cell, str(path))
        results.append((cell, read_as(op.module.Outcome, kept.result, str(path))))
    summary: Record = op.module.summarize(results, settings)
    return summary.as_json()
