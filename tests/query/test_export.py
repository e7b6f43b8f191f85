from __future__ import annotations

import csv
import errno
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

import tilth
from tests.engine.inline import use_inline
from tests.export.made import digests
from tests.export.tfrecords import read_tfrecord
from tests.query.trained import trained_run
from tilth.api import Run
from tilth.errors import MissingError, StorageError, UsageError
from tilth.export.tfrecord import TfRecord
from tilth.query.export import export_model, export_split, export_splits, export_step
from tilth.query.runs import RunView
from tilth.store import Dataset
from tilth.tasks.text.tokenize import train_tokenizer


@pytest.mark.parametrize("format", ["parquet", "jsonl", "csv"])
def test_every_format_holds_every_sample(
    small: RunView, tmp_path: Path, format: Literal["parquet", "jsonl", "csv"]
) -> None:
    done = export_step(small, "minhash", tmp_path / "out", format=format)
    kept = small.end_of_line().kept
    assert done.rows == kept
    (name,) = done.files
    path = tmp_path / "out" / name
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
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["README.md", "train"]
    with pytest.raises(MissingError, match="in the split `test`"):
        export_split(view, "test", tmp_path / "test")
    assert not (tmp_path / "test").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("inline")
def test_what_was_exported_comes_in_again_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The first record lacks what those after it have, and their names are an export's own.
    given: list[dict[str, Any]] = [
        {"text": "one"},
        {"text": "two", "source": "news", "key": "k", "n": 1},
        {"text": "three", "uri": "http://a.example/", "id": "7", "n": 2},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in given))
    (tmp_path / "a.yaml").write_text("name: a\ncollect: {a: {jsonl: {path: a.jsonl}}}\n")
    view = tilth.run("a.yaml", progress=False, workers=1).view
    readers = {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet", "webdataset": "webdataset"}
    for format in readers:
        export_split(view, "train", tmp_path / format, format=format)
    collect = {format: {reader: {"path": f"{format}/"}} for format, reader in readers.items()}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump({"name": "b", "collect": collect}))
    again = tilth.run("b.yaml", progress=False, workers=1)
    wanted = [
        {name if name == "text" else f"meta.{name}": value for name, value in one.items()}
        for one in given
    ]
    for format in readers:
        rows = Dataset(again.view.step(f"collect.{format}").folder).to_arrow().to_pylist()
        own = [
            {
                name: value
                for name, value in row.items()
                if (name == "text" or name.startswith("meta."))
                and not name.startswith("meta.export.")
                and value is not None
            }
            for row in sorted(rows, key=lambda row: row["meta.export.uri"])
        ]
        spelt = [{k: "7" if v == 7 else v for k, v in one.items()} for one in own]
        assert spelt == wanted, format
        assert {row["meta.export.source"] for row in rows} == {"a"}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"format": "tokens"}, "choose from `parquet`, `jsonl`, `csv`"),
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


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_seeds_that_are_none(seed: Any, weighed: RunView, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`resample` is a whole number from 0"):
        export_splits(weighed, tmp_path / "out", resample=seed)
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


def test_tfrecord_is_read_back_by_another_reader(
    small: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TfRecord, "max_rows", 100)
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


def test_a_model_that_the_format_lacks_is_refused(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "work")
    with pytest.raises(UsageError, match="no counterpart in transformers"):
        export_model(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    """A mixture of 1 to 3, of which a part is held out."""
    folder = tmp_path_factory.mktemp("weighed")
    for name in "ab":
        lines = [json.dumps({"text": f"text {at} of {name}", "at": at}) for at in range(200)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "w.yaml").write_text(
        f"""
tilth: 1
name: weighed
collect:
  a: {{jsonl: {{path: {folder}/a.jsonl, license: CC0-1.0}}}}
  b: {{jsonl: {{path: {folder}/b.jsonl}}}}
deduplicate: [{{hold_out: {{test: 0.1, by: id}}}}]
mix: [{{weights: {{sources: {{a: 0.5, b: 1.5}}}}}}]
"""
    )
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        return tilth.run(folder / "w.yaml", runs=folder / "runs", progress=False).view


def test_weights_are_said_and_go_along(weighed: RunView, tmp_path: Path) -> None:
    done = export_splits(weighed, tmp_path / "out", format="jsonl")
    lines = (tmp_path / "out/train/train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(one) for one in lines]
    assert {(row["source"], row["signal.weight"]) for row in rows} == {("a", 0.5), ("b", 1.5)}
    (note,) = done.notes
    assert note.startswith("Samples have weights, from 0.5 to 1.5")
    card = (tmp_path / "out" / "README.md").read_text()
    assert note in card
    head = yaml.safe_load(card.split("---")[1])
    assert head["configs"][0]["data_files"] == [
        {"split": split, "path": f"{split}/*.jsonl"} for split in ("train", "validation", "test")
    ]
    assert "- CC0-1.0: 200" in card
    assert "- not stated: 200" in card
    assert "license" not in head
    # What the run's own card says of sources and rules is there too.
    assert "## Sources" in card


def test_a_mixture_comes_out_as_it_is(weighed: RunView, tmp_path: Path) -> None:
    done = export_splits(weighed, tmp_path / "out", format="csv", resample=5)
    with open(tmp_path / "out/train/train.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    num = Counter(row["source"] for row in rows)
    assert num["b"] / num["a"] == pytest.approx(3, rel=0.2)
    train, _, test = done.splits
    assert train.resampled is not None
    books = train.resampled
    assert train.rows == len(rows) == books.samples - books.left_out + books.repeated
    assert test.resampled is None
    assert test.rows == weighed.end_of_line().dataset("test").num_rows
    (note,) = done.notes
    assert f"{books.left_out} were left out and {books.repeated} copies added" in note
    assert note in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"step": "hold_out"}, "no sample has a weight other than 1"),
        ({"step": "docs", "kind": "quarantine"}, "quarantine samples have no weights"),
        ({"split": "test"}, "held out of the mixture"),
    ],
)
def test_a_draw_that_would_do_nothing(
    weighed: RunView, small: RunView, tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    run = small if "kind" in given else weighed
    place, to = given.pop("split", None), tmp_path / "out"
    write = partial(export_split, run, place, to) if place else partial(export_step, run, to=to)
    with pytest.raises(UsageError, match=why):
        write(resample=1, **given)
    assert not list(tmp_path.iterdir())


def test_tokens_lie_side_by_side(weighed: RunView, tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    train_tokenizer(["some text of a and of b"], 270).save(str(tokenizer))
    with pytest.raises(MissingError, match="`weighed` has no model with a tokenizer") as caught:
        export_splits(weighed, tmp_path / "out", format="nanogpt")
    assert "--tokenizer FILE" in caught.value.hint
    with pytest.raises(UsageError, match="`csv` holds no tokens"):
        export_splits(weighed, tmp_path / "out", format="csv", tokenizer=tokenizer)
    with pytest.raises(MissingError, match="there is no tokenizer here"):
        export_splits(weighed, tmp_path / "out", format="megatron", tokenizer=tmp_path / "x")
    done = export_splits(weighed, tmp_path / "out", format="nanogpt", tokenizer=tokenizer)
    assert [one.files for one in done.splits] == [
        ("train-documents-00000.parquet", "train.bin", "train.meta.json"),
        ("val.bin", "val.meta.json", "validation-documents-00000.parquet"),
        ("test-documents-00000.parquet", "test.bin", "test.meta.json"),
    ]
    assert "by document" in done.notes[0]
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    told = [f"- {one.split}: {one.rows:,} rows\n" for one in done.splits]
    assert "".join(told).rstrip() in card


def test_a_tokenizer_is_no_help_where_there_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (4, 3)).save(tmp_path / "pictures" / "a.png")
    source = {"image_folder": {"path": str(tmp_path / "pictures"), "labels": "none"}}
    (tmp_path / "p.yaml").write_text(json.dumps({"name": "p", "collect": {"pictures": source}}))
    use_inline(monkeypatch)
    run = tilth.run(tmp_path / "p.yaml", runs=tmp_path / "runs", progress=False).view
    for tokenizer in (None, tmp_path / "none"):
        with pytest.raises(UsageError, match="the samples have no text") as caught:
            export_splits(run, tmp_path / "out", format="nanogpt", tokenizer=tokenizer)
        assert "tokenizer" not in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_gone_on_from(
    weighed: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TfRecord, "max_rows", 50)
    whole = export_splits(weighed, tmp_path / "whole", format="tfrecord")
    real, written = TfRecord.shard, []

    def shard(self: TfRecord, batches: Any, number: int, first: int) -> Any:
        written.append(number)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, batches, number, first)

    monkeypatch.setattr(TfRecord, "shard", shard)
    with pytest.raises(StorageError):
        export_splits(weighed, tmp_path / "out", format="tfrecord")
    assert [path.name for path in tmp_path.iterdir()] != ["whole"]
    assert not (tmp_path / "out").exists()
    again = export_splits(weighed, tmp_path / "out", format="tfrecord")
    assert written.count(0) == 3  # of each split, once
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert [one.rows for one in again.splits] == [one.rows for one in whole.splits]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_what_cannot_be_said_leaves_nothing(weighed: RunView, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column `image`"):
        export_splits(weighed, tmp_path / "out", format="imagefolder")
    assert not list(tmp_path.iterdir())


def test_what_is_written_is_told_as_it_goes(
    weighed: RunView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TfRecord, "max_rows", 100)
    told: list[tuple[str, int, int]] = []
    done = export_splits(
        weighed,
        tmp_path / "out",
        format="tfrecord",
        resample=2,
        progress=lambda *given: told.append(given),
    )
    rows = sum(one.rows for one in done.splits)
    assert {(what, total) for what, _, total in told} == {("samples", rows)}
    counts = [count for _, count, _ in told]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, rows)
    assert len(set(counts)) > len(done.splits)
