"""Parquet: streamed, and a damaged row group costs its own rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.meta.test_arrow import _TYPES
from tilth.collect import parquet
from tilth.collect.idx import encode_png
from tilth.context import Context
from tilth.errors import DataError


def read(path: Path, limit: int | None = None, **given: Any) -> list[dict[str, Any]]:
    found = parquet.read(
        parquet.Settings(path=str(path), **given), "s", Context(path.parent, limit=limit)
    )
    rows: list[dict[str, Any]] = pa.Table.from_batches(list(found)).to_pylist()
    return rows


def test_columns_of_many_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "y": pa.array([1, None], pa.int8()),
            "meta": pa.array([{"url": "u1"}, {"url": "u2"}]),
            "people": [[{"annotator": "p", "label": "l"}], []],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(
        tmp_path,
        fields={"label": "y", "uri": "meta.url", "annotations": "people"},
    )
    assert [(r["text"], r["label"], r["uri"], r["annotations"]) for r in rows] == [
        ("a", "1", "u1", [{"annotator": "p", "label": "l"}]),
        ("b", None, "u2", []),
    ]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_a_number_is_spelt_as_its_type_holds_it(tmp_path: Path, kind: pa.DataType) -> None:
    tenth = pa.array([0.1, 1.0], kind)
    table = pa.table(
        {
            "text": ["a", "b"],
            "y": tenth,
            "score": tenth,
            "all": pa.StructArray.from_arrays([tenth], ["a"]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = read(tmp_path, fields={"label": "y", "license": "score"})
    assert (first["label"], first["license"]) == ("0.1", "0.1")
    assert (second["label"], second["license"]) == ("1", "1")
    assert first["meta.all"] == '{"a":0.1}'


def test_images_as_bytes_or_structs(tmp_path: Path) -> None:
    png = encode_png(np.zeros((2, 3), np.uint8))
    given = [png, None, png[:-20], b"png"]
    table = pa.table({"image": [{"bytes": one, "path": "p"} for one in given]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet", image="image")
    assert rows[0]["image"] == png
    assert "text" not in rows[0]
    assert rows[1]["error"].endswith(":2: field `image` holds no image bytes")
    assert ":3: the image cannot be decoded: cut off" in rows[2]["error"]
    assert ":4: the image cannot be decoded: no image in one of PNG" in rows[3]["error"]
    (large, *_) = read(tmp_path / "a.parquet", image="image", max_pixels=5)
    assert "above `max_pixels` of 5: pixels=6" in large["error"]


def test_bad_rows_cost_one_row_each(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"\xff\xfe", None, b"x" * 200], pa.binary())
    text = pa.StringArray.from_buffers(
        4, broken.buffers()[1], broken.buffers()[2], broken.buffers()[0]
    )
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet", max_record_bytes=100)
    assert rows[0]["text"] == "fine"
    causes = [row["error"].split(": ", 1)[1] for row in rows[1:]]
    assert causes == [
        "field `text`: invalid UTF-8 at byte 0 (0xff)",
        "field `text` is null",
        "200 bytes, above `max_record_bytes` of 100",
    ]


def test_a_damaged_row_group_costs_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"row {number} " * 20 for number in range(300)]})
    pq.write_table(table, path, row_group_size=100, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 40] = b"\0" * 40
    path.write_bytes(data)
    rows = read(path)
    assert len(rows) == 300
    bad = [number for number, row in enumerate(rows) if row["error"]]
    assert bad == list(range(100, 200))
    assert f"{path}:101: row group 1 cannot be read: " in rows[100]["error"]
    assert rows[200]["text"].startswith("row 200 ")


def test_not_parquet_and_missing_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 is how it starts, but this is no Parquet file")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(path)
    pq.write_table(pa.table({"body": ["a"]}), path)
    with pytest.raises(DataError, match="no column `text`; there are body"):
        read(path)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="the source is empty"):
        read(path)


def test_limit_and_stable_ids(tmp_path: Path) -> None:
    table = pa.table({"text": [str(number) for number in range(5000)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=700)
    few = read(tmp_path / "a.parquet", limit=1300)
    assert len(few) == 1300
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=5000)
    assert [row["id"] for row in read(tmp_path / "a.parquet")][:1300] == [r["id"] for r in few]


def test_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.parquet")
    with path.open("wb") as stream:
        pq.write_table(pa.table({"text": ["one", None]}), stream)
    one, two = read(tmp_path)
    assert (one["text"], one["uri"]) == ("one", f"{tmp_path}/a\\udcff.parquet:1")
    assert two["error"].startswith(f"{tmp_path}/a\\udcff.parquet:2: ")


def test_times_in_nanoseconds_are_spelt_out(tmp_path: Path) -> None:
    times = pa.array([1_500_000_000, 1_500_000_001], pa.timestamp("ns"))
    whole = pa.array([1_000, 2_000], pa.time64("ns"))
    table = pa.table({"text": ["a", "b"], "at": times, "day": whole})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path, fields={"uri": "at", "subject": "day"})
    assert [row["error"] for row in rows] == [None, None]
    assert rows[0]["uri"] == "1970-01-01T00:00:01.500000"
    assert rows[1]["uri"] == "1970-01-01T00:00:01.500000001"
    assert rows[0]["subject"] == "00:00:00.000001"


def test_columns_of_every_type_travel(tmp_path: Path) -> None:
    """Those of `tests/meta/test_arrow.py`, as far as Parquet can hold them."""
    columns = {}
    for number, (array, kind, values) in enumerate(_TYPES):
        try:
            pq.write_table(pa.table({"x": array}), tmp_path / "try.parquet")
        except pa.ArrowNotImplementedError:
            continue
        columns[f"c{number}"] = (array, kind, values)
    assert len(columns) > 40
    for name, (array, kind, values) in columns.items():
        table = pa.table({"text": [str(n) for n in range(len(array))], name: array})
        path = tmp_path / f"{name}.parquet"
        pq.write_table(table, path)
        (batch,) = parquet.read(parquet.Settings(path=str(path)), "s", Context(tmp_path))
        assert batch.column("error").null_count == batch.num_rows, (name, kind)
        if any(value is not None for value in values):
            assert batch.column(f"meta.{name}").to_pylist() == values
            # As the name of a row, a column of any type is text or a fault of the row.
            named = read(path, fields={"id": name})
            assert len(named) == len(values)
            for row in named:
                assert row["error"] is None or "not text" in row["error"] or "UTF-8" in row["error"]


def test_a_row_with_a_time_that_nobody_reads_is_quarantined(tmp_path: Path) -> None:
    times = pa.array([0, 1 << 60, None], pa.timestamp("us"))
    broken = pa.array([b"ok", b"fine", b"\xff"]).cast(pa.string(), safe=False)
    table = pa.table({"text": ["a", "b", "c"], "at": times, "who": broken})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path)
    assert [row["text"] for row in rows] == ["a", None, None]
    assert rows[1]["error"].endswith(":2: field `at` is a time outside of the years 1 to 9999")
    assert rows[2]["error"].endswith(":3: field `who` is text that is not valid UTF-8")
    # What is not taken does no harm.
    told: list[tuple[str, str]] = []
    context = Context(tmp_path, passes_over=lambda place, reason: told.append((place, reason)))
    settings = parquet.Settings.model_validate({"path": str(tmp_path), "fields": {"meta": "none"}})
    (batch,) = parquet.read(settings, "s", context)
    assert batch.column("text").to_pylist() == ["a", "b", "c"]
    assert [place.rpartition(":")[2] for place, _ in told] == ["at", "who"]


def test_fields_inside_of_an_object(tmp_path: Path) -> None:
    table = pa.table(
        {
            "q": [{"body": "t", "n": 1, "in": {"x": 1}}, {"body": "u", "n": None, "in": None}],
            "meta": [{"year": 2015, "url": "a"}, None],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read(tmp_path, fields={"text": "q.body", "uri": "meta.url", "x": "q.in.x"})
    assert [row["text"] for row in rows] == ["t", "u"]
    assert [row["uri"] for row in rows] == ["a", f"{tmp_path}/a.parquet:2"]
    assert [row["meta.year"] for row in rows] == [2015, None]
    assert [row["meta.x"] for row in rows] == [1, None]
    assert [row["meta.q"] for row in rows] == ['{"n":1}', '{"n":null,"in":null}']


def test_a_record_is_as_long_as_all_that_travels(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "blob": [b"x" * 4000, b"y" * 4000]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert all("max_record_bytes" in row["error"] for row in read(tmp_path, max_record_bytes=1000))
    rows = read(tmp_path, max_record_bytes=1000, fields={"meta": "none"})
    assert [row["text"] for row in rows] == ["a", "b"]
