"""What goes out is what a training of the seed sees, and its books balance."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.made import dataset, texts
from tilth.export.samples import Resampled, Samples, Weights
from tilth.randomness import ids_to_u64
from tilth.schema import WEIGHT
from tilth.store import Dataset
from tilth.training.order import Order


def _rows(samples: Samples, start: int = 0) -> list[dict[str, object]]:
    return [row for batch in samples.batches(start) for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A mixture of 1 to 3, in 3 shards, with a part that is held out."""
    one = texts(400, **{WEIGHT: 0.5})
    three = texts(400, **{"source": "b", WEIGHT: 1.5})
    out = texts(50, **{"split": "test", WEIGHT: 1.5})
    return dataset(tmp_path_factory.mktemp("mixed"), [one, three, out])


def test_the_weight_goes_with_every_sample(mixed: Dataset) -> None:
    samples = Samples(mixed)
    assert samples.weights == Weights(850, 0.5, 1.5)
    assert samples.resampled is None
    rows = _rows(samples)
    assert Counter(row["signal.weight"] for row in rows) == {0.5: 400, 1.5: 450}


def test_a_weight_that_no_mixture_gave_is_one(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"text": "a", WEIGHT: None}, {"text": "b", WEIGHT: 1.0}]
    samples = Samples(dataset(tmp_path, [rows]))
    assert samples.weights is None
    assert [row["signal.weight"] for row in _rows(samples)] == [1.0, 1.0]


def test_without_weights_there_is_no_column(tmp_path: Path) -> None:
    samples = Samples(dataset(tmp_path, [texts(3)]))
    assert samples.weights is None
    assert "signal.weight" not in samples.schema.names


def test_a_draw_is_the_first_epoch_of_a_training(mixed: Dataset) -> None:
    samples = Samples(Dataset(mixed.path, "train"), "kept", 7)
    rows = _rows(samples)
    stored = Dataset(mixed.path, "train").to_arrow(["id", WEIGHT])
    ids = stored.column("id").to_pylist()
    weights = stored.column(WEIGHT).to_numpy().astype(np.float32)
    seen = Order(ids_to_u64(ids), weights, 7).epoch(0)
    assert Counter(row["id"] for row in rows) == Counter(ids[place] for place in seen)
    by_source = Counter(row["source"] for row in rows)
    assert by_source["b"] / by_source["a"] == pytest.approx(3, rel=0.15)
    assert rows == _rows(Samples(Dataset(mixed.path, "train"), "kept", 7))
    assert rows != _rows(Samples(Dataset(mixed.path, "train"), "kept", 8))
    assert "signal.weight" not in rows[0]


def test_the_books_of_a_draw_balance(mixed: Dataset) -> None:
    samples = Samples(mixed, "kept", 7)
    rows, books = _rows(samples), samples.resampled
    assert books is not None
    times = Counter(row["id"] for row in rows)
    assert books == Resampled(7, 850, 850 - len(times), len(rows) - len(times))
    # What is held out is no part of a mixture, and copies do not follow one another.
    assert [row["split"] for row in rows].count("test") == 50
    assert all(a["id"] != b["id"] for a, b in itertools.pairwise(rows))


@settings(max_examples=20)
@given(start=st.integers(0, 1000), seed=st.none() | st.integers(0, 3), split=st.booleans())
def test_a_start_leaves_out_what_is_before_it(
    mixed: Dataset, start: int, seed: int | None, split: bool
) -> None:
    samples = Samples(Dataset(mixed.path, "train" if split else None), "kept", seed)
    assert _rows(samples, start) == _rows(samples)[start:]


def test_whole_weights_are_exact(tmp_path: Path) -> None:
    rows = texts(5, **{WEIGHT: 3.0}) + texts(5, **{WEIGHT: 0.0})
    samples = Samples(dataset(tmp_path, [rows]), "kept", 1)
    times = Counter(str(row["id"]) for row in _rows(samples))
    assert sorted(times.values()) == [3] * 5
    assert samples.resampled == Resampled(1, 10, 5, 10)
