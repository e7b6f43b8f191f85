"""What a record leaves open is the same in every format; a name that none has is an error."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.tabular import SOURCES, read, write
from tilth.errors import DataError
from tilth.reading import records
from tilth.reading.fields import Fields
from tilth.settings import acting

KINDS = pytest.mark.parametrize("kind", SOURCES)
OPEN = {"id": "key", "uri": "at", "license": "rights", "split": "part", "label": "y"}
FIELDS = {**OPEN, "subject": "who", "annotations": "said"}


@KINDS
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_what_a_row_does_not_say_is_open(kind: str, nothing: str | None, tmp_path: Path) -> None:
    full: dict[str, Any] = {
        "text": "a",
        "key": "k",
        "at": "http://x/1",
        "rights": "CC0",
        "part": "dev",
        "y": " b ",
        "who": "ann",
        "said": [{"annotator": "p", "label": "c "}],
    }
    empty: dict[str, Any] = dict.fromkeys(full, nothing) | {"text": "d"}
    if kind in ("hub", "parquet"):
        empty["said"] = None
    path = write(kind, tmp_path, [full, empty])
    first, second = read(kind, path, fields=FIELDS, license="MIT", split="train")
    assert (first["error"], second["error"]) == (None, None)
    assert (first["license"], first["split"], first["label"]) == ("CC0", "validation", "b")
    assert (second["license"], second["split"], second["label"]) == ("MIT", "train", None)
    assert first["annotations"] == [{"annotator": "p", "label": "c"}]
    assert (second["annotations"], second["subject"], second["label_origin"]) == ([], None, None)
    assert second["uri"].startswith(str(path))
    (alone,) = read(kind, write(kind, tmp_path, [empty], "b"), fields={"license": "rights"})
    assert alone["license"] is None


@pytest.mark.parametrize("nothing", [None, "", "  "])
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_answer_that_says_nothing_costs_no_other(
    kind: str, nothing: str | None, tmp_path: Path
) -> None:
    answers = [{"annotator": "p", "label": nothing}, {"annotator": "q", "label": "a"}]
    path = write(
        kind, tmp_path, [{"text": "a", "said": answers}, {"text": "b", "said": answers[:1]}]
    )
    first, second = read(kind, path, fields={"annotations": "said"})
    assert (first["error"], second["error"]) == (None, None)
    assert first["annotations"] == [{"annotator": "p", "label": None}, answers[1]]
    assert second["annotations"] == [{"annotator": "p", "label": None}]


def test_an_answer_may_leave_its_label_out_and_not_call_it_otherwise(tmp_path: Path) -> None:
    full = {"annotator": "q", "label": "a"}
    said = [[{"annotator": "p"}], [{"annotator": "p", "s": 3}, full], [{"annotator": "p", "s": 3}]]
    said.append([{"label": "a"}])
    path = write("jsonl", tmp_path, [{"text": str(n), "said": one} for n, one in enumerate(said)])
    rows = read("jsonl", path, fields={"annotations": "said"})
    assert [row["annotations"] for row in rows[:2]] == [
        [{"annotator": "p", "label": None}],
        [{"annotator": "p", "label": None}, full],
    ]
    assert "no field `label`" in rows[2]["error"]
    assert "no field `annotator`" in rows[3]["error"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_whole_numbers_are_one_class_however_they_are_written(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, [{"text": str(y), "y": y} for y in (1.0, 0.5, None, 2.0)])
    assert [row["label"] for row in read(kind, path, fields={"label": "y"})] == [
        *("1", "0.5", None, "2")
    ]


def test_a_field_that_is_left_out_is_open_too(tmp_path: Path) -> None:
    full = {"text": "a", "key": "k", "at": "u", "rights": "CC0", "part": "test", "y": "b"}
    path = write("jsonl", tmp_path, [full, {"text": "d"}])
    rows = read("jsonl", path, fields=OPEN, license="MIT", split="train")
    assert [row["license"] for row in rows] == ["CC0", "MIT"]
    assert [row["split"] for row in rows] == ["test", "train"]
    assert not any(row["error"] for row in rows)


@KINDS
def test_two_rows_without_an_id_are_two_samples(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, [{"text": "a", "key": "k"}, *[{"text": "a", "key": None}] * 2])
    assert len({row["id"] for row in read(kind, path, fields={"id": "key"})}) == 3


@KINDS
@pytest.mark.parametrize("column", FIELDS)
def test_a_field_that_no_record_has_is_an_error(kind: str, column: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, [{"text": "a", "kolumn": "b"}] * 3)
    with pytest.raises(DataError, match=r"column|field") as caught:
        read(kind, path, fields={column: "column"})
    assert "did you mean `kolumn`" in str(caught.value)


@KINDS
def test_an_empty_translation_costs_its_row(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, [{"text": "a", "to": "b"}, {"text": "c", "to": " "}])
    rows = read(kind, path, fields={"target": "to"})
    assert rows[1]["error"].endswith("field `to` is empty")


@KINDS
def test_a_limit_is_shared_out_over_splits_and_classes(kind: str, tmp_path: Path) -> None:
    records = [
        {"text": f"{part} {y} {n}", "part": part, "y": y}
        for part, number in (("test", 20), ("train", 60))
        for y in "abc"
        for n in range(number)
    ]
    path = write(kind, tmp_path, records)
    rows = read(kind, path, 24, fields={"label": "y", "split": "part"})
    assert Counter((row["split"], row["label"]) for row in rows) == {
        **{("test", y): 2 for y in "abc"},
        **{("train", y): 6 for y in "abc"},
    }
    whole = {row["text"]: row["id"] for row in read(kind, path)}
    assert all(whole[row["text"]] == row["id"] for row in rows)
    assert read(kind, path, 24, fields={"label": "y", "split": "part"}) == rows
    # Where a record says nothing of a class the first are read, and the rest of the file is not.
    if kind in ("hub", "webdataset"):
        return  # Their layout always says splits, and what a limit takes is spread over all.
    assert [row["text"] for row in read(kind, path, 2)] == ["test a 0", "test a 1"]


def test_a_column_inside_another_is_looked_for_there(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "meta": [{"url": "u"}]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column `meta.urls` \(did you mean `meta.url`\?\)"):
        read("parquet", tmp_path / "a.parquet", fields={"uri": "meta.urls"})


def test_the_limit_of_a_record_is_in_bytes(tmp_path: Path) -> None:
    path = write("parquet", tmp_path, [{"text": "é" * 40}, {"text": "e" * 40}])
    rows = read("parquet", path, max_record_bytes=64)
    assert [bool(row["error"]) for row in rows] == [True, False]
    assert "80 bytes, above" in rows[0]["error"]


def test_one_field_of_text_is_the_same_in_a_list(tmp_path: Path) -> None:
    texts: tuple[str | tuple[str, ...], ...] = ("text", ("text",), ("text", "text"))
    one, listed, twice = (acting(Fields(text=text)) for text in texts)
    assert one == listed != twice
    path = write("jsonl", tmp_path, [{"text": "a"}])
    rows = [read("jsonl", path, fields={"text": text}) for text in texts]
    assert rows[0] == rows[1] != rows[2]


def _view(data: bytes) -> memoryview:
    return memoryview(data)


@given(st.lists(st.none() | st.binary(max_size=50) | st.binary(max_size=9).map(_view)))
def test_bytes_are_the_column_that_pyarrow_makes_of_them(values: list[Any]) -> None:
    batcher = records.Batcher("s", ("image",), {}, None)
    for number, value in enumerate(values):
        given_bytes = {} if value is None else {"image": value}
        assert not list(batcher.add({"id": str(number), **given_bytes}, "a:1", 1))
    plain = [bytes(value) if value is not None else None for value in values]
    (found,) = list(batcher.flush()) or [None]
    if values:
        assert found is not None
        assert found.column("image").equals(pa.array(plain, pa.large_binary()))
        found.validate(full=True)
