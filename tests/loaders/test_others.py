"""The same samples in TensorFlow and in Hugging Face `datasets`, where these are installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.loaders.samples import data_set
from tilth.errors import MissingError
from tilth.loaders import Dataset


@pytest.mark.parametrize(
    ("package", "extra", "view"),
    [("tensorflow", "tf", "to_tf"), ("datasets", "hf", "to_hf")],
)
def test_without_the_library_the_error_names_the_extra(
    package: str, extra: str, view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingError, match=package) as caught:
        getattr(data_set(tmp_path, "text"), view)()
    assert f"tilth[{extra}]" in caught.value.hint


def _same(ours: Dataset, theirs: list[dict[str, Any]]) -> None:
    data = ours.to_torch()
    assert len(theirs) == len(data) > 0
    for own, other in zip(data, theirs, strict=True):
        assert own.keys() == other.keys()
        for name, value in own.items():
            found = other[name]
            if isinstance(value, str | int):
                assert found == value
            else:
                assert np.array_equal(value.numpy(), np.asarray(found)), name


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_tf_data_is_decoded_and_knows_its_length(kind: str, tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="the extra `tf` is not installed")
    dataset = data_set(tmp_path, kind, 10)
    found = dataset.to_tf()
    assert int(found.cardinality()) == dataset.num_rows
    rows = []
    for sample in found:
        row = {name: value.numpy() for name, value in sample.items()}
        row = {k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()}
        if kind == "image":
            assert found.element_spec["image"] == tf.TensorSpec((4, 6, 3), tf.uint8)
            row["image"] = row["image"].transpose(2, 0, 1)
        rows.append(row)
    _same(dataset, rows)
    batch = next(iter(found.padded_batch(4)))
    assert batch["label"].dtype == tf.int64


def test_a_mixture_of_one_to_three_comes_out_of_tf_data(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="the extra `tf` is not installed")
    more: dict[str, list[object]] = {
        "source": ["ab"[at % 2] for at in range(1000)],
        "signal.weight": [(0.5, 1.5)[at % 2] for at in range(1000)],
    }
    dataset = data_set(tmp_path, "text", 1000, more=more)
    drawn = dataset.to_tf(["id", "source"], resample=1)
    rows = [(one["id"].numpy(), one["source"].numpy()) for one in drawn]
    # The very draw of `to_torch`, which its cardinality counts.
    own = dataset.to_torch(["id", "source"], resample=1)
    assert rows == [(one["id"].encode(), one["source"].encode()) for one in own]
    assert int(drawn.cardinality()) == len(rows)
    shares = [source for _, source in rows]
    assert shares.count(b"b") / len(shares) == pytest.approx(0.75, abs=0.03)
    with pytest.warns(UserWarning, match="`resample=SEED` draws by them"):
        plain = dataset.to_tf(["source"])
    assert int(plain.cardinality()) == dataset.num_rows


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_hugging_face_data_set_has_its_features(kind: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `hf` is not installed")
    dataset = data_set(tmp_path, kind, 10)
    found = dataset.to_hf(["id", kind, "label"])
    assert found.features["label"] == datasets.ClassLabel(names=["9", "10", "no", "yes"])
    rows = [dict(row) for row in found]
    if kind == "image":
        assert isinstance(found.features["image"], datasets.Image)
        for row in rows:
            row["image"] = np.asarray(row["image"]).transpose(2, 0, 1)
    _same(dataset, rows)


def test_sound_goes_to_hugging_face_as_its_files(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `hf` is not installed")
    dataset = data_set(tmp_path, "audio", 10)
    found = dataset.to_hf().cast_column("audio", datasets.Audio(decode=False))
    stored = dataset.to_arrow(["audio"]).column("audio").to_pylist()
    assert [row["audio"]["bytes"] for row in found] == stored
