"""One field in files of several types, in a folder that `files` reads: one column."""

from __future__ import annotations

import datetime
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.inline import inline, place, plan_of, run_inline
from tests.formats.documents import xlsx
from tilth.collect import files
from tilth.context import Context
from tilth.meta.arrow import words
from tilth.schema import ERROR
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


# Values that a cell spells as JSON does: a zero at the end of a fraction would say more.
_NUMBERS = st.one_of(
    st.none(),
    st.integers(-99, 99),
    st.integers(-(10**17), 10**17),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: not value.is_integer()),
)
_KINDS = st.sampled_from([_NUMBERS, st.none() | st.booleans(), st.none() | st.integers(-9, 9)])
_FILES = _KINDS.flatmap(
    lambda values: st.lists(
        st.tuples(st.booleans(), st.lists(values, min_size=1, max_size=3)), min_size=1, max_size=4
    )
)


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(_FILES, st.integers(1, 4))
def test_cells_beside_values_are_what_they_spell(
    parts: list[tuple[bool, list[Any]]], shard_rows: int
) -> None:
    files = {
        f"{number}.csv" if is_csv else f"{number}.jsonl": (_csv if is_csv else _lines)(values)
        for number, (is_csv, values) in enumerate(parts)
    }
    every = [value for _, values in parts for value in values]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        found = _read(Path(one), files, shard_rows)
        wanted = _read(Path(other), {"all.jsonl": _lines(every)}, shard_rows)
    assert found == wanted
    assert [type(value) for value in found.get("n", [])] == [
        type(value) for value in wanted.get("n", [])
    ]


def _lines(values: list[Any]) -> bytes:
    return "".join(json.dumps({"text": "x", "n": value}) + "\n" for value in values).encode()


def _csv(values: list[Any]) -> bytes:
    cells = ["" if value is None else json.dumps(value) for value in values]
    return "".join(f"{line}\n" for line in ["text,n", *(f"x,{cell}" for cell in cells)]).encode()


def test_cells_are_text_beside_what_they_do_not_spell(tmp_path: Path) -> None:
    files = {
        "a.csv": b"text,n,code,day,list\nx,1,007,2024-02-29,1\n",
        "b.jsonl": b'{"text": "x", "n": "late", "code": 7, "day": 1, "list": [1]}\n',
        "c.tsv": b"text\tn\tcode\tday\tlist\nx\t\t8\t\t\n",
    }
    assert _read(tmp_path, files, 1) == {
        "n": ["1", "late", None],
        "code": ["007", "7", "8"],
        "day": ["2024-02-29", "1", None],
        "list": ["1", "[1]", None],
    }


def test_blank_cells_say_nothing_of_a_type(tmp_path: Path) -> None:
    files = {
        "a.csv": b"text,n,list\nx,,\nx,,\n",
        "b.parquet": _parquet({"n": [1, 2], "list": [[1], None]})["parquet"],
    }
    found = _read(tmp_path, files, 3)
    assert found == {"n": [None, None, 1, 2], "list": [None, None, [1], None]}


_TWICE = pa.Table.from_arrays(
    [pa.array(one) for one in (["a", "b"], [1, 2], [0.5, None], ["x", "y"], [3, 4])],
    names=["text", "n", "n (2)", "n", "n"],
)


def _of_arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _of_parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _of_xlsx(table: pa.Table) -> bytes:
    pytest.importorskip("python_calamine")
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return xlsx({"One": [table.schema.names, *map(list, rows)]})


def _of_csv(table: pa.Table) -> bytes:
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    lines = [",".join("" if one is None else str(one) for one in row) for row in rows]
    return "\n".join([",".join(table.schema.names), *lines, ""]).encode()


@pytest.mark.parametrize(
    ("ending", "make"),
    [("arrow", _of_arrow), ("parquet", _of_parquet), ("xlsx", _of_xlsx), ("csv", _of_csv)],
)
def test_columns_of_one_name_have_numbers(
    tmp_path: Path, ending: str, make: Callable[[pa.Table], bytes]
) -> None:
    assert _read(tmp_path, {f"a.{ending}": make(_TWICE)}, 10) == {
        "n": [1, 2],
        "n (2)": [0.5, None],
        "n (3)": ["x", "y"],
        "n (4)": [3, 4],
    }


@pytest.mark.parametrize(
    ("ending", "make"),
    [("arrow", _of_arrow), ("parquet", _of_parquet), ("xlsx", _of_xlsx), ("csv", _of_csv)],
)
def test_a_text_that_is_there_twice_is_an_error_of_the_file(
    tmp_path: Path, ending: str, make: Callable[[pa.Table], bytes]
) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    (tmp_path / f"a.{ending}").write_bytes(make(table))
    context = Context(tmp_path)
    (batch,) = files.read(files.Settings(path=str(tmp_path)), "s", context)
    assert [row["text"] for row in batch.to_pylist()] == [None]
    assert "column `text` is there twice" in batch.column(ERROR)[0].as_py()
