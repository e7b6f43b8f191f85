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
