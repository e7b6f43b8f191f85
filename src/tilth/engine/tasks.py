"""What a worker does. A task is a JSON object; each kind is a function from it to a JSON object.

Tasks name files, so the same task runs in a local process or on a Ray node that sees the same
folder. Each commits its output by rename and is safe to run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.context import Context, Progress
from tilth.engine import shuffle
from tilth.engine.apply import apply_safely
from tilth.engine.share import shareable_document
from tilth.errors import source_changed
from tilth.recipe.operations import Operation, operation
from tilth.schema import SCHEMA
from tilth.settings import BaseSettings
from tilth.store.dataset import read_shard
from tilth.store.files import atomic_folder, read_json, write_json
from tilth.store.shard import ShardWriter, cut_shards, forget_shards, is_committed, shard_path

# An operation sees batches of this many rows: large enough to amortise a kernel call, small
# enough that a worker holds a few MB.
BATCH_ROWS = 256

Task = Mapping[str, Any]


def run_task(task: Task, progress: Progress) -> dict[str, Any]:
    """Run one task; see the functions of `_TASKS` for the kinds."""
    return _TASKS[task["task"]](task, progress)


def _load(task: Task) -> tuple[Operation, BaseSettings]:
    found = operation(task["op"])
    return found, found.settings.model_validate(task["settings"])


def _context(task: Task, progress: Progress) -> Context:
    work = Path(task["work"])
    work.mkdir(parents=True, exist_ok=True)
    return Context(work, task["seed"], task["threads"], progress, task.get("limit"))


def read_source(task: Task, progress: Progress) -> dict[str, Any]:
    """Read a source into shards; shards that an earlier run committed are not written again."""
    op, settings = _load(task)
    folder = Path(task["folder"])
    before = op.module.fingerprint(settings)
    seen = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal seen
        limit = task.get("limit")
        for batch in op.module.read(settings, task["source"], _context(task, progress)):
            part = _typed(batch if limit is None else batch.slice(0, limit - seen))
            seen += part.num_rows
            yield part
            if limit is not None and seen >= limit:
                return

    shards = cut_shards(batches(), max_rows=task["shard_rows"], max_bytes=task["shard_bytes"])
    for index, group in enumerate(shards):
        writer = ShardWriter(folder, index)
        if is_committed(folder, writer.name):
            continue
        for batch in group:
            writer.add(batch)
        writer.commit()
    if op.module.fingerprint(settings) != before:
        forget_shards(folder)
        raise source_changed(task["step"])
    return {}


def _typed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its standard columns in their standard types."""
    arrays = [
        array.cast(SCHEMA[name]) if name in SCHEMA and array.type != SCHEMA[name] else array
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _input_batches(task: Task) -> Iterator[pa.RecordBatch]:
    path = Path(task["input"])
    schema = pq.read_schema(path).remove_metadata()
    return read_shard(path, schema, BATCH_ROWS)


def map_shard(task: Task, progress: Progress) -> dict[str, Any]:
    """Apply a map, or the last phase of a shuffle, to one shard and commit it."""
    op, settings = _load(task)
    folder, index = Path(task["folder"]), task["index"]
    apply: Callable[[pa.RecordBatch], pa.RecordBatch]
    if op.kind == "shuffle":
        decisions = shuffle.decisions_of(folder, index)

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return op.module.apply(batch, decisions, settings)
    else:

        def apply(batch: pa.RecordBatch) -> pa.RecordBatch:
            return op.module.apply(batch, settings)

    writer = ShardWriter(folder, index)
    for batch in _input_batches(task):
        for part in apply_safely(apply, batch, f"{task['step']}, shard {index}"):
            writer.add(part)
    entry = writer.commit()
    progress(1, 1, "")
    return entry


def shuffle_keys(task: Task, progress: Progress) -> dict[str, Any]:
    """First phase of a shuffle: the keys of one shard."""
    op, settings = _load(task)
    shuffle.write_keys(op, settings, _input_batches(task), Path(task["folder"]), task["index"])
    progress(1, 1, "")
    return {}


def shuffle_reduce(task: Task, progress: Progress) -> dict[str, Any]:
    """Second phase: all keys of one partition, over all shards."""
    op, settings = _load(task)
    shuffle.write_reduced(op, settings, Path(task["folder"]), task["index"])
    progress(1, 1, "")
    return {}


def shuffle_resolve(task: Task, progress: Progress) -> dict[str, Any]:
    """Third phase: the partial results of all partitions become decisions."""
    op, settings = _load(task)
    shuffle.write_decisions(op, settings, Path(task["folder"]))
    progress(1, 1, "")
    return {}


def describe(task: Task, _: Progress) -> dict[str, Any]:
    """The operation's own figures of what it kept, as they may be shared: the manifest is no part
    of the data."""
    op, settings = _load(task)
    folder = Path(task["folder"])
    paths = [shard_path(folder, name, "kept") for name in task["shards"]]
    schema = pa.unify_schemas(
        [pq.read_schema(path).remove_metadata() for path in paths], promote_options="permissive"
    )
    batches = (batch for path in paths for batch in read_shard(path, schema, BATCH_ROWS))
    return shareable_document(op.module.describe(batches, settings))


def fit(task: Task, progress: Progress) -> dict[str, Any]:
    """One long task that resumes by itself; its artifacts appear in one rename."""
    op, settings = _load(task)
    folder = Path(task["folder"])
    inputs = {role: Path(path) for role, path in task["inputs"].items()}
    with atomic_folder(folder / "model") as out:
        result: dict[str, Any] = op.module.fit(inputs, settings, out, _context(task, progress))
        write_json(out / "result.json", result)
    return result


def cell_path(folder: Path, index: int) -> Path:
    """Where the result of a cell of a grid stands."""
    return folder / "cells" / f"{index:05d}.json"


def num_cells_done(folder: Path) -> int:
    """How many cells of a grid have a result."""
    return sum(1 for _ in cell_path(folder, 0).parent.glob("*.json"))


def run_cell(task: Task, progress: Progress) -> dict[str, Any]:
    """One cell of a grid."""
    op, settings = _load(task)
    path = cell_path(Path(task["folder"]), task["index"])
    # Cells share a folder (prepared arrays), and get the recipe's seed beside their own.
    inputs = {role: Path(where) for role, where in task["inputs"].items()}
    result: dict[str, Any] = op.module.run_cell(
        task["cell"], inputs, settings, _context(task, progress)
    )
    write_json(path, {"cell": task["cell"], "result": result})
    progress(1, 1, "")
    return {}


def summarize(task: Task, _: Progress) -> dict[str, Any]:
    """What the cells of a grid add up to."""
    op, settings = _load(task)
    folder = Path(task["folder"])
    results = [read_json(cell_path(folder, index)) for index in range(task["num_cells"])]
    summary: dict[str, Any] = op.module.summarize(results, settings)
    return summary


def cells(task: Task, _: Progress) -> dict[str, Any]:
    """The cells of a grid."""
    op, settings = _load(task)
    return {"cells": op.module.cells(settings)}


_TASKS: dict[str, Callable[[Task, Progress], dict[str, Any]]] = {
    "read_source": read_source,
    "map_shard": map_shard,
    "shuffle_keys": shuffle_keys,
    "shuffle_reduce": shuffle_reduce,
    "shuffle_resolve": shuffle_resolve,
    "describe": describe,
    "fit": fit,
    "cells": cells,
    "run_cell": run_cell,
    "summarize": summarize,
}
