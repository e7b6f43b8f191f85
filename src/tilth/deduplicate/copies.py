"""What the deduplicators share: which copy stays, and how the others are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tilth.errors import DataError
from tilth.schema import DROP_RULE, ERROR, column, mark_dropped
from tilth.spell import distinct, fixed, is_on

# The copy with the lowest rank stays: a held-out sample must not vanish because training data
# holds it too.
RANKS: Mapping[str, int] = {"test": 0, "validation": 1, "train": 2}

DECISIONS = pa.schema(
    [
        pa.field("shard", pa.int32()),
        pa.field("position", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("of", pa.string()),
        pa.field("value", pa.string()),
    ]
)


def split_ranks(batch: pa.RecordBatch) -> npt.NDArray[np.int8]:
    """The rank of each row's split, int8 [num_rows]; a row without one is training data.

    Raises:
        DataError: A split is none of test, validation and train: ranking it as training data
            could drop a held-out sample without a word.
    """
    splits = column(batch, "split", "train").to_pylist()
    unknown = sorted({s for s in splits if s is not None and s not in RANKS})
    if unknown:
        raise DataError(
            f"`{unknown[0]}` is not a split",
            hint="a sample's `split` is one of test, validation, train",
            code="unknown-split",
        )
    return np.array([RANKS[s or "train"] for s in splits], np.int8)


def is_eligible(batch: pa.RecordBatch, payload: str) -> npt.NDArray[np.bool_]:
    """Rows that have the payload and are neither dropped nor quarantined, bool [num_rows].

    A sample that is leaving must not be the reason why its copy leaves too.
    """
    present = pc.is_valid(column(batch, payload))
    for name in (DROP_RULE, ERROR):
        present = pc.and_(present, pc.is_null(column(batch, name)))
    return np.asarray(present.to_numpy(zero_copy_only=False), np.bool_)


def group_starts(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Where runs of equal rows begin in sorted columns [n]; the last entry is n.

    Returns:
        int64 [groups + 1].
    """
    size = columns[0].size
    if size == 0:
        return np.zeros(1, np.int64)
    changes = np.zeros(size, np.bool_)
    changes[0] = True
    for values in columns:
        changes[1:] |= values[1:] != values[:-1]
    return np.append(np.flatnonzero(changes), size).astype(np.int64)


def ranges(starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """starts[0], starts[0] + 1, ... counts[0] of them, then those from starts[1] on, int64."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))


def spelled(share: float, bounds: Sequence[float]) -> str:
    """A share with two decimals, or as many more as tell it from the bounds."""
    if any(is_on(share, bound, 2) for bound in bounds):
        return distinct(share, bounds)
    return fixed(share, 2)


def with_witness(keys: pa.Table, batch: pa.RecordBatch) -> pa.Table:
    """The keys and one row, null but for `id`: proof that the batch was looked at.

    Without it a setting that fits no sample at all would give no keys, no decisions and no word.
    """
    if not batch.num_rows:
        return keys
    row = {name: pa.nulls(1, keys.schema.field(name).type) for name in keys.schema.names}
    row["id"] = column(batch, "id").slice(0, 1)
    return pa.concat_tables([keys, pa.table(row)])


def without_witnesses(keys: pa.Table) -> pa.Table:
    """The keys that are samples'."""
    return keys.filter(pc.is_valid(keys["rank"]))


def with_evidence(partial: pa.Table, is_found: bool) -> pa.Table:
    """The partial result, and a row of nulls where this partition held what the step looks for."""
    row = pa.table(
        [pa.nulls(int(is_found), field.type) for field in partial.schema], partial.schema
    )
    return pa.concat_tables([partial, row])


def without_evidence(partials: pa.Table, missing: DataError) -> pa.Table:
    """The partial results less the rows of nulls.

    Raises:
        DataError: `missing`, where no partition gave such a row.
    """
    rows = partials.filter(pc.is_valid(partials.column(0)))
    if rows.num_rows == partials.num_rows:
        raise missing
    return rows


def no_payload(payload: str) -> DataError:
    """The error for a step that has found nothing to compare."""
    return DataError(
        f"no sample has {payload} to compare, so that no copy can be found",
        hint="set `of` to the payload that the samples have, or leave the step out",
        code="no-payload",
    )


def mark_copies(
    batch: pa.RecordBatch,
    decisions: pa.Table,
    rule: str,
) -> pa.RecordBatch:
    """Mark the rows that the decisions name, with their deciding value and the sample that stays.

    Args:
        batch: The batch.
        decisions: Columns `id`, `of` and `value` (strings); without rows they may be absent.
        rule: The rule's name.
    """
    if not decisions.num_rows:
        return batch
    index = pc.index_in(column(batch, "id"), value_set=decisions["id"].combine_chunks())
    where = np.asarray(pc.is_valid(index).to_numpy(zero_copy_only=False), np.bool_)
    value, of = (decisions[name].combine_chunks().take(index) for name in ("value", "of"))
    return mark_dropped(batch, where, rule, value=value, of=of)
