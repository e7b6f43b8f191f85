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


@pytest.mark.parametrize("count", [2, 5, 3_000])
def test_the_bootstrap_is_that_of_plain_draws(count: int) -> None:
    """Twenty draws of as many parts, with replacement; the spread of their weighted means."""
    generator = np.random.default_rng(1)
    differences, weights = generator.normal(size=count), generator.uniform(1, 3, count)
    draws = np.random.default_rng(7).integers(0, count, (20, count))
    means = [float((differences * weights)[row].sum() / weights[row].sum()) for row in draws]
    error, parts = ho.cluster_bootstrap_se(differences, weights, resamples=20, seed=7)
    assert parts == count
    assert error == pytest.approx(math.sqrt(sum((m - np.mean(means)) ** 2 for m in means) / 19))


def test_it_is_drawn_by_a_seed_in_slices_or_not() -> None:
    differences = np.random.default_rng(1).normal(size=30_000)
    ones = np.ones(30_000)
    first = ho.cluster_bootstrap_se(differences, ones)
    assert ho.cluster_bootstrap_se(differences, ones) == first
    assert ho.cluster_bootstrap_se(differences, ones, seed=1) != first
    # 66 draws fit a slice of 2,000,000: 2,000 of them are 31 slices.
    assert first[0] == pytest.approx(1 / math.sqrt(30_000), rel=0.08)


def test_groups_are_drawn_as_their_sums() -> None:
    differences = np.array([1.0, 3.0, -2.0, 0.5, 4.0])
    weights = np.array([1.0, 2.0, 1.0, 4.0, 1.0])
    grouped, count = ho.cluster_bootstrap_se(
        differences, weights, ["b", "a", "b", "c", "a"], seed=3
    )
    sums, sizes = np.array([10.0, -1.0, 2.0]), np.array([3.0, 2.0, 4.0])
    assert count == 3
    assert grouped == pytest.approx(ho.cluster_bootstrap_se(sums / sizes, sizes, seed=3)[0])


def test_paired_results_are_the_mean_over_seeds_of_each_part() -> None:
    denominators = (2.0, 4.0, 1.0)
    ours = [Parts(n, denominators) for n in ((2, 3, 1), (4, 1, 1))]
    base = [Parts(n, denominators) for n in ((1, 1, 0), (2, 0, 2))]
    gains = np.array([(1 + 2) / 2, (2 + 1) / 2, (1 - 1) / 2])
    weights = np.array(denominators)
    expected = ho.cluster_bootstrap_se(100 * gains / weights, weights)
    assert ho.error_over_test_sets(ours, base, 100.0) == expected
    assert ho.error_over_test_sets(ours, base, -100.0) == expected  # a spread has no sign
    with pytest.raises(ValueError, match="zip"):
        ho.error_over_test_sets(ours, base[:1], 100.0)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 4])
def test_both_shares_have_students_quantile_at_the_level_that_is_asked_for(alpha: float) -> None:
    from scipy import stats

    found = ho.interval_over_test_sets(1.5, 0.2, 9, alpha)
    half = stats.t.ppf(1 - alpha / 2, 8) * 0.2
    assert (found.low, found.mean, found.high) == pytest.approx((1.5 - half, 1.5, 1.5 + half))
    gains = [0.5, 1.0, 1.7, 0.9]
    over_seeds = stats.t.ppf(1 - alpha / 2, 3) * np.std(gains, ddof=1) / 2
    both = ho.combined_interval(gains, 0.2, 9, alpha)
    reach = math.hypot(over_seeds, half)
    assert (both.low, both.mean, both.high) == pytest.approx(
        (np.mean(gains) - reach, np.mean(gains), np.mean(gains) + reach)
    )


def test_what_a_step_of_the_metric_hides_is_in_both() -> None:
    alone = ho.combined_interval([0.0, 0.0, 0.0], 0.0, 9, resolution=0.01)
    assert alone == t_interval([0.0, 0.0, 0.0], resolution=0.01)
    assert alone.high > 0.005
    none = ho.interval_over_test_sets(0.3, 0.0, 1)
    assert (none.low, none.mean, none.high) == (0.3, 0.3, 0.3)
