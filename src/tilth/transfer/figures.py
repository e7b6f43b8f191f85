"""What the figures of a comparison of methods are, beside the metric that it compares."""

from __future__ import annotations

from tilth.figures import Definition

_PAIRED = "tests/statistics/test_paired.py"
_SUMMARY = "tests/transfer/test_summary.py"
_GAIN = "the test split, by the models of a method and of from-scratch, seed by seed"
_OVER_SEEDS = (
    "Student's t over seeds, each result known to one unit (item, word, byte): holds the truth in "
    "94 % or more at 2 to 8 seeds, in about 91 % where differences are skewed as a lognormal of "
    "sigma 0.5"
)
_DECIDING = f"{_OVER_SEEDS}; at the level of Holm's rule for all comparisons"
_READ = Definition(
    "multiplier.value",
    "data multiplier",
    "How many times the samples training from scratch needs to be as good, at the size that is "
    "named; below 1 it needs fewer.",
    "the means of each seed on the test split, at all sizes",
    unit="x",
    better="higher",
    how="estimated",
    interval="Student's t over seeds on the logarithm; open where it leaves the sizes measured",
    source="Hestness et al. 2017, err(n) = a n^-b + c; Hernandez et al. 2021, data transferred",
    reference="laws with a known answer",
    test="tests/statistics/test_curves.py::test_reads_a_multiplier_with_its_interval",
)

FIGURES = (
    Definition(
        "summary.mean",
        "mean",
        "Mean over seeds of the compared metric, of a method at a size.",
        "the test split, a training each seed",
        how="measured",
        interval=f"{_OVER_SEEDS}; says nothing of other test sets",
        reference="scipy's t interval of the single results",
        test=f"{_SUMMARY}::test_means_are_those_of_the_points_with_scipys_interval",
    ),
    Definition(
        "figures.cpu_seconds",
        "processor time",
        "Processor time of one training with its measurements, mean over seeds.",
        "the trainings of a method at a size",
        unit="s",
        better="lower",
        how="measured",
        reference="the mean of the cells' own clocks",
        test=f"{_SUMMARY}::test_means_are_those_of_the_points_with_scipys_interval",
    ),
    Definition(
        "effects.mean",
        "gain",
        "Mean over seeds of what a method does better than training from scratch, at a size.",
        _GAIN,
        how="measured",
        interval=_DECIDING,
        reference="scipy's paired t-test",
        test=f"{_PAIRED}::test_paired_matches_scipy",
    ),
    Definition(
        "effects.p",
        "p",
        "Probability of a mean difference so far from 0 or farther if there were none, of this "
        "comparison alone.",
        _GAIN,
        better="lower",
        how="tested",
        source="the paired t-test, with the variance that a unit of the metric hides",
        reference="scipy's paired t-test",
        test=f"{_PAIRED}::test_paired_matches_scipy",
    ),
    Definition(
        "effects.p_sign_flip",
        "p by sign flips",
        "The same without assuming a distribution: the share of all sign patterns of the "
        "differences whose mean is as far from 0. Of n seeds it cannot fall below 2 / 2^n.",
        _GAIN,
        better="lower",
        how="tested",
        source="Fisher 1935; drawn 100,000 times above 20 seeds",
        reference="every sign pattern, written out",
        test=f"{_PAIRED}::test_sign_flip_p_is_exact",
    ),
    Definition(
        "effects.adjusted_p",
        "p (Holm)",
        "p, corrected for the number of comparisons.",
        _GAIN,
        better="lower",
        how="tested",
        source="Holm 1979",
        reference="the values of R's p.adjust",
        test="tests/statistics/test_power.py::test_holm_is_rs",
    ),
    Definition(
        "effects.wins",
        "wins",
        "Seeds in which the method was better than from scratch; a tie is none.",
        _GAIN,
        unit="seeds",
        better="higher",
        reference="the differences, counted",
        test=f"{_PAIRED}::test_what_is_said_of_one_of_two_and_of_equal_differences",
    ),
    _READ,
    Definition(
        "multipliers.value",
        "data multiplier at a size",
        _READ.about,
        _READ.rows,
        unit="x",
        better="higher",
        how="estimated",
        interval=_READ.interval,
        source=_READ.source,
        reference=_READ.reference,
        test=_READ.test,
    ),
    Definition(
        "last_tenth.gain",
        "gain of the last tenth",
        "What from-scratch still gained in the last tenth of its steps, mean over seeds: as much "
        "as what matters, and it was cut short.",
        "the test split, by from-scratch at a size before and after its last tenth of the steps",
        how="measured",
        reference="a difference",
        test="tests/transfer/test_headline.py::"
        "test_a_fair_opponent_gains_less_than_what_matters_in_its_last_tenth",
    ),
    Definition(
        "cost_s",
        "cost",
        "Seconds of all trainings of the comparison with their measurements, added up; those that "
        "were cached took them when they were made.",
        "the cells of the comparison",
        unit="s",
        better="lower",
        how="measured",
        reference="the sum of the cells' own clocks",
        test=f"{_SUMMARY}::test_means_are_those_of_the_points_with_scipys_interval",
    ),
)
