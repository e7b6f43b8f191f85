"""Columns that travel beside rows as they were read: a whole batch's, of which rows are taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from tilth.meta.arrow import alike
from tilth.meta.kinds import TEXT
from tilth.meta.spelt import MIXED


class Beside(NamedTuple):
    """Where a row's further columns stand.

    Attributes:
        batch: Columns `meta.NAME` of carried types.
        row: Its number in them.
        num_bytes: About what of memory is the row's: its share.
    """

    batch: pa.RecordBatch
    row: int
    num_bytes: int = 0


def joined(
    places: Sequence[Beside | None],
) -> Iterator[tuple[str, pa.Array, dict[bytes, bytes] | None]]:
    """The columns of some rows, one after another, null for a row that has none, with what is said
    of each: whether its values were of several types."""
    if not any(places):
        return
    parts: list[tuple[pa.RecordBatch | None, int]] = []
    for _, group in itertools.groupby(places, lambda place: id(place.batch) if place else 0):
        found = list(group)
        first = found[0]
        if first is None:
            parts.append((None, len(found)))
            continue
        rows = [place.row for place in found if place is not None]
        if rows == list(range(rows[0], rows[0] + len(rows))):
            parts.append((first.batch.slice(rows[0], len(rows)), len(rows)))
        else:
            parts.append((first.batch.take(pa.array(rows, pa.int64())), len(rows)))
    names = dict.fromkeys(n for batch, _ in parts if batch is not None for n in batch.schema.names)
    for name in names:
        arrays = [
            batch.column(batch.schema.get_field_index(name))
            if batch is not None and name in batch.schema.names
            else pa.nulls(length)
            for batch, length in parts
        ]
        kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
        found = pa.concat_arrays(alike(arrays))
        yield name, found, MIXED if len(kinds) > 1 and found.type == TEXT else None
