"""One bad record costs one record, and an operation may not change the rows it is given."""

from __future__ import annotations

import errno

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.engine.apply import apply_safely
from tilth.errors import MissingError, StepError
from tilth.schema import ERROR, SCHEMA, column, with_columns


def _batch(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"id": [str(i) for i in range(count)]})


@given(st.sets(st.integers(0, 99), max_size=20), st.integers(1, 100))
def test_exactly_the_rows_that_raise_are_quarantined(bad: set[int], count: int) -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        if any(int(name) in bad for name in batch.column("id").to_pylist()):
            raise ValueError("no\ngood")
        return with_columns(batch, {"signal.fine": [1.0] * batch.num_rows})

    parts = apply_safely(operation, _batch(count), "step")
    rows = [row for part in parts for row in part.to_pylist()]
    assert [row["id"] for row in rows] == [str(i) for i in range(count)]
    failed = {int(row["id"]) for row in rows if row.get(ERROR)}
    assert failed == {i for i in bad if i < count}
    assert all(row.get(ERROR) in (None, "ValueError: no good") for row in rows)


def test_labels_that_an_operation_gives_are_in_their_one_spelling() -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        answers = [[{"annotator": "p", "label": " 1.0"}], None]
        kind = SCHEMA["annotations"]
        given = {"label": [" 2.0 ", "a"], "annotations": pa.array(answers, kind)}
        return with_columns(batch, given)

    (found,) = apply_safely(operation, _batch(2), "step")
    assert found.column("label").to_pylist() == ["2", "a"]
    assert found.column("annotations")[0].as_py() == [{"annotator": "p", "label": "1"}]


@pytest.mark.parametrize(
    "operation",
    [
        lambda b: b.slice(1),
        lambda b: pa.RecordBatch.from_pydict({"id": list(reversed(b.column("id").to_pylist()))}),
        lambda b: pa.RecordBatch.from_pydict({"other": [0] * b.num_rows}),
    ],
)
def test_rows_that_vanish_are_refused(operation) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(StepError, match="may only mark"):
        apply_safely(operation, _batch(4), "step")


def test_an_operation_that_cannot_run_at_all_is_not_quarantined() -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise MissingError("no package")

    with pytest.raises(MissingError):
        apply_safely(operation, _batch(4), "step")


def test_a_long_message_is_cut() -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ValueError("x" * 10_000)

    (part,) = apply_safely(operation, _batch(1), "step")
    assert len(column(part, ERROR)[0].as_py()) == 300


@pytest.mark.parametrize(
    ("error", "rows"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "8 records"),
        (OSError(errno.EMFILE, "Too many open files"), "8 records"),
        (OSError(errno.EIO, "Input/output error"), "8 records"),
        (MemoryError(), "the record 5"),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_a_record(error: Exception, rows: str) -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        if "5" in batch.column("id").to_pylist():
            raise error
        return batch

    with pytest.raises(StepError, match=rows) as told:
        apply_safely(operation, _batch(8), "step")
    assert type(error).__name__ in told.value.what


def test_a_batch_too_large_for_the_memory_is_cut() -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.num_rows > 2:
            raise MemoryError
        return with_columns(batch, {"signal.fine": [1.0] * batch.num_rows})

    parts = apply_safely(operation, _batch(8), "step")
    assert [row["id"] for part in parts for row in part.to_pylist()] == [str(i) for i in range(8)]
    assert all(row.get(ERROR) is None for part in parts for row in part.to_pylist())


def test_a_file_that_cannot_be_read_is_the_records_own() -> None:
    def operation(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise OSError("image file is truncated")

    (part,) = apply_safely(operation, _batch(1), "step")
    assert column(part, ERROR)[0].as_py() == "OSError: image file is truncated"


def test_a_column_that_nothing_has_is_no_fault_of_a_record() -> None:
    with pytest.raises(StepError, match="there is no column `txt`; the batch has `id`"):
        apply_safely(lambda batch: with_columns(batch, {"a": column(batch, "txt")}), _batch(8), "s")
