from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest

import tilth
from tests.query.tfrecords import read_tfrecord
from tests.query.trained import trained_run
from tilth.api import Run
from tilth.errors import DataError, MissingError, UsageError
from tilth.query import export
from tilth.query.export import export_model, export_split, export_splits, export_step
from tilth.query.runs import RunView
from tilth.store import Dataset


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_every_format_holds_every_sample(
    small: RunView, tmp_path: Path, format: Literal["parquet", "jsonl", "csv"]
) -> None:
    done = export_step(small, "minhash", tmp_path / "out", format=format)
    kept = small.end_of_line().kept
    assert done.rows == kept
    (path,) = (tmp_path / "out").iterdir()
    if format == "parquet":
        rows = pq.read_table(path).to_pylist()
    elif format == "jsonl":
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    else:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    assert len(rows) == kept
    assert rows[0]["text"]
    assert int(rows[0]["signal.word_count"]) >= 12
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_splits_add_up(small: RunView, tmp_path: Path) -> None:
    sizes = [
        export_step(small, "minhash", tmp_path / split, split=split).rows
        for split in ("train", "validation", "test")
    ]
    assert all(sizes)
    assert sum(sizes) == small.end_of_line().kept


def test_a_split_is_what_the_python_side_gives(small: RunView, tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        done = export_split(small, split, tmp_path / split, format="jsonl")
        lines = (tmp_path / split / f"{split}.jsonl").read_text("utf-8").splitlines()
        ids = [json.loads(line)["id"] for line in lines]
        assert ids == Run(small).dataset(split).to_arrow(["id"]).column("id").to_pylist()
        assert done.rows == len(ids) > 0
        assert done.step == small.end_of_line().name


def test_all_splits_are_a_folder_each_and_add_up(small: RunView, tmp_path: Path) -> None:
    done = export_splits(small, tmp_path / "all")
    assert sum(one.rows for one in done.splits) == small.end_of_line().kept
    assert done.empty == ()
    for one in done.splits:
        table = pq.read_table(one.folder)
        assert table.num_rows == one.rows
        assert {value or "train" for value in table.column("split").to_pylist()} == {one.split}
    with pytest.raises(UsageError, match="overwritten"):
        export_splits(small, tmp_path / "all")


@pytest.mark.usefixtures("inline")
def test_a_split_without_a_sample_has_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "one two"}\n{"text": "three"}\n')
    (tmp_path / "a.yaml").write_text("name: a\ncollect: {a: {jsonl: {path: a.jsonl}}}\n")
    view = tilth.run("a.yaml", progress=False, workers=1).view
    done = export_splits(view, tmp_path / "all")
    assert [(one.split, one.rows) for one in done.splits] == [("train", 2)]
    assert done.empty == ("validation", "test")
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["train"]
    with pytest.raises(MissingError, match="in the split `test`"):
        export_split(view, "test", tmp_path / "test")
    assert not (tmp_path / "test").exists()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"format": "tokens"}, "choose from `parquet`, `jsonl`, `csv`, `tfrecord`"),
        ({"format": "jsonlines"}, "did you mean `jsonl`?"),
        ({"kind": "droped"}, "did you mean `dropped`?"),
        ({"split": "dev"}, "choose from `train`, `validation`, `test`"),
    ],
)
def test_values_that_are_none(
    small: RunView, tmp_path: Path, given: dict[str, Any], hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        export_step(small, "rules", tmp_path / "out", **given)
    assert hint in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_other_kinds(small: RunView, tmp_path: Path) -> None:
    dropped = export_step(small, "rules", tmp_path / "d", kind="dropped", format="jsonl")
    assert dropped.rows == small.step("rules").dropped
    nothing = export_step(small, "rules", tmp_path / "q", kind="quarantine")
    assert nothing.rows == 0
    assert (tmp_path / "q").is_dir()


def test_nothing_is_overwritten(small: RunView, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x", "utf-8")
    with pytest.raises(UsageError, match="overwritten"):
        export_step(small, "rules", tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    assert export_step(small, "rules", tmp_path / "empty").rows


def test_a_number_that_json_has_not_is_null(
    small: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": "a", "x": float("nan"), "deep": [{"y": float("inf"), "z": 1.5}]}]
    monkeypatch.setattr(export, "_rows", lambda *_: iter(rows))
    export_step(small, "minhash", tmp_path / "out", format="jsonl")
    text = next((tmp_path / "out").iterdir()).read_text("utf-8")
    assert text == '{"id": "a", "x": null, "deep": [{"y": null, "z": 1.5}]}\n'


def test_tfrecord_is_read_back_by_another_reader(
    small: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_PER_TFRECORD", 100)
    done = export_step(small, "minhash", tmp_path / "out", format="tfrecord")
    assert len(done.files) == -(-done.rows // 100)
    records = [row for name in done.files for row in read_tfrecord(tmp_path / "out" / name)]
    rows = Dataset(small.end_of_line().folder).to_arrow().to_pylist()
    assert len(records) == done.rows == len(rows)
    for record, row in zip(records, rows, strict=True):
        there = {name: value for name, value in row.items() if value is not None}
        assert record.keys() == there.keys()
        assert record["text"] == there["text"].encode()
        assert record["signal.word_count"] == there["signal.word_count"]
        assert record["signal.alpha_ratio"] == pytest.approx(there["signal.alpha_ratio"], 1e-6)
    nothing = export_step(small, "minhash", tmp_path / "q", format="tfrecord", kind="quarantine")
    assert read_tfrecord(tmp_path / "q" / nothing.files[0]) == []


def test_tfrecord_holds_every_sample(small: RunView, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="the extra `tf` is not installed")
    done = export_step(small, "minhash", tmp_path / "out", format="tfrecord")
    records = tf.data.TFRecordDataset([str(tmp_path / "out" / name) for name in done.files])
    fields = {"text": tf.io.FixedLenFeature([], tf.string)}
    texts = [tf.io.parse_single_example(one, fields)["text"].numpy() for one in records]
    assert len(texts) == done.rows == small.end_of_line().kept


def test_tfrecord_of_a_number_that_it_cannot_hold_leaves_nothing_behind(
    small: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_rows", lambda *_: iter([{"id": "a", "hash": 1 << 63}]))
    with pytest.raises(DataError, match="`hash` holds 9223372036854775808, which int64 cannot"):
        export_step(small, "minhash", tmp_path / "out", format="tfrecord")
    assert not list(tmp_path.iterdir())


def test_a_model_that_the_format_lacks_is_refused(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "work")
    with pytest.raises(UsageError, match="no counterpart in GPT-2"):
        export_model(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
