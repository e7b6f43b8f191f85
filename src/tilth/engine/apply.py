"""Apply an operation to a batch so that one bad record costs one record."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tilth.engine.contract import require_batch, require_same_rows
from tilth.errors import StepError, TilthError, function_of, place_of, words_of
from tilth.schema import NoColumnError, mark_error, spell_labels

Apply = Callable[[pa.RecordBatch], Any]
Finish = Callable[[pa.RecordBatch, object, str], pa.RecordBatch]

# What an error message may carry into the ledger: enough to name the cause, not a document.
_MAX_MESSAGE = 300

# A disk that is full is no fault of the record that met it.
OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}


def same_rows(before: pa.RecordBatch, given: object, step: str) -> pa.RecordBatch:
    """What a map gave, which has to be the rows that it was given; with labels in their spelling.

    Raises:
        StepError: It is something else.
    """
    after = require_batch(given, "`apply`", step)
    require_same_rows(before, after, step)
    return spell_labels(after)


def apply_safely(
    apply: Apply, batch: pa.RecordBatch, step: str, finish: Finish = same_rows
) -> list[pa.RecordBatch]:
    """Apply to the batch; where it raises, halve until the rows that raise stand alone.

    Args:
        apply: The operation.
        batch: Rows to apply it to.
        step: Named in errors.
        finish: Makes a marked batch of what the operation gave for a batch, or refuses it.

    Returns:
        Marked batches which together hold the same rows in the same order; columns may differ.

    Raises:
        TilthError: The operation says that it cannot run at all (a missing package, say).
        StepError: The operation changed the rows it was given, which it may not, or gave no batch,
            or a standard column as another kind of value, or asks for a column that nothing has; or
            the machine has no memory, no disk or no files left for it: a record that is set aside
            for that would stay aside.
    """
    try:
        result = apply(batch)
    except TilthError:
        raise
    except NoColumnError as error:
        raise StepError(describe_error(error), where=step, code="no-column") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            raise _fault_of_the_machine(batch, error, step) from error
        if batch.num_rows <= 1:
            if isinstance(error, MemoryError):
                raise _fault_of_the_machine(batch, error, step) from error
            return [mark_error(batch, [_cause_of(error)] * batch.num_rows)]
        half = batch.num_rows // 2
        return [
            *apply_safely(apply, batch.slice(0, half), step, finish),
            *apply_safely(apply, batch.slice(half), step, finish),
        ]
    return [finish(batch, result, step)]


def _fault_of_the_machine(batch: pa.RecordBatch, error: Exception, step: str) -> StepError:
    rows = f"{batch.num_rows} records"
    if batch.num_rows == 1:
        rows = f"the record {batch.column('id')[0].as_py()}"
    return StepError(
        f"the operation could not go on at {rows}: {describe_error(error)}",
        where=step,
        hint="free what is short and run the same command again; what was committed is kept",
        code="machine-fault",
    )


def describe_error(error: BaseException) -> str:
    """`Type: message`, on one line and bounded; of a user's own module, with its file and line."""
    place = place_of(error)
    return f"{_said(error)} ({place})" if place else _said(error)


def _cause_of(error: BaseException) -> str:
    """The same as it is kept beside a record: of a user's own module, with the function."""
    place = function_of(error)
    return f"{_said(error)} ({place})" if place else _said(error)


def _said(error: BaseException) -> str:
    text = f"{type(error).__name__}: {words_of(error)}"
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"
