"""Fields that travel, and records inside of a document or of a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.collect import tabular
from tests.table.entries import effect, name
from tests.table.test_collect_tables import each, kind_of
from tests.table.whole import said
from tilth.collect import label_studio
from tilth.errors import DataError

RECORD: dict[str, Any] = {"text": "a", "year": "y", "lang": "en"}


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name.startswith("meta.")}


@effect(*each("fields.meta"))
def test_which_fields_travel(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    source = tabular.write(kind, tmp_path, [RECORD])
    for meta, wanted in (
        ("all", {"meta.year": "y", "meta.lang": "en"}),
        ("none", {}),
        (["lang"], {"meta.lang": "en"}),
    ):
        (row,) = tabular.read(kind, source, fields={"meta": meta})
        assert _fields(row) == wanted


@name(*each("fields.meta"))
def test_a_listed_field_that_is_not_there_is_told(path: str, tmp_path: Path) -> None:
    kind = kind_of(path)
    source = tabular.write(kind, tmp_path, [RECORD])
    with pytest.raises(DataError, match="lagn") as caught:
        tabular.read(kind, source, fields={"meta": ["lagn"]})
    assert "did you mean `lang`" in str(caught.value)


def _export(folder: Path) -> Path:
    data = {"text": "a", "year": 2015, "lang": "en"}
    path = folder / "export.json"
    path.write_text(json.dumps([{"id": 1, "data": data, "annotations": []}]))
    return path


@effect("collect.label_studio.meta")
def test_which_fields_of_a_task_travel(tmp_path: Path) -> None:
    for meta, wanted in (
        ("all", {"meta.year": 2015, "meta.lang": "en"}),
        ("none", {}),
        (["lang"], {"meta.lang": "en"}),
    ):
        path = str(_export(tmp_path))
        (row,) = tabular.read_with(label_studio, tmp_path, path=path, meta=meta)
        assert _fields(row) == wanted


@name("collect.label_studio.meta")
def test_a_listed_field_of_a_task_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lagn") as caught:
        tabular.read_with(label_studio, tmp_path, path=str(_export(tmp_path)), meta=["lagn"])
    assert "did you mean `lang`" in str(caught.value)


@effect("collect.jsonl.encoding")
def test_another_encoding_of_lines_reads_other_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "Übermäßig große Bäume stehen für gewöhnlich über den Dächern."
    path.write_bytes(f'{{"text": "{text}"}}\n'.encode("cp1252"))
    ways: tuple[dict[str, Any], ...] = ({"encoding": "cp1252"}, {})
    for given in ways:
        (row,) = tabular.read("jsonl", path, **given)
        assert row["text"] == text
    (row,) = tabular.read("jsonl", path, encoding="utf-8")
    assert row["error"]


@effect("collect.jsonl.records")
@name("collect.jsonl.records")
def test_records_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": [{"text": "a"}], "test": [{"text": "b"}]}))
    for where, text in (("train[*]", "a"), ("test[*]", "b"), ("[*][*]", "a")):
        row, *_ = tabular.read("jsonl", path, records=where)
        assert row["text"] == text
    with pytest.raises(DataError, match="no key `trian` on the way; there are train, test"):
        tabular.read("jsonl", path, records="trian[*]")
    for wrong in ("train", "train[0]"):
        tree = {"collect": {"a": {"jsonl": {"path": "x", "records": wrong}}}}
        assert "`data.train[*]`" in said(tree)


@effect("collect.csv.rest", "collect.csv.label_prefix")
def test_a_label_and_the_rest_of_the_line(path: str, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("__l__x some words\n")
    given: dict[str, Any] = {
        "header": False,
        "columns": ["label", "text"],
        "delimiter": " ",
        "quote": "",
    }
    given |= {"fields": {"label": "label"}, "rest": True, "label_prefix": "__l__"}
    (row,) = tabular.read("csv", file, **given)
    assert (row["label"], row["text"], row["error"]) == ("x", "some words", None)
    (row,) = tabular.read(
        "csv", file, **{**given, path.rpartition(".")[2]: path.endswith("x") and ""}
    )
    assert (row["label"], row["text"]) != ("x", "some words")
