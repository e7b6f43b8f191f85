"""Test sets, clusters, power: what stands beside the seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.transfer import paired as pd
from tilth.value import statistics as st


def test_holm_and_benjamini_hochberg() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert pd.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert pd.holm([]) == []


def test_more_seeds_decide_four_times_in_five() -> None:
    mean, sd, n = 0.5, 1.0, 8
    more = st.more_seeds(mean, sd, n, 0.0)
    assert more is not None
    generator = np.random.default_rng(3)
    draws = generator.normal(mean, sd, (1_000, n + more))
    decided = np.mean([pd.t_interval(row).excludes_zero() for row in draws])
    assert 0.76 < decided < 0.86
    assert st.more_seeds(0.001, 5.0, 8, 0.0) is None
    assert st.more_seeds(0.1, math.nan, 1, 0.0) is None


def test_cluster_bootstrap_sees_the_groups() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    differences = generator.normal(size=40)[groups] + 0.1 * generator.normal(size=1000)
    weights = np.ones(1000)
    clustered, count = st.cluster_bootstrap_se(differences, weights, groups)
    naive, _ = st.cluster_bootstrap_se(differences, weights)
    assert count == 40
    assert clustered == pytest.approx(1 / math.sqrt(40), rel=0.3)
    assert naive < clustered / 3


def test_cluster_bootstrap_weights() -> None:
    """Equal weights aside, the estimate is the ratio of sums: a weight of zero has no say."""
    error, _ = st.cluster_bootstrap_se(np.array([1.0] * 50 + [9.0]), np.array([1.0] * 50 + [0.0]))
    assert error == 0


def test_combined_interval_covers_seeds_and_test_sets() -> None:
    """Effect over new seeds and new test groups; both vary, both are in the interval."""
    generator, covered = np.random.default_rng(5), 0
    for _ in range(400):
        by_group = 0.2 + 0.5 * generator.normal(size=30)
        by_seed = 0.1 * generator.normal(size=8)
        noise = 0.3 * generator.normal(size=(8, 30))
        table = by_group + by_seed[:, None] + noise
        error, count = st.cluster_bootstrap_se(
            table.mean(0), np.ones(30), np.arange(30), resamples=200
        )
        interval = st.combined_interval(table.mean(1), error, count)
        covered += interval.low <= 0.2 <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_one_group_knows_nothing() -> None:
    error, count = st.cluster_bootstrap_se(np.ones(5), np.ones(5), ["a"] * 5)
    assert (error, count) == (math.inf, 1)
    assert st.interval_over_test_sets(1.0, error, count).low == -math.inf
    assert st.combined_interval([1.0, 1.1], error, count).high == math.inf
