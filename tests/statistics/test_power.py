"""Corrections and power: what stands beside the seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tilth.statistics import paired as pd
from tilth.statistics import power as st
from tilth.statistics.found import CHANCE


def test_holm_is_rs() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert pd.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert pd.holm([]) == []


def _draws(mean: float, sd: float, n: int, more: int, smallest: float, r: float) -> float:
    """How often n + more seeds decide it, drawn plainly: truths by the reference posterior."""
    generator, decided, times = np.random.default_rng(3), 0, 2_000
    spread = math.sqrt(sd**2 + r**2 / 6)
    # Any seeds with this mean and deviation stand for those so far.
    seen = np.linspace(-1, 1, n)
    seen = mean + sd * seen / seen.std(ddof=1)
    for _ in range(times):
        deviation = spread * math.sqrt((n - 1) / generator.chisquare(n - 1))
        centre = generator.normal(mean, deviation / math.sqrt(n))
        every = np.concatenate([seen, generator.normal(centre, deviation, more)])
        interval = pd.t_interval(every, resolution=r)
        decided += pd.verdict(interval, smallest) != "undecided"
    return decided / times


@pytest.mark.parametrize(
    ("mean", "sd", "n", "smallest", "r"),
    [
        (0.5, 1.0, 8, 0.0, 0.0),
        (-0.5, 1.0, 8, 0.0, 0.0),
        (0.1, 1.0, 5, 0.5, 0.0),
        (1.0, 0.8, 3, 0.2, 0.0),
        (0.0, 0.0, 3, 0.5, 1.0),  # equal results of a coarse metric
    ],
)
def test_more_seeds_are_the_fewest_that_decide_four_times_in_five(
    mean: float, sd: float, n: int, smallest: float, r: float
) -> None:
    more = st.more_seeds(mean, sd, n, smallest, resolution=r)
    assert more is not None
    # Three standard errors of 2,000 draws beside the 0.6 points that the number itself is known to.
    assert _draws(mean, sd, n, more, smallest, r) == pytest.approx(CHANCE, abs=0.045)
    if more > 4:
        assert _draws(mean, sd, n, more // 2, smallest, r) < CHANCE - 0.03


def test_a_level_that_is_corrected_needs_more() -> None:
    plain = st.more_seeds(0.5, 1.0, 8, 0.0)
    corrected = st.more_seeds(0.5, 1.0, 8, 0.0, 0.05 / 3)
    assert plain is not None
    assert corrected is not None
    assert corrected > plain
    assert st.more_seeds(0.5, 1.0, 8, 0.0) == plain


def test_where_no_number_can_be_had_none_is_given() -> None:
    assert st.more_seeds(0.001, 5.0, 100, 0.0) is None
    assert st.more_seeds(0.1, math.nan, 1, 0.0) is None
    assert st.more_seeds(0.1, math.inf, 8, 0.0) is None
    # Two seeds leave their deviation wholly open.
    assert st.more_seeds(0.5, 0.01, 2, 0.0) is None
    assert st.more_seeds(0.5, 0.01, 1_000, 0.0) is None
    assert st.more_seeds(0.5, 0.01, 8, 0.0) == 1


def test_the_fewest_are_found_up_to_the_last() -> None:
    def from_on(wanted: int, most: int) -> int | None:
        return st._fewest(lambda more: float(more >= wanted), most)

    for wanted in (1, 2, 3, 7, 8, 9, 100):
        assert from_on(wanted, 100) == wanted
    assert from_on(101, 100) is None
    assert from_on(1, 1) == 1
