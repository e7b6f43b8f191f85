"""Find rows in Parquet shards: read the key column, then only the row groups that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tilth.decode.objects import is_text
from tilth.meta.arrow import spelt_rows
from tilth.schema import Row
from tilth.store import Dataset
from tilth.store.manifest import KINDS, Kind
from tilth.store.parquet import opened

Match = Callable[[pa.ChunkedArray], pa.ChunkedArray]

# Opening a shard is mostly waiting for the disk; Arrow lets go of the interpreter meanwhile.
_THREADS = 8


@dataclass(frozen=True)
class Found:
    """A row and where it stands."""

    kind: Kind
    shard: str
    index: int
    row: Row


def equals(value: str) -> Match:
    """Matches one value."""
    return _asked(value, lambda column: pc.equal(column, value))


def among(values: Iterable[str]) -> Match:
    """Matches any of the values."""
    wanted = pa.array(sorted(set(values)), pa.string())
    return lambda column: pc.is_in(column, value_set=wanted)


def starts_with(prefix: str) -> Match:
    """Matches what begins so."""
    return _asked(prefix, lambda column: pc.starts_with(column, prefix))


def contains(text: str) -> Match:
    """Matches what holds the text."""
    return _asked(text, lambda column: pc.match_substring(column, text))


def _asked(text: str, match: Match) -> Match:
    """As `match`; half of a pair of surrogates, as a shell may give it, is in no shard."""
    return match if is_text(text) else lambda column: pa.chunked_array([[False] * len(column)])


def find_rows(
    dataset: Dataset,
    column: str,
    match: Match,
    *,
    kinds: Sequence[Kind] = KINDS,
    columns: Sequence[str] | None = None,
    shards: Sequence[str] | None = None,
    limit: int | None = None,
) -> list[Found]:
    """Rows whose column matches, in the order of the data.

    Args:
        dataset: Where to look.
        column: The key column; shards without it have no match.
        match: Which values.
        kinds: kept, dropped, quarantine.
        columns: What to read of the rows that match; all if None.
        shards: Names of the shards to look into; all if None.
        limit: Rows at most.
    """
    paths = [
        (kind, path)
        for kind in kinds
        for path in dataset.shards(kind)
        if shards is None or path.stem in shards
    ]
    found: list[Found] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for (kind, path), indices in zip(
            paths, pool.map(lambda item: _matches(item[1], column, match), paths), strict=True
        ):
            wanted = indices if limit is None else indices[: limit - len(found)]
            rows = take_rows(path, wanted, columns)
            found += [Found(kind, path.stem, i, row) for i, row in zip(wanted, rows, strict=True)]
            if limit is not None and len(found) >= limit:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    return found


def _matches(path: Path, column: str, match: Match) -> list[int]:
    with opened(path) as file:
        if column not in file.schema_arrow.names:
            return []
        values = file.read([column]).column(0)
    indices: list[int] = np.flatnonzero(np.asarray(pc.fill_null(match(values), False))).tolist()
    return indices


def take_rows(
    path: Path, indices: Sequence[int], columns: Sequence[str] | None = None
) -> list[Row]:
    """The rows at these positions of a shard; columns that it lacks are left out."""
    if not indices:
        return []
    with opened(path) as file:
        names = file.schema_arrow.names
        read = [n for n in columns if n in names] if columns is not None else names
        sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        groups = np.searchsorted(starts, np.asarray(indices), side="right") - 1
        rows: list[Row] = []
        by_group: dict[int, list[int]] = {}
        for index, group in zip(indices, groups.tolist(), strict=True):
            by_group.setdefault(group, []).append(index - int(starts[group]))
        for group, inside in by_group.items():
            table = file.read_row_group(group, columns=read)
            rows += spelt_rows(table.take(pa.array(inside, pa.int64())))
        return rows


def read_columns(dataset: Dataset, kind: Kind, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of every shard of a kind, one table a shard; absent columns are null."""
    for path in dataset.shards(kind):
        with opened(path) as file:
            present = [n for n in columns if n in file.schema_arrow.names]
            table = file.read(present)
        for name in columns:
            if name not in present:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        yield table.select(list(columns))
