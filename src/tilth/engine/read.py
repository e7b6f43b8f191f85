"""What a worker does with a source: its records, as far as they are asked for, cut into shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from tilth.context import Context, PassesOver, Progress, require_settled
from tilth.engine.again import Files
from tilth.engine.contract import SamplesOnce, require_batch, require_batches, require_samples
from tilth.errors import DataError, StepError
from tilth.meta.arrow import UnsupportedError
from tilth.meta.stream import Stream, one_schema
from tilth.reading.fields import Fields, unclaimed
from tilth.reading.labels import Labels
from tilth.records import Record
from tilth.settings import BaseSettings
from tilth.store.files import remove
from tilth.store.manifest import MANIFEST, PassedOver
from tilth.store.passed import PassedOverWriter
from tilth.store.shard import ShardWriter, cut_shards, forget_shards, is_committed, refit_shards

if TYPE_CHECKING:
    from tilth.engine.tasks import ReadSource


class WasRead(Record):
    """What there is to say of a source that was read.

    Attributes:
        passed: What it passed over, which is listed beside the shards.
        told: What is to be told of its fields, in sentences.
    """

    passed: PassedOver
    told: tuple[str, ...] = ()


class Joining(Protocol):
    """Tables that are joined to a source as it is read."""

    def add(self, batch: pa.RecordBatch, given: pa.Schema) -> tuple[pa.RecordBatch, pa.Schema]:
        """A batch with what they say, and its columns with what is said of them."""
        ...

    def finish(self, *, whole: bool) -> Iterator[pa.RecordBatch]:
        """Once all samples went by: what of the tables could not be read."""
        ...

    def telling(self, passes_over: PassesOver) -> PassesOver:
        """Tell of what the source passes over, less what is read as a table."""
        ...

    def told(self) -> list[str]:
        """What is to be told, in sentences."""
        ...


def read_source(
    task: ReadSource,
    module: ModuleType,
    settings: BaseSettings,
    where: str,
    progress: Progress,
    join: Callable[[Context], Joining] | None = None,
) -> WasRead:
    """Read a source into shards; shards that an earlier run committed are not written again.

    Args:
        task: Which.
        module: Of its operation.
        settings: How.
        where: The step, in errors.
        progress: Told how far it is.
        join: Opens what is joined to it.

    Raises:
        StepError: The operation gives no such samples; named by `where`.
    """
    task.work.mkdir(parents=True, exist_ok=True)
    with PassedOverWriter(task.folder) as passed:
        # Of what a limit leaves nobody knows what else a file holds.
        files = None
        # What is joined to a sample is stored with it, and may be another now.
        if task.limit is None and join is None and hasattr(module, "fingerprint"):
            files = Files(module.fingerprint(settings), task.before, passed)
        context = Context(
            task.work,
            task.seed,
            1,
            progress,
            task.limit,
            lambda: _forget(task.folder),
            passed.add,
            files=files,
        )
        try:
            joined = None if join is None else join(context)
            if joined is not None:
                told = joined.telling(context.passes_over)
                context = replace(context, passes_over=told, spreads=True)
            sentences = _write_shards(task, module, settings, where, context, joined, files)
        except DataError as error:
            # Of a source that holds nothing nothing stays, also not the list of why.
            if error.code == "empty-source" and (why := passed.told()):
                error.hint = f"it passed over {why}; {error.hint}"
            raise
        require_settled()
        return WasRead(passed=passed.commit(), told=tuple(sentences))


def _forget(folder: Path) -> None:
    """What stands there is of what was fetched before; the manifest first, which says it is."""
    remove(folder / MANIFEST)
    forget_shards(folder)


def _write_shards(
    task: ReadSource,
    module: ModuleType,
    settings: BaseSettings,
    where: str,
    context: Context,
    join: Joining | None,
    files: Files | None,
) -> list[str]:
    limit, seen, ended = task.limit, 0, False
    stream, labels = Stream(), Labels()

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal seen, ended
        for batch in require_batches(module.read(settings, task.source, context), where):
            part = require_batch(batch, "`read`", where)
            require_samples(part, task.source, where)
            part = part if limit is None else part.slice(0, limit - seen)
            seen += part.num_rows
            given = getattr(batch, "schema", part.schema)
            if join is not None:
                part, given = join.add(part, given)
            part = _with_fields(labels.fit(part), given, stream, where)
            if files is not None:
                files.saw(part, given)
            yield part
            if limit is not None and seen >= limit:
                break
        if join is not None:
            yield from join.finish(whole=limit is None)
        ended = True

    shards = cut_shards(batches(), max_rows=task.shard_rows, max_bytes=task.shard_bytes)
    for index, group in enumerate(shards):
        writer = ShardWriter(task.folder, index)
        if is_committed(task.folder, writer.name):
            continue
        once = SamplesOnce()
        # Of what type a field is in all shards is known when the last record was read.
        for batch in map(stream.fit, group) if ended else one_schema(group):
            once.add(batch, where)
            writer.add(batch)
        require_settled()
        writer.commit()
    refit_shards(task.folder, stream.schema(), stream.fit)
    if files is not None:
        files.commit(task.folder, stream.schema())
    fields = getattr(settings, "fields", None)
    hints = unclaimed(fields, stream.names()) if isinstance(fields, Fields) else []
    told = join.told() if join is not None else ()
    return [*told, *stream.mixed(), *stream.commas(), *hints, *labels.told()]


def _with_fields(
    batch: pa.RecordBatch, given: pa.Schema, stream: Stream, where: str
) -> pa.RecordBatch:
    try:
        return stream.saw(batch, given)
    except UnsupportedError as error:
        raise StepError(
            f"`read` gives a field that cannot be carried: {error}",
            where=where,
            hint="give it as numbers, text, bytes, times or lists of these",
            code="contract",
        ) from None
