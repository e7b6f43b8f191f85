"""The test set's share of the uncertainty, and both shares together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.statistics import held_out as ho
from tilth.statistics.found import Parts
from tilth.statistics.paired import t_interval


def test_cluster_bootstrap_sees_the_groups() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    differences = generator.normal(size=40)[groups] + 0.1 * generator.normal(size=1000)
    weights = np.ones(1000)
    clustered, count = ho.cluster_bootstrap_se(differences, weights, groups)
    naive, _ = ho.cluster_bootstrap_se(differences, weights)
    assert count == 40
    assert clustered == pytest.approx(1 / math.sqrt(40), rel=0.3)
    assert naive < clustered / 3


def test_cluster_bootstrap_weights() -> None:
    """Equal weights aside, the estimate is the ratio of sums: a weight of zero has no say."""
    error, _ = ho.cluster_bootstrap_se(np.array([1.0] * 50 + [9.0]), np.array([1.0] * 50 + [0.0]))
    assert error == 0


def test_combined_interval_covers_seeds_and_test_sets() -> None:
    """Effect over new seeds and new test groups; both vary, both are in the interval."""
    generator, covered = np.random.default_rng(5), 0
    for _ in range(400):
        by_group = 0.2 + 0.5 * generator.normal(size=30)
        by_seed = 0.1 * generator.normal(size=8)
        noise = 0.3 * generator.normal(size=(8, 30))
        table = by_group + by_seed[:, None] + noise
        error, count = ho.cluster_bootstrap_se(
            table.mean(0), np.ones(30), np.arange(30), resamples=200
        )
        interval = ho.combined_interval(table.mean(1), error, count)
        covered += interval.low <= 0.2 <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_one_group_knows_nothing() -> None:
    error, count = ho.cluster_bootstrap_se(np.ones(5), np.ones(5), ["a"] * 5)
    assert (error, count) == (math.inf, 1)
    assert ho.interval_over_test_sets(1.0, error, count).low == -math.inf
    assert ho.combined_interval([1.0, 1.1], error, count).high == math.inf


def test_paired_results_are_compared_part_by_part() -> None:
    """What all parts share is no uncertainty; a part without weight has no say."""
    weights = (1.0, 1.0, 1.0, 0.0)
    base = [Parts((1.0, 2.0, 3.0, 9.0), weights)]
    shifted = [Parts((2.0, 3.0, 4.0, 0.0), weights)]
    assert ho.error_over_test_sets(shifted, base, 1.0) == (0.0, 3)
    uneven = [Parts((2.0, 2.0, 3.0, 0.0), weights)]
    error, parts = ho.error_over_test_sets(uneven, base, -100.0)
    assert parts == 3
    assert error > 10


@pytest.mark.parametrize("seeds", [2, 4, 8])
def test_another_uncertainty_makes_no_surer(seeds: int) -> None:
    gains = np.random.default_rng(seeds).normal(1.0, 0.3, seeds)
    alone, both = t_interval(gains), ho.combined_interval(gains, 0.2, 30)
    assert both.low < alone.low < alone.high < both.high
    assert ho.combined_interval(gains, 0.0, 30) == alone
