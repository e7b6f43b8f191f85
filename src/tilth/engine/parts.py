"""One row in, several out: what an operation that parts records gives becomes counted samples.

The operation says of each part only which row it is of, what it is called there, and what it holds.
Name, address, source, split and owner are made here, of those of its row, and the row gives way to
its parts. So no mistake of an operation can lose a row, count one twice, or put parts of one
page into training and into the test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from tilth.engine.contract import broken, require_batch, require_own_names, require_same_rows
from tilth.schema import (
    BORN,
    DROP_RULE,
    ERROR,
    OF_PARENT,
    PART_NAME,
    PART_ROW,
    PARTED,
    PAYLOADS,
    SIGNAL_PREFIX,
    VERDICT,
    WEIGHT,
    column,
    mark_dropped,
    sample_id,
    spell_labels,
    with_columns,
    without_columns,
)

_WHAT = "`part`"


def with_parts(before: pa.RecordBatch, given: object, step: str) -> pa.RecordBatch:
    """What `part` gave as one marked batch: each row, and after it those born of it.

    Args:
        before: The rows that it was given.
        given: A pair of batches: those rows, marked where they are dropped or failed, and the
            parts.
        step: Named in errors.

    Returns:
        A batch with the column `part.born`. A row that has parts is dropped as parted into so many.
        A part has the columns of its row, less payloads and signals, where its operation gave
        none of its own; it weighs what its row does.

    Raises:
        StepError: It gave something else; or a part of no row, of one that it marks, or without a
            name of its own; or a part says itself what it has of its row.
    """
    if not (isinstance(given, tuple) and len(given) == 2):
        raise broken(f"{_WHAT} gives a {type(given).__name__}, not the rows and their parts", step)
    rows = spell_labels(require_batch(given[0], _WHAT, step))
    require_same_rows(before, rows, step, _WHAT)
    parts = spell_labels(require_batch(given[1], _WHAT, step))
    if not parts.num_rows:
        return rows
    parents, names = _parents(parts, rows, step), _names(parts, step)
    _require_apart(parents, names, step)
    own = without_columns(parts, [PART_ROW, PART_NAME])
    for name in OF_PARENT:
        if name in own.schema.names:
            raise broken(f"{_WHAT} gives `{name}`, which a part has of its row", step)
    require_own_names(rows.schema.names, own, _WHAT, step)
    counts = np.bincount(parents, minlength=rows.num_rows)
    marked = pc.or_(pc.is_valid(column(rows, ERROR)), pc.is_valid(column(rows, DROP_RULE)))
    if (marked.to_numpy(zero_copy_only=False) & (counts > 0)).any():
        raise broken(f"{_WHAT} gives parts of a row that it marks", step)
    rows = mark_dropped(rows, counts > 0, PARTED, [f"into {count:,}" for count in counts])
    return _in_place(rows, _born(rows, parents, names, own), parents)


def _parents(parts: pa.RecordBatch, rows: pa.RecordBatch, step: str) -> np.ndarray:
    """The row of each part, int64 [num_parts]."""
    for name in (PART_ROW, PART_NAME):
        if name not in parts.schema.names or parts.column(name).null_count:
            raise broken(f"{_WHAT} gives parts without `{name}`", step)
    found = parts.column(PART_ROW)
    if not types.is_integer(found.type):
        raise broken(f"{_WHAT} gives `{PART_ROW}` as {found.type}; it is a whole number", step)
    numbers = np.asarray(found.cast(pa.int64()))
    if numbers.min() < 0 or numbers.max() >= rows.num_rows:
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise broken(
            f"{_WHAT} gives a part of the row {wrong}, and the batch has {rows.num_rows}", step
        )
    return numbers


def _names(parts: pa.RecordBatch, step: str) -> list[str]:
    kind = parts.column(PART_NAME).type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        raise broken(f"{_WHAT} gives `{PART_NAME}` as {kind}; it is a text", step)
    names: list[str] = parts.column(PART_NAME).to_pylist()
    if "" in names:
        raise broken(f"{_WHAT} gives a part whose name is empty", step)
    return names


def _require_apart(parents: np.ndarray, names: Sequence[str], step: str) -> None:
    """Of two parts of one row with one name nobody could say which is meant."""
    if (np.diff(parents) < 0).any():
        raise broken(f"{_WHAT} gives parts that are not in the order of their rows", step)
    ((pair, times),) = Counter(zip(parents.tolist(), names, strict=True)).most_common(1)
    if times > 1:
        raise broken(f"{_WHAT} gives the name `{pair[1][:80]}` to {times} parts of one row", step)


def _born(
    rows: pa.RecordBatch, parents: np.ndarray, names: Sequence[str], own: pa.RecordBatch
) -> pa.RecordBatch:
    """The parts with all that they have of their rows."""
    chosen = pa.array(parents)
    left = {*own.schema.names, *PAYLOADS, *VERDICT, *OF_PARENT}
    given = {
        name: rows.column(name).take(chosen)
        for name in rows.schema.names
        if name not in left and (name == WEIGHT or not name.startswith(SIGNAL_PREFIX))
    }
    ids = rows.column("id").take(chosen)
    uris = column(rows, "uri").take(chosen)
    given |= {
        name: rows.column(name).take(chosen)
        for name in ("source", "split", "consent", "subject")
        if name in rows.schema.names
    }
    made = {
        "id": [sample_id(of, name) for of, name in zip(ids.to_pylist(), names, strict=True)],
        "uri": [part_uri(of, name) for of, name in zip(uris.to_pylist(), names, strict=True)],
        # What is drawn by it is drawn for all parts as for the whole.
        "key": pc.coalesce(column(rows, "key").take(chosen), uris),
        "part_of": ids,
    }
    own = with_columns(own, given | made)
    return with_columns(own, {BORN: pa.repeat(True, own.num_rows)})


def part_uri(of: str | None, name: str) -> str:
    """The address of a part: that of the whole, and the name as its fragment (RFC 3986, 3.5).

    Args:
        of: The whole's. Of one that has a fragment already, the name stands after it.
        name: Of the part.
    """
    of = of or ""
    return f"{of}{'&' if '#' in of else '#'}{name}"


def _in_place(rows: pa.RecordBatch, parts: pa.RecordBatch, parents: np.ndarray) -> pa.RecordBatch:
    """Each row and after it its parts: an order that no size of batches changes."""
    both = pa.concat_tables(
        [pa.Table.from_batches([one]) for one in (rows, parts)], promote_options="permissive"
    )
    places = np.concatenate([np.arange(rows.num_rows), parents])
    is_part = np.repeat([0, 1], [rows.num_rows, parts.num_rows])
    order = np.lexsort((is_part, places))
    (batch,) = both.take(pa.array(order)).combine_chunks().to_batches()
    return batch
