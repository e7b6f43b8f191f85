"""What a worker does to describe what a step kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pyarrow as pa

from tilth.engine.contract import require_figures
from tilth.engine.map import batches_of
from tilth.engine.share import shareable_document
from tilth.records import Json
from tilth.settings import BaseSettings
from tilth.store.parquet import schema_of
from tilth.store.shard import shard_path

if TYPE_CHECKING:
    from tilth.engine.tasks import Describe


def describe(task: Describe, module: ModuleType, settings: BaseSettings, where: str) -> Json:
    """The operation's figures as they may be shared: the manifest is no part of the data.

    Raises:
        StepError: They are no figures; named by `where`.
    """
    paths = [shard_path(task.folder, name, "kept") for name in task.shards]
    paths += [shard_path(task.folder, name, "dropped") for name in task.dropped]
    paths += [shard_path(task.folder, name, "quarantine") for name in task.quarantine]
    by = getattr(module, "DESCRIBES_BY", None)
    columns = by and pa.schema([field for field in schema_of(paths) if field.name in by])
    found = module.describe(_Batches(paths, columns), settings)
    return shareable_document(require_figures(found, where))


class _Batches:
    """The rows of some shards, from the first each time that they are gone through."""

    def __init__(self, paths: Sequence[Path], columns: pa.Schema | None) -> None:
        self._paths = paths
        self._columns = columns

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return batches_of(self._paths, self._columns)
