"""A finished data set reads back whole, in any library, and notices damage."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.engine.conftest import dataset, recipe_text, run_text, write_documents
from tests.engine.inline import inline, use_inline
from tests.sealed import change_sealed
from tests.store.written import written
from tilth.engine.books import Books
from tilth.errors import DataError, MissingError, TilthError, UsageError
from tilth.query.rows import read_columns, take_rows
from tilth.store import Dataset
from tilth.store.dataset import damage_of
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter

__all__ = ["inline"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("dataset")
    write_documents(folder / "d.jsonl", 1200)
    with pytest.MonkeyPatch.context() as patch:
        use_inline(patch)
        run_text(recipe_text(folder / "d.jsonl"), folder / "run")
    return dataset(folder / "run", "clean.rules")


def test_all_views_agree(finished: Dataset) -> None:
    texts = finished.to_arrow(["text"]).column("text").to_pylist()
    assert len(texts) == finished.num_rows > 500
    assert finished.to_polars(["text"])["text"].to_list() == texts


def test_a_column_that_a_shard_lacks_is_null(tmp_path: Path) -> None:
    entries = []
    extras: list[dict[str, list[object]]] = [{"signal.a": [1.0]}, {"label": ["x"]}]
    for index, extra in enumerate(extras):
        writer = ShardWriter(tmp_path, index)
        writer.add(pa.RecordBatch.from_pydict({"id": [str(index)], **extra}))
        entries.append(writer.commit())
    counts = Counts(num_in=2, kept=2, dropped=0, quarantined=0)
    write_manifest(tmp_path, Manifest(step="mix", counts=counts, shards=tuple(entries)))
    rows = Dataset(tmp_path).to_arrow().to_pylist()
    assert rows == [
        {"id": "0", "signal.a": 1.0, "label": None},
        {"id": "1", "signal.a": None, "label": "x"},
    ]


def test_a_column_of_two_types_has_the_wider_one(tmp_path: Path) -> None:
    shards: list[dict[str, list[object]]] = [
        {"id": ["a"], "n": [1]},
        {"id": ["b"], "n": [0.5]},
        {"id": ["c"], "n": [None]},
    ]
    assert written(tmp_path, shards).to_arrow().column("n").to_pylist() == [1.0, 0.5, None]


def test_of_a_finished_data_set_what_is_damaged_is_said(tmp_path: Path) -> None:
    dataset = written(tmp_path, [{"id": ["a"]}, {"id": ["b"]}])
    assert damage_of(tmp_path) is None
    shard, manifest = dataset.shards()[1], tmp_path / "manifest.json"
    whole, text = shard.read_bytes(), manifest.read_text()
    for data in (None, whole + b"x", whole[:-1]):
        shard.unlink()
        if data is not None:
            shard.write_bytes(data)
        what = "is gone" if data is None else "is not what was committed"
        assert damage_of(tmp_path) == f"{shard} {what}"
        shard.write_bytes(whole)
    assert damage_of(tmp_path) is None
    manifest.write_text("{")
    assert damage_of(tmp_path) == f"{manifest} is damaged"
    manifest.write_text(text)
    change_sealed(manifest, lambda found: found.update(format=9))
    with pytest.raises(DataError, match="of format 9"):
        damage_of(tmp_path)
    manifest.unlink()
    assert damage_of(tmp_path) == f"{manifest} is not there"


@pytest.mark.usefixtures("inline")
def test_damage_is_noticed(tmp_path: Path) -> None:
    write_documents(tmp_path / "d.jsonl", 60)
    run_text(recipe_text(tmp_path / "d.jsonl"), tmp_path / "run")
    found = dataset(tmp_path / "run", "clean.signals")
    found.verify()
    path = found.shards()[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="not what was committed"):
        found.verify()


def test_an_unfinished_data_set_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no finished data set"):
        Dataset(tmp_path)


def test_digest_is_of_the_kept_samples(finished: Dataset) -> None:
    assert len(finished.digest) == 64
    assert np.unique([Dataset(finished.path).digest, finished.digest]).size == 1


def test_without_pandas_the_error_names_the_extra(
    finished: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingError, match="pandas") as caught:
        finished.to_pandas()
    assert "tilth[pandas]" in caught.value.hint


def test_a_frame_of_pandas_holds_the_same(finished: Dataset) -> None:
    pytest.importorskip("pandas", reason="the extra `pandas` is not installed")
    frame = finished.to_pandas(["id", "text"])
    assert frame.to_dict("records") == finished.to_arrow(["id", "text"]).to_pylist()


@pytest.mark.parametrize("how", ["cut", "emptied", "other", "gone"])
def test_a_shard_that_cannot_be_read_is_named(how: str, tmp_path: Path) -> None:
    dataset = written(tmp_path, [{"id": ["a", "b"], "n": [1, 2]}, {"id": ["c"], "n": [3]}])
    path = dataset.shards()[1]
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-20], "emptied": b"", "other": b"PAR1" * 40}.get(how, b""))
    error: type[TilthError] = DataError
    if how == "gone":
        path.unlink()
        error = MissingError
    readers: list[Callable[[], object]] = [
        lambda: list(dataset.batches()),
        dataset.to_arrow,
        lambda: dataset.schema,
        lambda: list(read_columns(dataset, "kept", ["n"])),
        lambda: take_rows(path, [0]),
    ]
    for read in readers:
        with pytest.raises(error) as caught:
            read()
        assert caught.value.where == str(path)


_SPLITS: list[dict[str, list[object]]] = [
    {"id": list("abcd"), "split": ["train", "test", None, "test"], "n": [1, 2, 3, 4]},
    {"id": list("ef"), "n": [5, 6]},
]


@pytest.mark.parametrize(
    ("split", "ids"),
    [(None, "abcdef"), ("train", "acef"), ("test", "bd"), ("validation", "")],
)
def test_a_split_holds_its_samples_and_those_without_one_are_for_training(
    split: str | None, ids: str, tmp_path: Path
) -> None:
    written(tmp_path, _SPLITS)
    found = Dataset(tmp_path, split)
    assert found.to_arrow(["id"]).column("id").to_pylist() == list(ids)
    assert found.num_rows == len(ids)
    # Whether its column is asked for or not.
    assert found.to_arrow(["n", "split"]).schema.names == ["n", "split"]
    assert found.to_arrow(["n"]).column("n").to_pylist() == ["abcdef".index(i) + 1 for i in ids]


def test_columns_are_given_in_the_order_in_which_they_are_asked_for(tmp_path: Path) -> None:
    found = written(tmp_path, _SPLITS)
    assert found.to_arrow(["n", "id"]).schema.names == ["n", "id"]
    assert set(found.schema.names) == {"id", "split", "n"}
    assert found.to_arrow(kind="dropped").num_rows == 0


_READERS: dict[str, Callable[[Dataset, list[str]], object]] = {
    "batches": lambda found, columns: found.batches(columns),
    "to_arrow": lambda found, columns: found.to_arrow(columns),
    "to_polars": lambda found, columns: found.to_polars(columns),
}


@pytest.mark.parametrize("reader", _READERS)
def test_a_column_that_there_is_not_is_refused_before_anything_is_read(
    reader: str, tmp_path: Path
) -> None:
    found = written(tmp_path, [{"id": ["a"], "signal.word_count": [1], "label": ["x"]}])
    for name, near in (("signal.word_cout", "signal.word_count"), ("labl", "label")):
        with pytest.raises(UsageError, match=f"no column `{name}`") as caught:
            _READERS[reader](found, ["id", name])
        assert caught.value.hint == f"did you mean `{near}`?"


def test_a_standard_column_that_the_data_set_lacks_is_null(tmp_path: Path) -> None:
    found = written(tmp_path, _SPLITS)
    table = found.to_arrow(["label", "id", "label_confidence", "drop.rule"])
    assert table.schema.names == ["label", "id", "label_confidence", "drop.rule"]
    assert table.schema.field("label_confidence").type == pa.float64()
    assert table.column("label").null_count == table.num_rows == 6
    assert found.to_polars(["label"])["label"].to_list() == [None] * 6
    assert Dataset(tmp_path, "test").to_arrow(["text"]).column("text").to_pylist() == [None] * 2


def test_a_split_a_kind_and_a_size_that_there_are_not_are_refused(tmp_path: Path) -> None:
    found = written(tmp_path, _SPLITS)
    with pytest.raises(UsageError, match="`split` does not take `tset`") as caught:
        Dataset(tmp_path, "tset")
    assert "did you mean `test`?" in caught.value.hint
    wrong: Any = "droped"
    for read in (found.shards, found.to_arrow, lambda kind: found.batches(kind=kind)):
        with pytest.raises(UsageError, match="`kind` does not take `droped`"):
            read(kind=wrong)
    with pytest.raises(UsageError, match="`batch_rows` is a whole number from 1 on, not 0"):
        found.batches(batch_rows=0)


@pytest.mark.parametrize(("batch_rows", "sizes"), [(1, [1] * 6), (3, [3, 1, 2]), (99, [4, 2])])
def test_batches_are_of_one_shard_and_no_larger_than_asked(
    batch_rows: int, sizes: list[int], tmp_path: Path
) -> None:
    found = written(tmp_path, _SPLITS)
    assert [batch.num_rows for batch in found.batches(batch_rows=batch_rows)] == sizes


def test_a_data_set_without_a_sample_has_its_columns_where_it_had_any(tmp_path: Path) -> None:
    marked: dict[str, list[object]] = {"id": ["a"], "n": [1], "drop.rule": ["short"]}
    found = written(tmp_path / "all dropped", [marked])
    assert (found.num_rows, found.to_arrow().schema.names) == (0, ["id", "n"])
    # A column of the schema that no sample has, and one that only those of another kind have.
    table = found.to_arrow(["n", "label", "drop.rule"])
    assert (table.schema.names, table.num_rows) == (["n", "label", "drop.rule"], 0)
    assert found.to_arrow(["drop.rule"], "dropped").to_pylist() == [{"drop.rule": "short"}]
    assert found.shards("quarantine") == []
    write_manifest(tmp_path, Manifest(step="mix", counts=Books().counts()))
    empty = Dataset(tmp_path)
    assert empty.to_arrow().num_rows == 0
    # Of a data set without any sample nobody knows the columns.
    assert empty.to_arrow(["id", "n"]).schema.names == ["id", "n"]


def test_equal_data_has_an_equal_digest_and_other_data_another(tmp_path: Path) -> None:
    one, same = (written(tmp_path / name, _SPLITS) for name in ("one", "same"))
    assert one.digest == same.digest
    turned = written(tmp_path / "turned", _SPLITS[::-1])
    fewer = written(tmp_path / "fewer", _SPLITS[:1])
    assert len({one.digest, turned.digest, fewer.digest}) == 3
    # What was dropped is no part of it.
    marked = [{**part, "drop.rule": [None] * len(part["id"])} for part in _SPLITS]
    dropped = {"id": ["x"], "n": [9], "drop.rule": ["short"]}
    more = written(tmp_path / "more", [*marked, dropped])  # type: ignore[list-item]
    assert more.to_arrow(["id"]) == one.to_arrow(["id"])


@pytest.mark.parametrize("kind", ["kept", "dropped"])
def test_a_shard_that_is_missing_is_noticed(kind: str, tmp_path: Path) -> None:
    marked: dict[str, list[object]] = {"id": ["a", "b"], "drop.rule": ["short", None]}
    found = written(tmp_path, [marked])
    found.verify()
    path = tmp_path / kind / "00000.parquet"
    path.unlink()
    with pytest.raises(DataError, match="not what was committed") as caught:
        found.verify()
    assert caught.value.where == str(path)


def test_a_data_set_says_what_it_is(tmp_path: Path) -> None:
    whole = written(tmp_path, _SPLITS)
    assert len(whole) == whole.num_rows == sum(len(part["id"]) for part in _SPLITS)
    part = Dataset(tmp_path, "test")
    assert len(part) == part.num_rows < len(whole)
    told = repr(part)
    assert told.startswith(f"<Dataset({str(tmp_path)!r}, split='test'): {len(part)} samples of `")
    assert all(name in told for name in part.schema.names)
    assert "split" not in repr(whole).partition(":")[0]
    # One without a sample is no less a data set, and one that is damaged says so.
    assert Dataset(tmp_path, "validation")
    (tmp_path / "manifest.json").write_text("{")
    assert repr(Dataset(tmp_path)).startswith(f"<Dataset({str(tmp_path)!r}): ")


@pytest.mark.parametrize("columns", ["text", [1], ["id", "id"]])
def test_columns_that_are_none(columns: Any, tmp_path: Path) -> None:
    found = written(tmp_path, _SPLITS)
    with pytest.raises(UsageError, match="`columns`"):
        found.to_arrow(columns)
