"""Corrections and power: what stands beside the seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.statistics import paired as pd
from tilth.statistics import power as st


def test_holm_and_benjamini_hochberg() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert pd.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert pd.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert pd.holm([]) == []


def _excludes_zero(interval: pd.Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def test_more_seeds_decide_four_times_in_five() -> None:
    mean, sd, n = 0.5, 1.0, 8
    more = st.more_seeds(mean, sd, n, 0.0)
    assert more is not None
    generator = np.random.default_rng(3)
    draws = generator.normal(mean, sd, (1_000, n + more))
    decided = np.mean([_excludes_zero(pd.t_interval(row)) for row in draws])
    assert 0.76 < decided < 0.86
    assert st.more_seeds(0.001, 5.0, 8, 0.0) is None
    assert st.more_seeds(0.1, math.nan, 1, 0.0) is None


def _plain_more_seeds(mean: float, sd: float, n: int, smallest: float, alpha: float) -> int | None:
    """Count up until one is enough: 80 % are 0.8416 standard errors beyond the interval's half."""
    from scipy import stats

    for count in range(max(n + 1, 2), 1_001):
        half = stats.t.ppf(1 - alpha / 2, count - 1) * sd / math.sqrt(count)
        beyond = stats.norm.ppf(0.8) * sd / math.sqrt(count)
        if half + beyond <= max(abs(mean), smallest - abs(mean)):
            return count - n
    return None


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3])
@pytest.mark.parametrize(
    ("mean", "sd", "n", "smallest"),
    [
        (0.5, 1.0, 8, 0.0),
        (-0.5, 1.0, 8, 0.0),
        (0.5, 0.01, 8, 0.0),  # one is enough, and is added
        (0.02, 0.3, 3, 0.2),  # decided as too small to matter
        (-0.02, 0.3, 3, 0.2),
        (0.02, 0.3, 3, 0.03),
        (1.0, 0.5, 1, 0.0),
        (1.0, 0.5, 0, 0.0),
        (0.1, 1.0, 999, 0.0),
        (0.1, 1.0, 1_000, 0.0),
        (0.05, 1.0, 8, 0.0),
    ],
)
def test_more_seeds_are_the_fewest_that_are_enough(
    mean: float, sd: float, n: int, smallest: float, alpha: float
) -> None:
    expected = _plain_more_seeds(mean, sd, n, smallest, alpha)
    assert st.more_seeds(mean, sd, n, smallest, alpha) == expected


def test_a_thousand_seeds_are_in_reach_and_one_more_is_not() -> None:
    from scipy import stats

    per_sd = (stats.t.ppf(0.975, 999) + stats.norm.ppf(0.8)) / math.sqrt(1_000)
    assert st.more_seeds(1.0, 0.999_999 / per_sd, 10, 0.0) == 990
    assert st.more_seeds(1.0, 1.000_001 / per_sd, 10, 0.0) is None
    assert st.more_seeds(1.0, math.inf, 10, 0.0) is None
