"""Clusters: by column, by example, and never too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.transfer.samples import write_dataset
from tilth.errors import DataError
from tilth.randomness import ids_to_u64
from tilth.schema import sample_id
from tilth.statistics.found import MAX_CLUSTERS, Parts
from tilth.statistics.held_out import error_over_test_sets
from tilth.statistics.intervals import Figure, macro_f1, ratio
from tilth.transfer.clusters import by_cluster, pseudo_parts

NAMES = [sample_id(str(i)) for i in range(6)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    subjects = ["ann", "ben", "ann", None, None, "ben"]
    rows = [{"id": n, "subject": s} for n, s in zip(NAMES, subjects, strict=True)]
    return write_dataset(tmp_path / "d", rows)


def test_by_column(data: Path) -> None:
    upper, lower = by_cluster(ids_to_u64(NAMES), np.arange(6.0), np.ones(6), data, "subject")
    assert sorted(upper) == [2.0, 3.0, 4.0, 6.0]
    assert sorted(lower) == [1.0, 1.0, 2.0, 2.0]


def test_each_its_own(data: Path) -> None:
    upper, lower = by_cluster(ids_to_u64(NAMES), np.arange(6.0), np.ones(6), data, "")
    assert sorted(upper) == list(range(6))
    assert lower.sum() == 6


def test_bounded(data: Path) -> None:
    ids = np.arange(10_000, dtype=np.uint64)
    upper, lower = by_cluster(ids, np.ones(10_000), np.ones(10_000), data, "")
    assert len(upper) == MAX_CLUSTERS
    assert upper.sum() == lower.sum() == 10_000


@pytest.mark.parametrize("samples", [MAX_CLUSTERS + 1, MAX_CLUSTERS + 3])
def test_where_some_share_a_place_all_places_are_there(data: Path, samples: int) -> None:
    """Or a number of groups that is only one of places would be told as theirs."""
    ids = np.arange(samples, dtype=np.uint64)
    upper, lower = by_cluster(ids, np.ones(samples), np.ones(samples), data, "")
    assert len(upper) == len(lower) == MAX_CLUSTERS
    assert upper.sum() == samples


def test_unknown_column(data: Path) -> None:
    with pytest.raises(DataError, match="no column `speaker`"):
        by_cluster(ids_to_u64(NAMES), np.ones(6), np.ones(6), data, "speaker")


def _f1_of(seed: int, right: float) -> Figure:
    """400 answers among 5 classes of unequal size, the more of them right the higher `right`."""
    labels = np.random.default_rng(0).choice(5, 400, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    generator = np.random.default_rng(seed)
    found = np.where(generator.random(400) < right, labels, generator.integers(0, 5, 400))
    return macro_f1(labels.astype(np.int64), found.astype(np.int64))


def test_a_figure_of_the_whole_leaves_open_what_resampling_the_test_set_shows(data: Path) -> None:
    """The jackknife's standard error of a difference of macro F1, beside the bootstrap's own."""
    ids = np.arange(400, dtype=np.uint64)
    ours, base = _f1_of(1, 0.8), _f1_of(2, 0.6)
    results = [pseudo_parts(ids, figure, data, "", 100.0) for figure in (ours, base)]
    error, parts = error_over_test_sets([results[0]], [results[1]], 100.0)
    assert parts == 400

    sums = [figure.sums(np.arange(400), 400, slice(None)) for figure in (ours, base)]
    draws = np.random.default_rng(3).integers(0, 400, (2_000, 400))
    differences = [
        float(ours.of_sums(sums[0][drawn].sum(0)) - base.of_sums(sums[1][drawn].sum(0)))
        for drawn in draws
    ]
    # Four parts more than the bootstrap's, as far off as the farthest.
    assert np.std(differences, ddof=1) * 0.9 < error < np.std(differences, ddof=1) * 1.3


def test_pseudo_values_of_a_mean_are_its_parts(data: Path) -> None:
    """Of what is a ratio of sums with equal denominators, the jackknife knows no other parts."""
    figure = ratio(np.arange(6.0), np.ones(6), scale=100.0)
    found = pseudo_parts(ids_to_u64(NAMES), figure, data, "", 100.0)
    assert sorted(found.numerators) == pytest.approx(np.arange(6.0), abs=1e-6)
    assert found.denominators == (1.0,) * 6


def test_pseudo_values_go_by_group(data: Path) -> None:
    figure = ratio(np.arange(6.0), np.ones(6))
    found = pseudo_parts(ids_to_u64(NAMES), figure, data, "subject", 1.0)
    assert len(found.numerators) == 4


def test_one_group_alone_leaves_everything_open(tmp_path: Path) -> None:
    path = write_dataset(tmp_path / "d", [{"id": n, "subject": "ann"} for n in NAMES])
    figure = ratio(np.arange(6.0), np.ones(6))
    found = pseudo_parts(ids_to_u64(NAMES), figure, path, "subject", 1.0)
    assert found == Parts((2.5,), (1.0,), step=1 / 6)
    assert error_over_test_sets([found], [found], 1.0) == (np.inf, 1)
