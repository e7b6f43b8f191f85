"""One field in files of several types, in a folder that `files` reads: one column."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.engine.inline import inline, place, plan_of, run_inline
from tests.formats.documents import xlsx
from tilth.meta.arrow import words
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

# Of each column the values in a file of types, and those in one without.
_TYPED: dict[str, list[Any]] = {
    "whole": [3, 4],
    "part": [0.5, None],
    "word": ["late", "x"],
    "yes": [True, False],
    "none": [None, None],
    "date": [datetime.date(2024, 2, 29), datetime.date(1999, 1, 1)],
    "list": [[1, 2], None],
}
_PLAIN: dict[str, list[Any]] = {name: [1, 2] for name in _TYPED}

_Make = Callable[[dict[str, list[Any]]], dict[str, bytes]]


def _table(columns: dict[str, list[Any]]) -> pa.Table:
    return pa.table({"text": ["row 1", "row 2"], **columns})


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _parquet(columns: dict[str, list[Any]]) -> dict[str, bytes]:
    out = io.BytesIO()
    pq.write_table(_table(columns), out, row_group_size=1)
    return {"parquet": out.getvalue()}


def _arrow(columns: dict[str, list[Any]]) -> dict[str, bytes]:
    out, table = io.BytesIO(), _table(columns)
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return {"arrow": out.getvalue()}


def _jsonl(columns: dict[str, list[Any]]) -> dict[str, bytes]:
    lines = [json.dumps({"text": "line", **row}) for row in _rows(columns)]
    return {"jsonl": "\n".join(lines).encode()}


def _markdown(columns: dict[str, list[Any]]) -> dict[str, bytes]:
    return {
        f"{number}.md": f"---\n{json.dumps(row)}\n---\nText {number}.\n".encode()
        for number, row in enumerate(_rows(columns))
    }


def _xlsx(columns: dict[str, list[Any]]) -> dict[str, bytes]:
    pytest.importorskip("python_calamine")
    rows = [["cell", *row.values()] for row in _rows(columns)]
    return {"xlsx": xlsx({"One": [["text", *columns], *rows]})}


def _read(folder: Path, files: dict[str, bytes], shard_rows: int) -> dict[str, list[Any]]:
    """The fields of all rows; each shard has the same columns."""
    source = folder / "in"
    source.mkdir()
    for name, data in files.items():
        (source / name).write_bytes(data)
    text = f"tilth: 1\nname: mixed\ncollect:\n  a: {{files: {{path: {source}}}}}\n"
    run_inline(text, folder / "run", shard_rows=shard_rows)
    dataset = Dataset(place(folder / "run", plan_of(text), "collect.a"))
    assert len({pq.read_schema(path).to_string() for path in dataset.shards()}) == 1
    rows = dataset.to_arrow().to_pylist()
    fields = [name for name in dataset.schema.names if name.startswith("meta.")]
    assert len(fields) == len(set(fields))
    return {name.removeprefix("meta."): [row[name] for row in rows] for name in fields}


def _as_one(values: list[Any]) -> list[Any]:
    """Plain values as one column has them."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2 or kinds == {int, float}:
        return values
    return [None if value is None else words(value) for value in values]


@pytest.mark.parametrize(("is_first", "shard_rows"), [(True, 3), (False, 1)])
@pytest.mark.parametrize(
    ("plain", "typed"),
    [(_jsonl, _parquet), (_jsonl, _arrow), (_markdown, _parquet), (_xlsx, _parquet)],
)
def test_a_field_of_two_types_of_file_is_one_column(
    tmp_path: Path, plain: _Make, typed: _Make, is_first: bool, shard_rows: int
) -> None:
    first, second = (plain(_PLAIN), typed(_TYPED)) if is_first else (typed(_TYPED), plain(_PLAIN))
    files = {f"a.{name}": data for name, data in first.items()}
    files |= {f"b.{name}": data for name, data in second.items()}
    found = _read(tmp_path, files, shard_rows)
    assert found == {
        name: _as_one([*_PLAIN[name], *values] if is_first else [*values, *_PLAIN[name]])
        for name, values in _TYPED.items()
    }
