"""The test set's share of the uncertainty, and both shares together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.statistics import held_out as ho
from tilth.statistics.found import Parts
from tilth.statistics.paired import t_interval


def test_one_part_knows_nothing() -> None:
    one = [Parts((3.0,), (5.0,))]
    error, count = ho.error_over_test_sets(one, one, 1.0)
    assert (error, count) == (math.inf, 1)
    assert ho.interval_over_test_sets(1.0, error, count).low == -math.inf
    assert ho.combined_interval([1.0, 1.1], error, count).high == math.inf


def test_paired_results_are_compared_part_by_part() -> None:
    """What all parts share is no uncertainty beyond a unit; a part without weight has no say."""
    weights = (1.0, 1.0, 1.0, 0.0)
    base = [Parts((1.0, 2.0, 3.0, 9.0), weights)]
    shifted = [Parts((2.0, 3.0, 4.0, 0.0), weights)]
    error, parts = ho.error_over_test_sets(shifted, base, 1.0)
    assert error == pytest.approx(2 / 3)
    assert parts == 3
    uneven = [Parts((2.0, 2.0, 3.0, 0.0), weights)]
    error, parts = ho.error_over_test_sets(uneven, base, -100.0)
    assert parts == 3
    # Off by 2/3, -1/3 and -1/3: 3/2 of their squares, and four of one unit.
    assert error == pytest.approx(100 * math.sqrt(1.5 * 6 / 9 + 4) / 3)


@pytest.mark.parametrize("seeds", [2, 4, 8])
def test_another_uncertainty_makes_no_surer(seeds: int) -> None:
    gains = np.random.default_rng(seeds).normal(1.0, 0.3, seeds)
    alone, both = t_interval(gains), ho.combined_interval(gains, 0.2, 30)
    assert both.low < alone.low < alone.high < both.high
    same = ho.combined_interval(gains, 0.0, 30)
    assert (same.low, same.high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize("count", [2, 5, 300])
def test_the_error_is_that_of_a_ratio_with_four_parts_more(count: int) -> None:
    """Cochran (1977), eq. 6.13, written out; each part off by what it adds beyond its weight."""
    generator = np.random.default_rng(count)
    gains, weights = generator.normal(size=count), generator.uniform(1, 3, count)
    ratio = sum(gains) / sum(weights)
    off = [gain - ratio * weight for gain, weight in zip(gains, weights, strict=True)]
    for unit in (0.1, 50.0):
        more = 4 * max(max(abs(one) for one in off), unit) ** 2
        squares = sum(one**2 for one in off) * count / (count - 1) + more
        expected = math.sqrt(squares) / sum(weights)
        assert ho.ratio_error(gains, weights, unit) == pytest.approx(expected)


def test_of_many_parts_the_error_is_the_bootstraps() -> None:
    generator = np.random.default_rng(5)
    gains, weights = generator.normal(0.2, 1.0, 5_000), generator.uniform(1, 3, 5_000)
    draws = generator.integers(0, 5_000, (400, 5_000))
    means = [float(gains[row].sum() / weights[row].sum()) for row in draws]
    assert ho.ratio_error(gains, weights) == pytest.approx(np.std(means, ddof=1), rel=0.1)
    mixed = generator.permutation(5_000)
    assert ho.ratio_error(gains[mixed], weights[mixed]) == pytest.approx(
        ho.ratio_error(gains, weights), rel=1e-12
    )


def test_paired_results_are_the_mean_over_seeds_of_each_part() -> None:
    denominators = (2.0, 4.0, 1.0)
    ours = [Parts(n, denominators) for n in ((2, 3, 1), (4, 1, 1))]
    base = [Parts(n, denominators) for n in ((1, 1, 0), (2, 0, 2))]
    gains = np.array([(1 + 2) / 2, (2 + 1) / 2, (1 - 1) / 2])
    expected = 100 * ho.ratio_error(gains, np.array(denominators)), 3
    assert ho.error_over_test_sets(ours, base, 100.0) == expected
    assert ho.error_over_test_sets(ours, base, -100.0) == expected  # a spread has no sign
    with pytest.raises(ValueError, match="zip"):
        ho.error_over_test_sets(ours, base[:1], 100.0)


def test_a_figure_that_is_no_ratio_says_what_one_unit_makes_of_it() -> None:
    """Of pseudo-values of a character error rate a unit is a character, and no utterance."""
    ours = [Parts((0.5, 0.5, 0.5), (1.0, 1.0, 1.0), step=0.01)]
    base = [Parts((0.4, 0.4, 0.4), (1.0, 1.0, 1.0), step=0.01)]
    assert ho.error_over_test_sets(ours, base, 100.0)[0] == pytest.approx(100 * 2 * 0.01)
    assert ours[0].resolution == 0.01
    assert Parts((1.0, 0.0), (3.0, 5.0)).resolution == 1 / 8


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
