"""Apply an operation to a batch so that one bad record costs one record."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from tilth.engine.contract import require_batch
from tilth.errors import StepError, TilthError
from tilth.extensions import place_of
from tilth.schema import mark_error

Apply = Callable[[pa.RecordBatch], pa.RecordBatch]

# What an error message may carry into the ledger: enough to name the cause, not a document.
_MAX_MESSAGE = 300


def apply_safely(apply: Apply, batch: pa.RecordBatch, step: str) -> list[pa.RecordBatch]:
    """Apply to the batch; where it raises, halve until the rows that raise stand alone.

    Args:
        apply: The operation.
        batch: Rows to apply it to.
        step: Named in errors.

    Returns:
        Marked batches which together hold the same rows in the same order; columns may differ.

    Raises:
        TilthError: The operation says that it cannot run at all (a missing package, say).
        StepError: The operation changed the rows it was given, which it may not, or gave no batch,
            or a standard column as another kind of value.
    """
    try:
        result = apply(batch)
    except TilthError:
        raise
    except Exception as error:
        if batch.num_rows <= 1:
            return [mark_error(batch, [describe_error(error)] * batch.num_rows)]
        half = batch.num_rows // 2
        return [
            *apply_safely(apply, batch.slice(0, half), step),
            *apply_safely(apply, batch.slice(half), step),
        ]
    result = require_batch(result, "`apply`", step)
    if not _same_rows(batch, result):
        raise StepError(
            "the operation added, removed or reordered rows; it may only mark them",
            where=step,
            hint="mark rows with tilth.schema.mark_dropped",
            code="rows-changed",
        )
    return [result]


def _same_rows(before: pa.RecordBatch, after: pa.RecordBatch) -> bool:
    if before.num_rows != after.num_rows or "id" not in after.schema.names:
        return False
    return bool(before.column("id").equals(after.column("id")))


def describe_error(error: BaseException) -> str:
    """`Type: message`, on one line and bounded; of a user's own module, with its file and line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    text = text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"
    place = place_of(error)
    return f"{text} ({place})" if place else text
