"""What a worker does with a task. Each commits its output by rename and is safe to run again.

What decides a step's output is in modules that know of no plan: `read`, `map`, `shuffle`,
`describe` and `train`. They are part of the step's identity (`tilth.recipe.operations`), and this
one is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import assert_never

import pyarrow as pa
from pydantic import JsonValue

from tilth import reads
from tilth.augment import specs
from tilth.context import Context, Progress, checking, require_settled
from tilth.engine import shuffle
from tilth.engine.cells import KeptCell
from tilth.engine.contract import require_sentences
from tilth.engine.describe import describe
from tilth.engine.map import batches_of, map_shard
from tilth.engine.read import Joining, read_source
from tilth.engine.reads import keep_reads
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
from tilth.engine.train import fit, planned_of, run_cell
from tilth.errors import source_changed
from tilth.extensions import find, open_reference, using
from tilth.own import held
from tilth.recipe.code import reachable
from tilth.recipe.identity import digest_of_outside
from tilth.recipe.operations import Operation, operation
from tilth.recipe.plan import JOINS, modules_named
from tilth.records import Json, Record, read_as, read_file
from tilth.schema import META, PAYLOADS, SCHEMA
from tilth.settings import BaseSettings
from tilth.store.digests import remembering, watching
from tilth.store.files import write_record
from tilth.store.parquet import schema_of
from tilth.store.shard import forget_shards


def run_task(task: Task, progress: Progress) -> JsonValue:
    """Run one task; returns what its step is to know of it, as JSON."""
    with using([open_reference(one) for one in task.extensions]), held():
        op = operation(task.op)
        settings = op.settings.model_validate(task.settings)
        with _as_planned(task, op, settings) as seen:
            return _run_task(task, op, settings, progress, seen)


@contextmanager
def _as_planned(task: Task, op: Operation, settings: BaseSettings) -> Iterator[reads.Reads]:
    """Refuse what is done inside if what lies outside is not, or does not stay, what was planned.

    What code of the user's own opens besides is kept beside what was made, before that counts.

    Raises:
        DataError: It is another, or was written to meanwhile, even if that was undone: the step's
            identity would name other data.
    """

    def check() -> None:
        if changed := [*watch.changed(), *seen.changed()]:
            if isinstance(task, ReadSource):
                forget_shards(task.folder)
            raise source_changed(
                task.step, [os.path.basename(path.rstrip(os.sep)) for path in changed]
            )
        # A survey looks at a function, and calls it not.
        found = seen.digests(asked=not isinstance(task, Survey))
        if found and not isinstance(task, RunCell):
            keep_reads(task.folder, task.kind, task.index, found)

    run, own = task.folder.parents[1], _own_modules(task, op, settings)
    with remembering(task.memo), watching() as watch, reads.watching([run], own) as seen:
        outside = op.fingerprint(settings)
        if outside is not None and digest_of_outside(outside) != task.outside:
            raise source_changed(task.step, when="after it was planned")
        with checking(check):
            yield seen
        # A training has looked at it as soon as it was read.
        if isinstance(task, Fit):
            watch.forget()
        check()
        # What came to a source, or went, was not watched.
        if isinstance(task, ReadSource) and digest_of_outside(op.fingerprint(settings)) != (
            task.outside
        ):
            forget_shards(task.folder)
            raise source_changed(task.step)


def _own_modules(task: Task, op: Operation, settings: BaseSettings) -> list[str]:
    """What of a task's code is the user's own: it may have kept what it opened when imported."""
    if not task.extensions:
        return []
    named: Iterable[str] = ()
    if isinstance(task, Fit | RunCell):
        planned = planned_of(task, op.module)
        if isinstance(task, RunCell):
            cell = op.module.Cell.model_validate(task.cell)
            named = op.module.cell_modules(cell, settings, planned)
        else:
            transforms = specs.modules_of(getattr(planned, "augment", ()))
            named = [*modules_named(settings, planned), *transforms]
    return [name for name in reachable(op.modules(tuple(named))) if find(name) is not None]


def _run_task(
    task: Task, op: Operation, settings: BaseSettings, progress: Progress, seen: reads.Reads
) -> JsonValue:
    where = _place(task, op)
    result: JsonValue = None
    match task:
        case ReadSource(refresh=True):
            task.work.mkdir(parents=True, exist_ok=True)
            context = Context(task.work, task.seed, 1, progress, task.limit)
            return str(op.module.refresh(settings, context))
        case ReadSource():
            return read_source(
                task, op.module, settings, where, progress, _joining(task, settings)
            ).as_json()
        case MapShard():
            decisions = None
            if op.kind == "shuffle":
                decisions = shuffle.decisions_of(task.folder, task.index)
            parts = op.kind == "part"
            entry = map_shard(task, op.module, settings, where, decisions, parts=parts)
            result = entry.as_json()
        case ShuffleKeys():
            batches, place = batches_of([task.input]), (task.folder, task.index, task.partitions)
            shuffle.write_keys(op.module, settings, batches, *place, where, again=task.again)
        case ShuffleReduce():
            place = (task.folder, task.index, task.partitions)
            shuffle.write_reduced(op.module, settings, *place, where, again=task.again)
        case ShuffleResolve():
            shuffle.write_decisions(
                op.module, settings, task.folder, task.partitions, where, again=task.again
            )
        case Describe():
            return describe(task, op.module, settings, where)
        case Survey():
            return _survey(task, op, settings, where)
        case Fit():
            return fit(task, op.module, settings, progress)
        case RunCell():
            found = run_cell(task, op.module, settings, progress)
            require_settled()
            opened = seen.digests()
            kept = KeptCell(cell=task.cell, result=found, parts=task.parts, reads=opened)
            write_record(task.place, kept)
        case Summarize():
            return _summarize(task, op, settings)
        case _:
            assert_never(task)
    progress(1, 1, "")
    return result


def _joining(task: ReadSource, settings: BaseSettings) -> Callable[[Context], Joining] | None:
    """Opens the tables that a source's settings join to it; None where there are none."""
    # Only a step that has some is decided by what reads them.
    if not getattr(settings, "join", ()):
        return None
    module = import_module(JOINS)
    return lambda context: module.Joining(settings, task.source, context)


def _place(task: Task, op: Operation) -> str:
    """The step, in errors; of a user's own operation with its file."""
    found = find(op.module_name)
    return task.step if found is None else f"{task.step} ({found[0].shown_file(found[1])})"


def _survey(task: Survey, op: Operation, settings: BaseSettings, where: str) -> list[JsonValue]:
    """What is to be told before the step begins."""
    kinds = schema_of(task.inputs)
    reads_of = getattr(op.module, "reads", None)
    named = () if reads_of is None else reads_of(settings)
    small = [
        name
        for name in kinds.names
        if (name in SCHEMA and name not in PAYLOADS) or (name.startswith(META) and name in named)
    ]
    schema = pa.schema([kinds.field(name) for name in small])
    batches = batches_of(task.inputs, schema)
    return list(require_sentences(op.module.survey(batches, settings), where))


def _summarize(task: Summarize, op: Operation, settings: BaseSettings) -> Json:
    results = []
    for number, path in enumerate(task.places):
        kept = read_file(KeptCell, path)
        # Of the grid at hand: an arm of another may have had another name.
        cell = op.module.Cell.model_validate(task.cells[number])
        results.append((cell, read_as(op.module.Outcome, kept.result, str(path))))
    summary: Record = op.module.summarize(results, settings)
    return summary.as_json()
