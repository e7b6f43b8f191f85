"""A finished data set reads back whole, in any library, and notices damage."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.engine.conftest import dataset, recipe_text, run_text, write_documents
from tilth.errors import DataError, MissingError
from tilth.store import Dataset
from tilth.store.manifest import Counts, Manifest, write_manifest
from tilth.store.shard import ShardWriter


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("dataset")
    write_documents(folder / "d.jsonl", 1200)
    run_text(recipe_text(folder / "d.jsonl"), folder / "run")
    return dataset(folder / "run", "clean.rules")


def test_all_views_agree(finished: Dataset) -> None:
    import torch.utils.data

    texts = finished.to_arrow(["text"]).column("text").to_pylist()
    assert len(texts) == finished.num_rows > 500
    assert finished.to_polars(["text"])["text"].to_list() == texts
    samples = finished.to_torch(["text"])
    assert [s["text"] for s in samples] == texts
    loader = torch.utils.data.DataLoader(samples, batch_size=None, num_workers=2)
    assert sorted(s["text"] for s in loader) == sorted(texts)


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


def test_tf_data_streams_the_same_samples(finished: Dataset) -> None:
    pytest.importorskip("tensorflow", reason="the extra `tf` is not installed")
    texts = finished.to_arrow(["text"]).column("text").to_pylist()
    found = [sample["text"].numpy().decode() for sample in finished.to_tf(["text"])]
    assert found == texts


def test_without_tensorflow_the_error_names_the_extra(
    finished: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingError, match="tensorflow") as caught:
        finished.to_tf()
    assert "tilth[tf]" in caught.value.hint
