"""Data sets as a step leaves them, of the columns that a test gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tilth.engine.books import Books
from tilth.store import Dataset
from tilth.store.manifest import Manifest, write_manifest
from tilth.store.shard import ShardWriter


def written(folder: Path, shards: Sequence[Mapping[str, Sequence[object]]]) -> Dataset:
    """A finished data set of these shards, marks and all."""
    entries = []
    for index, columns in enumerate(shards):
        writer = ShardWriter(folder, index)
        writer.add(pa.RecordBatch.from_pydict(dict(columns)))
        entries.append(writer.commit())
    counts = Books.of(entries).counts()
    write_manifest(folder, Manifest(step="mix", counts=counts, shards=tuple(entries)))
    return Dataset(folder)
