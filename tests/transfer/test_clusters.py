"""Clusters: by column, by example, and never too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transfer.samples import write_dataset
from tilth.errors import DataError
from tilth.pretrain.examples import id_numbers
from tilth.schema import sample_id
from tilth.transfer.clusters import MAX_CLUSTERS, by_cluster

NAMES = [sample_id(str(i)) for i in range(6)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    subjects = ["ann", "ben", "ann", None, None, "ben"]
    rows = [{"id": n, "subject": s} for n, s in zip(NAMES, subjects, strict=True)]
    return write_dataset(tmp_path / "d", rows)


def test_by_column(data: Path) -> None:
    upper, lower = by_cluster(id_numbers(NAMES), np.arange(6.0), np.ones(6), data, "subject")
    assert sorted(upper) == [2.0, 3.0, 4.0, 6.0]
    assert sorted(lower) == [1.0, 1.0, 2.0, 2.0]


def test_each_its_own(data: Path) -> None:
    upper, lower = by_cluster(id_numbers(NAMES), np.arange(6.0), np.ones(6), data, "")
    assert sorted(upper) == list(range(6))
    assert lower.sum() == 6


def test_bounded(data: Path) -> None:
    ids = np.arange(10_000, dtype=np.uint64)
    upper, lower = by_cluster(ids, np.ones(10_000), np.ones(10_000), data, "")
    assert len(upper) <= MAX_CLUSTERS
    assert upper.sum() == lower.sum() == 10_000


def test_unknown_column(data: Path) -> None:
    with pytest.raises(DataError, match="no column `speaker`"):
        by_cluster(id_numbers(NAMES), np.ones(6), np.ones(6), data, "speaker")
