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
    assert st.verdict(st.paired([0.01, 0.01], 0.01).interval, 0.0) == "undecided"
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


def test_holms_levels_stay_where_it_stopped() -> None:
    # 0.01 <= 0.05 / 4; 0.02 > 0.05 / 3, from where on nothing is rejected, be it below 0.05 / 2.
    assert st.holm_levels([0.022, 0.01, 0.9, 0.02]) == pytest.approx(
        [0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3]
    )
    assert st.holm_levels([0.001, 0.002]) == pytest.approx([0.025, 0.05])
    # At its level exactly an arm is rejected, and the next one has a wider level.
    assert st.holm_levels([0.03, 0.025]) == pytest.approx([0.05, 0.025])
    assert st.holm_levels([0.3, 0.05], alpha=0.1) == pytest.approx([0.1, 0.05])
    assert st.holm_levels([]) == []


def test_holms_p_is_a_probability_that_never_falls() -> None:
    assert st.holm([0.5, 0.9, 0.4]) == [1.0, 1.0, 1.0]
    assert st.holm([0.03, 0.031, 0.2]) == pytest.approx([0.09, 0.09, 0.2])


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.3])
@pytest.mark.parametrize("seeds", [2, 3, 9])
def test_an_interval_is_scipys_at_any_level(alpha: float, seeds: int) -> None:
    from scipy import stats

    values = np.random.default_rng(seeds).normal(0.4, 1.0, seeds)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(1 - alpha)
    found = st.t_interval(values, alpha)
    assert (found.low, found.mean, found.high) == pytest.approx((low, values.mean(), high))
    # A step of the metric widens it, also where there is a spread.
    wider = st.t_interval(values, alpha, 1.0)
    assert wider.high - wider.mean == pytest.approx(
        stats.t.ppf(1 - alpha / 2, seeds - 1) * math.sqrt((values.var(ddof=1) + 1 / 6) / seeds)
    )


def test_what_is_said_of_one_of_two_and_of_equal_differences() -> None:
    one = st.paired([0.5])
    assert (one.n, one.mean, one.p, one.wins) == (1, 0.5, 1.0, 1)
    assert math.isnan(one.sd)
    assert (one.interval.low, one.interval.mean, one.interval.high) == (-math.inf, 0.5, math.inf)
    two = st.paired([0.25, 0.75])
    assert (two.n, two.mean) == (2, 0.5)
    assert two.sd == pytest.approx(math.sqrt(0.125))
    # Cauchy's distribution: t = mean / error = 2.
    assert two.p == pytest.approx(2 * (0.5 - math.atan(2.0) / math.pi))
    zero = st.paired([0.0, 0.5, -0.5])
    assert (zero.wins, zero.p) == (1, 1.0)
    same = st.t_interval([0.0, 0.0])
    assert (same.low, same.mean, same.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("wrong", [[], [[0.1, 0.2]]])
def test_what_is_no_list_of_numbers_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="non-empty list"):
        st.paired(wrong)


def test_every_result_is_known_to_a_step_of_the_metric() -> None:
    """Two results a difference, each rounded to a step: step^2 / 12 of variance each."""
    equal, apart = np.full(4, 0.02), np.array([0.0, 0.1])
    assert st.standard_error(equal) == 0
    assert st.standard_error(equal, 0.06) == pytest.approx(math.sqrt(0.06**2 / 6 / 4))
    assert st.standard_error(-equal, 0.06) == st.standard_error(equal, 0.06)
    assert st.standard_error(apart) == pytest.approx(0.05)
    assert st.standard_error(apart, 0.06) == pytest.approx(math.sqrt((0.005 + 0.0006) / 2))
    assert st.standard_error(np.array([0.1]), 0.06) == math.inf
    assert st.paired(equal, 0.05).p > st.paired(equal, 0.01).p


def test_an_interval_is_clipped_to_what_can_be_and_keeps_its_estimate() -> None:
    wide = st.Interval(98.0, 60.0, 136.0)
    assert wide.clipped(0.0, 100.0) == st.Interval(98.0, 60.0, 100.0)
    assert st.Interval(1.0, -20.0, 22.0).clipped(0.0, math.inf) == st.Interval(1.0, 0.0, 22.0)
    assert st.Interval(101.0, 90.0, 112.0).clipped(0.0, 100.0) == st.Interval(101.0, 90.0, 101.0)
    assert st.Interval(-1.0, -2.0, 0.5).clipped(0.0, 1.0) == st.Interval(-1.0, -1.0, 0.5)
    assert st.Interval(0.0, -math.inf, math.inf).clipped(-100.0, 100.0) == st.Interval(
        0.0, -100.0, 100.0
    )


def test_sign_flips_are_counted_up_to_20_and_drawn_above() -> None:
    assert st.sign_flip_p(np.ones(20)) == 2 / 2**20
    # Of 100,000 draws, and the one that was seen.
    assert st.sign_flip_p(np.ones(21)) * 100_001 == pytest.approx(
        round(st.sign_flip_p(np.ones(21)) * 100_001)
    )
    assert 1 / 100_001 <= st.sign_flip_p(np.ones(21)) < 2e-5
    assert st.sign_flip_p(np.zeros(25)) == 1.0


def test_sign_flips_are_drawn_by_a_seed() -> None:
    values = np.random.default_rng(4).normal(0.2, 1.0, 24)
    assert st.sign_flip_p(values) == st.sign_flip_p(values, 0) == st.sign_flip_p(values)
    assert st.sign_flip_p(values, 0) != st.sign_flip_p(values, 1)


def test_ties_of_sums_count_although_their_last_bits_differ() -> None:
    # 0.1 + 0.2 - 0.3 is not 0 in floats, and is another number with the signs turned.
    assert st.sign_flip_p([0.1, 0.2, -0.3]) == 1.0
    assert st.sign_flip_p([0.3, 0.2, 0.1]) == 0.25
    assert st.sign_flip_p([0.7, 0.1, -0.2]) == 0.75
    many = np.array([0.1, 0.2, -0.3] * 8)
    assert st.sign_flip_p(many) == 1.0


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.0, 0.05, "undecided"),
        (-0.05, 0.0, "undecided"),
        (-0.01, 0.01, "no material effect"),
        (-0.0101, 0.005, "undecided"),
        (-0.05, 0.01, "undecided"),
        (0.005, 0.0101, "helps"),
        (-0.0101, -0.005, "hurts"),
    ],
)
def test_verdicts_at_the_bounds(low: float, high: float, verdict: str) -> None:
    assert st.verdict(st.Interval((low + high) / 2, low, high), 0.01) == verdict


def test_the_quantile_of_no_degrees_of_freedom_is_infinite() -> None:
    assert st.t_quantile(0.975, 0) == st.t_quantile(0.975, -1) == math.inf
    assert st.t_quantile(0.975, 1) == pytest.approx(12.7062, abs=1e-4)
    assert st.t_quantile(0.975, 0.5) < math.inf


def test_intervals_of_the_whole_line_are_within_nothing() -> None:
    assert st.Interval(0.0, -1.0, 1.0).within(1.0)
    assert not st.Interval(0.0, -1.1, 1.0).within(1.0)
    assert not st.Interval(0.0, -1.0, 1.1).within(1.0)
    assert not st.t_interval([0.0]).within(1e300)
