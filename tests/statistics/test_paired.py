"""Intervals cover, p values are exact, corrections agree with each other, A/A stays silent."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tilth.statistics import paired as st


def test_paired_matches_scipy() -> None:
    from scipy import stats

    values = np.array([0.4, 0.1, 0.3, -0.1, 0.5, 0.2])
    found = st.paired(values)
    reference = stats.ttest_1samp(values, 0.0)
    low, high = reference.confidence_interval(0.95)
    assert found.p == pytest.approx(reference.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert (found.n, found.wins) == (6, 5)


def test_sign_flip_p_is_exact() -> None:
    values = [0.3, -0.1, 0.2, 0.25, 0.05]
    sums = [abs(np.dot(s, values)) for s in itertools.product((1, -1), repeat=5)]
    assert st.sign_flip_p(values) == pytest.approx(np.mean(np.array(sums) >= 0.7 - 1e-12))


@pytest.mark.parametrize(("n", "smallest"), [(3, 0.25), (5, 0.0625), (6, 0.03125)])
def test_sign_flip_p_has_a_floor(n: int, smallest: float) -> None:
    assert st.sign_flip_p(np.arange(1.0, n + 1)) == pytest.approx(smallest)


def test_sign_flip_p_sampled_agrees_with_enumeration() -> None:
    values = np.random.default_rng(1).normal(0.3, 1, 24)
    exact_like = st.paired(values).p
    assert st.sign_flip_p(values) == pytest.approx(exact_like, abs=0.03)
    assert st.sign_flip_p(np.ones(30)) > 0


def test_no_spread() -> None:
    same = st.paired([0.0] * 8)
    assert (same.interval.low, same.interval.high, same.p, same.p_sign_flip) == (0, 0, 1, 1)
    assert st.verdict(same.interval, 0.0) == "no material effect"
    # Twice one test example more is a coarse metric, not a certainty.
    assert st.verdict(st.paired([0.01, 0.01]).interval, 0.0) == "undecided"
    assert st.paired([0.0, 0.0], resolution=0.01).interval.high > 0.01
    assert st.paired([0.5]).interval.high == math.inf


def test_adjusted_interval_agrees_with_adjusted_p() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        arms = [generator.normal(mean, 1, 8) for mean in generator.choice([0, 0.5, 1, 2], 4)]
        p_values = [st.paired(arm).p for arm in arms]
        levels = st.holm_levels(p_values)
        for arm, adjusted, level in zip(arms, st.holm(p_values), levels, strict=True):
            interval = st.t_interval(arm, level)
            assert (interval.low > 0 or interval.high < 0) == (adjusted <= 0.05)
            assert 0.05 / 4 <= level <= 0.05


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.02, 0.05, "helps"),
        (-0.05, -0.02, "hurts"),
        (-0.005, 0.009, "no material effect"),
        (0.002, 0.009, "no material effect"),
        (-0.02, 0.05, "undecided"),
        (-0.002, 0.02, "undecided"),
    ],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    assert st.verdict(st.Interval((low + high) / 2, low, high), 0.01) == verdict


def test_a_a_is_silent_over_1000_experiments() -> None:
    """Three A/A arms on one control, 8 seeds: a false claim in at most 5 % of the experiments."""
    generator, false = np.random.default_rng(11), 0
    for _ in range(1_000):
        control = generator.normal(size=8)
        arms = [control - generator.normal(size=8) for _ in range(3)]
        levels = st.holm_levels([st.paired(arm).p for arm in arms])
        false += any(
            st.verdict(st.t_interval(arm, level), 0.1) in ("helps", "hurts")
            for arm, level in zip(arms, levels, strict=True)
        )
    # Upper end of the 99 % binomial interval around 50 of 1,000.
    assert false <= 68


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("seeds", [4, 8])
def test_intervals_cover_planted_effects(effect: float, seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    draws = generator.normal(effect, 1.0, (2_000, seeds))
    intervals = [st.t_interval(row) for row in draws]
    covered = np.mean([one.low <= effect <= one.high for one in intervals])
    assert covered == pytest.approx(0.95, abs=0.0137)  # 2.8 standard errors
