"""The setting `join` of every source, which is read in one place for all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.engine.inline import inline, place, plan_of, run_inline
from tests.table.entries import effect, extreme, idle, name
from tilth.engine.run import step_states
from tilth.errors import RecipeError, TilthError
from tilth.recipe.load import parse_recipe
from tilth.store import Dataset

__all__ = ["inline"]

pytestmark = pytest.mark.usefixtures("inline")

ROW = {
    "who": "a",
    "other": "b",
    "label": "x",
    "target": "t",
    "words": "w",
    "split": "test",
    "license": "CC0",
    "subject": "s",
    "answers": json.dumps([{"annotator": "p", "label": "q"}]),
    "consent": "c",
    "fetched_at": "2026-01-01",
    "year": 2015,
}
FIELDS = ["label", "target", "split", "license", "subject", "consent", "fetched_at"]


def _source(folder: Path, join: Any, kind: str = "jsonl") -> str:
    (folder / "a.jsonl").write_text('{"text": "one", "n": "a"}\n{"text": "two", "n": "b"}\n')
    given = {"path": str(folder / "a.jsonl"), "join": join}
    tree = {"tilth": 1, "name": "t", "error_budget": 1, "collect": {"a": {kind: given}}}
    return yaml.safe_dump(tree)


def _table(folder: Path, *rows: dict[str, Any], encoding: str = "utf-8") -> str:
    path = folder / ("t.jsonl" if encoding == "utf-8" else "t.csv")
    lines = [json.dumps(row) for row in rows or (ROW,)]
    if encoding != "utf-8":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding)
    return str(path)


def _rows(folder: Path, join: Any) -> list[dict[str, Any]]:
    text = _source(folder, join)
    run_inline(text, folder / "run")
    dataset = Dataset(place(folder / "run", plan_of(text), "collect.a"))
    rows: list[dict[str, Any]] = dataset.to_arrow().to_pylist()
    return rows


def _bad(folder: Path) -> str:
    """The errors of all rows that were ever set aside here."""
    paths = (folder / "run").rglob("quarantine/*.parquet")
    return "\n".join(error for one in paths for error in pq.read_table(one)["error"].to_pylist())


def _join(folder: Path, *rows: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"path": _table(folder, *rows), "by": "meta.n", "key": "who", **given}


@effect("collect.join", "collect.join.path", "collect.join.by", "collect.join.key")
def test_the_table_is_joined_by_what_is_compared(tmp_path: Path) -> None:
    assert "meta.year" not in _rows(tmp_path, [])[0]
    assert [row["meta.year"] for row in _rows(tmp_path, _join(tmp_path))] == [2015, None]
    by_other = _rows(tmp_path, _join(tmp_path, key="other"))
    assert [row["meta.year"] for row in by_other] == [None, 2015]
    by_text = _rows(tmp_path, _join(tmp_path, {**ROW, "who": "two"}, by="text"))
    assert [row["meta.year"] for row in by_text] == [None, 2015]


@effect("collect.join.fields", *(f"collect.join.fields.{one}" for one in FIELDS))
def test_a_field_fills_its_column(tmp_path: Path) -> None:
    fields = {one: one for one in FIELDS}
    with_all = _rows(tmp_path, _join(tmp_path, fields=fields))[0]
    without = _rows(tmp_path, _join(tmp_path))[0]
    for one in FIELDS:
        assert with_all[one] == ROW[one]
        assert without.get(one) is None
        assert without[f"meta.{one}"] == ROW[one]
    assert with_all["label_origin"] == "given"


@effect("collect.join.fields.text", "collect.join.fields.annotations", "collect.join.prefer")
def test_text_and_answers_of_a_table(tmp_path: Path) -> None:
    fields = {"text": "words", "annotations": "answers"}
    first, _ = _rows(tmp_path, _join(tmp_path, fields=fields, prefer="table"))
    assert first["text"] == "w"
    assert first["annotations"] == [{"annotator": "p", "label": "q"}]
    first, _ = _rows(tmp_path, _join(tmp_path, fields=fields, prefer="source"))
    assert first["text"] == "one"
    with pytest.raises(RecipeError, match="states `text`, and so does its `join`"):
        parse_recipe(_source(tmp_path, _join(tmp_path, fields=fields)))


@effect("collect.join.fields.meta")
def test_which_fields_of_a_table_travel(tmp_path: Path) -> None:
    for meta, wanted in (("all", len(ROW) - 1), ("none", 0), (["year"], 1)):
        first, _ = _rows(tmp_path, _join(tmp_path, fields={"meta": meta}))
        assert sum(key.startswith("meta.") for key in first) - 1 == wanted


@effect("collect.join.answers", "collect.join.answers.annotator", "collect.join.answers.label")
def test_answers_become_annotations(tmp_path: Path) -> None:
    rows = {**ROW, "other": "b"}, {**ROW, "other": "c", "label": "y"}
    for who, said, wanted in (
        ("other", "label", [("b", "x"), ("c", "y")]),
        ("subject", "other", [("s", "b"), ("s", "c")]),
    ):
        join = _join(tmp_path, *rows, answers={"annotator": who, "label": said})
        first, _ = _rows(tmp_path, join)
        assert [(one["annotator"], one["label"]) for one in first["annotations"]] == wanted
    with pytest.raises(TilthError, match="there twice"):
        _rows(tmp_path, _join(tmp_path, *rows))


def _export(folder: Path) -> str:
    results = [{"from_name": one, "value": {"choices": [one]}} for one in ("kind", "mood")]
    task = {"data": {"who": "a"}, "annotations": [{"completed_by": 1, "result": results}]}
    (folder / "t.json").write_text(json.dumps([{"id": 1, **task}]))
    return str(folder / "t.json")


@effect("collect.join.control")
@name("collect.join.control")
def test_the_control_of_an_export(tmp_path: Path) -> None:
    join = {"path": _export(tmp_path), "by": "meta.n", "key": "who", "answers": "label_studio"}
    for control in ("kind", "mood"):
        first, _ = _rows(tmp_path, {**join, "control": control})
        assert [one["label"] for one in first["annotations"]] == [control]
    with pytest.raises(TilthError, match="control tag `modo`") as caught:
        _rows(tmp_path, {**join, "control": "modo"})
    assert "mood" in caught.value.hint
    with pytest.raises(RecipeError, match="label_studio"):
        parse_recipe(_source(tmp_path, {**join, "answers": None, "control": "kind"}))


@effect("collect.join.missing")
def test_samples_without_a_row(tmp_path: Path) -> None:
    assert len(_rows(tmp_path, _join(tmp_path, missing="keep"))) == 2
    assert len(_rows(tmp_path, _join(tmp_path, missing="drop"))) == 1


@effect("collect.join.encoding")
def test_the_encoding_of_cells(tmp_path: Path) -> None:
    path = _table(tmp_path, {"who": "a", "city": "K\u00f6ln"}, encoding="latin-1")
    join = {"path": path, "by": "meta.n", "key": "who", "encoding": "latin-1"}
    assert _rows(tmp_path, join)[0]["meta.city"] == "K\u00f6ln"
    assert "meta.city" not in _rows(tmp_path, {**join, "encoding": "utf-8"})[0]
    assert "UTF-8" in _bad(tmp_path)


@effect("collect.join.digest")
@idle("collect.join.digest")
def test_how_the_table_is_known(tmp_path: Path) -> None:
    """By a look at its times or at all of it: the same bytes, so nothing is made again."""
    _rows(tmp_path, _join(tmp_path, digest="stat"))
    (state,) = step_states(
        plan_of(_source(tmp_path, _join(tmp_path, digest="content"))), tmp_path / "run"
    )
    assert state.cached


@effect("collect.join.max_record_bytes")
@extreme("collect.join.max_record_bytes")
def test_rows_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(_source(tmp_path, _join(tmp_path, max_record_bytes=0)))
    for most, wanted in ((1 << 31, 2015), (64, None)):
        first, _ = _rows(tmp_path, _join(tmp_path, max_record_bytes=most))
        assert first.get("meta.year") == wanted


@effect("collect.join.max_table_bytes")
@extreme("collect.join.max_table_bytes")
def test_tables_that_are_too_large(tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(_source(tmp_path, _join(tmp_path, max_table_bytes=0)))
    rows = [{**ROW, "who": str(n)} for n in range(9)]
    with pytest.raises(TilthError, match="max_table_bytes"):
        _rows(tmp_path, _join(tmp_path, *rows, max_table_bytes=1024))
    assert len(_rows(tmp_path, _join(tmp_path, max_table_bytes=1 << 62))) == 2


@name("collect.join.path")
def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TilthError, match=r"none\.csv|no such") as caught:
        _rows(tmp_path, {**_join(tmp_path), "path": str(tmp_path / "none.csv")})
    assert "none.csv" in f"{caught.value.what}{caught.value.where}"


@name("collect.join.by")
def test_what_is_compared_is_there(tmp_path: Path) -> None:
    for by in ("pth", "meta.", "label"):
        with pytest.raises(RecipeError):
            parse_recipe(_source(tmp_path, {**_join(tmp_path), "by": by}))


@name(
    *("collect.join.key", "collect.join.answers.annotator", "collect.join.answers.label"),
    *("collect.join.answers", "collect.join.fields.meta", "collect.join.fields.annotations"),
    *(f"collect.join.fields.{one}" for one in ["text", *FIELDS]),
)
def test_a_field_of_the_table_that_is_not_there(tmp_path: Path) -> None:
    join = _join(tmp_path)
    given: list[dict[str, Any]] = [
        {"key": "whoo"},
        {"answers": {"annotator": "othre", "label": "label"}},
        {"answers": {"annotator": "other", "label": "lable"}},
        {"fields": {"meta": ["yaer"]}},
        *(
            {"fields": {one: "lable"}, "prefer": "table"}
            for one in ["annotations", *FIELDS]
            if one != "target"
        ),
    ]
    for one in given:
        with pytest.raises(TilthError, match=r"`(whoo|othre|lable|yaer)`") as caught:
            _rows(tmp_path, {**join, **one})
        assert "did you mean `" in str(caught.value), one
    # What a row must have costs the row.
    for column in ("text", "target"):
        _rows(tmp_path, {**join, "fields": {column: "lable"}, "prefer": "table"})
        assert "no field `lable` (did you mean `label`?)" in _bad(tmp_path)
    with pytest.raises(RecipeError):
        parse_recipe(_source(tmp_path, {**join, "answers": "labelstudio"}))
