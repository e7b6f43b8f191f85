"""Shards are read in the columns that they have together; their footers tell what is empty."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tilth.errors import DataError
from tilth.store.parquet import is_empty, nulls_of, read_shard, schema_of
from tilth.store.shard import write_parquet


def _written(folder: Path, *columns: dict[str, pa.Array]) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(columns))]
    for path, given in zip(paths, columns, strict=True):
        write_parquet(pa.table(given), path)
    return paths


def test_a_shard_is_read_in_the_columns_of_all(tmp_path: Path) -> None:
    paths = _written(
        tmp_path,
        {"id": pa.array(["a", "b"]), "n": pa.array([1, 2])},
        {"id": pa.array(["c"]), "n": pa.array([0.5]), "label": pa.array(["x"])},
    )
    schema = schema_of(paths)
    rows = [
        row for path in paths for batch in read_shard(path, schema) for row in batch.to_pylist()
    ]
    assert rows == [
        {"id": "a", "n": 1.0, "label": None},
        {"id": "b", "n": 2.0, "label": None},
        {"id": "c", "n": 0.5, "label": "x"},
    ]


def test_columns_that_no_one_type_holds_are_refused(tmp_path: Path) -> None:
    paths = _written(tmp_path, {"n": pa.array([1])}, {"n": pa.array(["one"])})
    with pytest.raises(DataError, match="no one type") as caught:
        schema_of(paths)
    assert caught.value.code == "two-types"


def test_a_column_is_empty_where_no_row_has_it(tmp_path: Path) -> None:
    answers = pa.list_(pa.struct([("annotator", pa.string())]))
    given: list[list[str | None]] = [[None, None], [None, "a"]]
    for number, values in enumerate(given):
        table = pa.table(
            {
                "label": pa.array(values, pa.string()),
                "text": pa.array(["x" * 5000, None], pa.large_string()),
                "subject": pa.nulls(2, pa.string()),
                "annotations": pa.array([[], [{"annotator": v} for v in values if v]], answers),
            }
        )
        write_parquet(table, tmp_path / f"{number}.parquet")
    both = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    assert is_empty(both, "subject")
    assert is_empty(both, "target")
    assert is_empty(both[:1], "label")
    assert not is_empty(both, "label")
    assert not is_empty(both, "text")
    assert is_empty(both[:1], "annotations")
    assert not is_empty(both, "annotations")


def test_rows_without_a_value_are_counted_over_all_shards(tmp_path: Path) -> None:
    paths = _written(
        tmp_path,
        {"n": pa.array([1, None, 3]), "full": pa.array(["a", "b", "c"])},
        {"n": pa.array([None, 5]), "full": pa.array(["d", "e"]), "late": pa.array([1, 2])},
    )
    assert nulls_of(paths) == {"n": 2, "full": 0, "late": 3}
    assert nulls_of(paths[1:]) == {"n": 1, "full": 0, "late": 0}
    assert nulls_of([]) == {}
