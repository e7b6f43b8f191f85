"""Samples in a line, and what a shuffle over them drops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa

from tests.shuffles import run_shuffle
from tilth.schema import SCHEMA

# id -> (rule, value, of) of the dropped samples.
Dropped = dict[str, tuple[str, str, str]]


def sample_batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    """Samples from their columns; a column that no row names is absent."""
    names = [name for name in SCHEMA if any(name in row for row in rows)]
    return pa.RecordBatch.from_arrays(
        [pa.array([row.get(name) for row in rows], SCHEMA[name]) for name in names], names=names
    )


def shards_of(batch: pa.RecordBatch, sizes: Sequence[int]) -> list[pa.RecordBatch]:
    """A batch, cut in shards; the last takes the rest."""
    shards, start = [], 0
    for size in [*sizes, batch.num_rows]:
        shards.append(batch.slice(start, size))
        start = min(start + size, batch.num_rows)
    return shards


def shuffle(
    operation: ModuleType,
    settings: Any,
    batch: pa.RecordBatch,
    shard_sizes: Sequence[int] = (),
    arrive: Callable[[list[int]], list[int]] = list,
) -> Dropped:
    """Run a shuffle over a batch that is cut in shards; the last shard takes the rest.

    Args:
        operation: The operation's module.
        settings: Its settings.
        batch: All samples, in order of position.
        shard_sizes: Rows of the first shards.
        arrive: Puts the shards in the order in which their keys arrive.
    """
    shards = shards_of(batch, shard_sizes)
    dropped: Dropped = {}
    outs = run_shuffle(operation, settings, shards, arrive)
    for rows, out in zip(shards, outs, strict=True):
        assert out["id"].equals(rows["id"])
        for row in out.to_pylist():
            if row.get("drop.rule") is not None:
                dropped[row["id"]] = (row["drop.rule"], row["drop.value"], row["drop.of"])
    return dropped
