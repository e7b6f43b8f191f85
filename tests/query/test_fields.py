"""Fields go out again: in every format of an export, and where samples are shown."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tilth
from tests.engine.inline import use_inline
from tests.export.tfrecords import read_tfrecord
from tilth.collect import jsonl
from tilth.context import Context
from tilth.query.export import export_step
from tilth.query.runs import RunView, open_run
from tilth.query.samples import show_samples

_ROWS: list[dict[str, Any]] = [
    {"n": 1, "score": 0.5, "ok": True, "tags": ["a", "b"], "date of issue": "2015", "o": {"x": 1}},
    {"n": 2, "score": None, "ok": False, "tags": [], "who": "bo@firm.se"},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    folder = tmp_path_factory.mktemp("fields")
    lines = [json.dumps({"text": f"text {n}", **row}) for n, row in enumerate(_ROWS)]
    (folder / "a.jsonl").write_text("\n".join(lines))
    table = pa.table(
        {"text": ["text 2"], "at": pa.array([0], pa.timestamp("s")), "by": [b"\xff"], "n": [2.5]}
    )
    pq.write_table(table, folder / "b.parquet")
    recipe = folder / "r.yaml"
    recipe.write_text(
        "tilth: 1\nname: r\ncollect:\n"
        f"  a: {{jsonl: {{path: {folder / 'a.jsonl'}}}}}\n"
        f"  b: {{parquet: {{path: {folder / 'b.parquet'}}}}}\n"
        'clean: [normalize, {rules: {where: ["meta.n < 2.2 or meta.n > 2"]}}]\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        tilth.run(recipe, runs=folder / "runs", progress=False, workers=1).write_report()
    return open_run("r", folder / "runs")


def test_jsonl_has_an_object_that_is_read_again(run: RunView, tmp_path: Path) -> None:
    export_step(run, "rules", tmp_path / "out", format="jsonl")
    (path,) = (tmp_path / "out").glob("clean.rules*")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [row["meta"] for row in rows] == [
        {**_ROWS[0], "n": 1.0, "o": '{"x":1}'},
        {"n": 2.0, "ok": False, "tags": [], "who": "bo@firm.se"},
        {"n": 2.5, "at": "1970-01-01T00:00:00", "by": "/w=="},
    ]
    settings = jsonl.Settings(path=str(path))
    (batch,) = jsonl.read(settings, "again", Context(tmp_path))
    assert batch.column("meta.n").to_pylist() == [1.0, 2.0, 2.5]
    assert batch.column("meta.tags").to_pylist() == [["a", "b"], [], None]


def test_csv_has_columns(run: RunView, tmp_path: Path) -> None:
    export_step(run, "rules", tmp_path / "out", format="csv")
    (path,) = (tmp_path / "out").glob("clean.rules*")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["meta.n"] for row in rows] == ["1.0", "2.0", "2.5"]
    assert rows[0]["meta.tags"] == '["a", "b"]'
    assert [row["meta.at"] for row in rows] == ["", "", "1970-01-01T00:00:00"]


def test_parquet_has_them_as_they_are(run: RunView, tmp_path: Path) -> None:
    export_step(run, "rules", tmp_path / "out", format="parquet")
    (path,) = (tmp_path / "out").glob("clean.rules*")
    kept = run.step("rules").dataset().to_arrow()
    assert pq.read_table(path).to_pylist() == kept.to_pylist()
    assert pq.read_schema(path).field("meta.at").type == pa.timestamp("us")


def test_tfrecord_has_features(run: RunView, tmp_path: Path) -> None:
    export_step(run, "rules", tmp_path / "out", format="tfrecord")
    (path,) = (tmp_path / "out").glob("clean.rules*")
    first, second, third = read_tfrecord(path)
    assert first["meta.n"] == 1.0
    assert first["meta.ok"] == 1
    assert first["meta.tags"] == b'["a", "b"]'
    assert "meta.score" not in second
    assert third["meta.at"] == b"1970-01-01T00:00:00"


def test_samples_are_shown_with_their_fields(run: RunView) -> None:
    shown = show_samples(run, "rules")
    assert [dict(row.meta) for row in shown.rows] == [
        {
            "n": "1",
            "score": "0.5",
            "ok": "true",
            "tags": '["a","b"]',
            "date of issue": "2015",
            "o": '{"x":1}',
        },
        {"n": "2", "ok": "false", "tags": "[]", "who": "bo@firm.se"},
        {"n": "2.5", "at": "1970-01-01T00:00:00", "by": "/w=="},
    ]


def test_a_report_shows_no_field_raw(run: RunView) -> None:
    for name in ("report.json", "report.html", "card.md"):
        assert "bo@firm.se" not in (run.folder / name).read_text("utf-8")
