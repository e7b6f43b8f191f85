"""Columns that travel beside rows as they were read: a whole batch's, of which rows are taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tilth.meta.arrow import alike
from tilth.meta.kinds import TEXT
from tilth.meta.spelt import MIXED

# A column's name, its values, and what is said of it.
Further = tuple[str, pa.Array, dict[bytes, bytes] | None]


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
) -> Iterator[Further]:
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


def met(own: Iterable[Further], beside: Iterable[Further]) -> Iterator[Further]:
    """The columns of some rows of which one has its values itself and another beside it.

    Args:
        own: Columns of what rows have themselves, null for a row that has it beside.
        beside: Columns of `joined` for the same rows.
    """
    others = {name: (array, said) for name, array, said in beside}
    for name, array, said in own:
        if name not in others:
            yield name, array, said
            continue
        other, told = others.pop(name)
        both = pa.concat_arrays(alike([array, other]))
        here = pc.is_valid(array).to_pylist()
        taken = [row if mine else len(here) + row for row, mine in enumerate(here)]
        is_mixed = MIXED in (said, told) or (array.type != other.type and both.type == TEXT)
        yield name, both.take(pa.array(taken, pa.int64())), MIXED if is_mixed else None
    for name, (array, said) in others.items():
        yield name, array, said
