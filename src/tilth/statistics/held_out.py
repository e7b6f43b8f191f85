"""What a test set of finite size adds to paired differences.

More seeds do not shrink the uncertainty that comes from having only these test samples, so it is
measured apart, over the parts of the test set that stand or fall together, and combined with that
of the seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tilth.statistics.found import Parts
from tilth.statistics.paired import ALPHA, Floats, Interval, t_interval, t_quantile


def error_over_test_sets(
    ours: Sequence[Parts], base: Sequence[Parts], scale: float
) -> tuple[float, int]:
    """Standard error over test sets of the difference between paired results.

    Args:
        ours: Results by the parts of the test set, one a seed.
        base: What each is compared with, of the same seeds.
        scale: Of the metric, with the sign that makes better positive.

    Returns:
        (standard error, parts behind it): infinite where there are fewer than two parts.
    """
    weights = np.array(ours[0].denominators, np.float64)
    gains = np.mean(
        [
            np.subtract(result.numerators, other.numerators)
            for result, other in zip(ours, base, strict=True)
        ],
        axis=0,
    )
    known = weights > 0
    unit = ours[0].resolution * float(weights.sum())
    return abs(scale) * ratio_error(gains[known], weights[known], unit), int(known.sum())


def ratio_error(gains: Floats, weights: Floats, unit: float = 1.0) -> float:
    """Standard error of sum / sum over parts that are drawn independently; infinite below two.

    That of a ratio of sums (Cochran 1977, eq. 6.13), with four further parts, two either way, as
    far off as the farthest that was seen, and one unit at least (after Agresti and Min 2005, who
    add pairs to matched shares): where one item in fifty differs, ten items often show none that
    does, and the plain error then promises that there are none.

    Args:
        gains: What each part adds to the numerator [parts].
        weights: What it adds to the denominator, above 0 [parts].
        unit: What one item, word or byte adds to the numerator.
    """
    count = len(gains)
    if count < 2:
        return math.inf
    away = gains - gains.sum() / weights.sum() * weights
    unseen = max(float(np.abs(away).max()), unit)
    squares = count / (count - 1) * float((away**2).sum()) + 4 * unseen**2
    return math.sqrt(squares) / float(weights.sum())


def interval_over_test_sets(
    mean: float, error: float, groups: int, alpha: float = ALPHA
) -> Interval:
    """Interval of a difference over test sets: Student-t by as many parts as were measured."""
    if error == 0:
        return Interval(mean, mean, mean)
    half = t_quantile(1 - alpha / 2, groups - 1) * error
    return Interval(mean, mean - half, mean + half)


def combined_interval(
    differences: Sequence[float] | Floats,
    error: float,
    groups: int,
    alpha: float = ALPHA,
    resolution: float = 0.0,
) -> Interval:
    """Interval over seeds *and* test sets: both half widths, added as squares.

    Each keeps the quantile of its own degrees of freedom (Cochran's approximation), so that it is
    never narrower than the interval over seeds alone. Pooled degrees of freedom (Welch and
    Satterthwaite) made it so with few seeds, as if measuring another uncertainty made surer.

    Args:
        differences: Paired differences, one a seed [n].
        error: Standard error over test sets from `error_over_test_sets`. It still holds a little
            seed noise, so the interval errs on the wide side.
        groups: Number of parts behind `error`.
        alpha: One less the level.
        resolution: Step of the metric, as in `t_interval`.
    """
    seeds = t_interval(differences, alpha, resolution)
    tests = interval_over_test_sets(seeds.mean, error, groups, alpha)
    half = math.hypot(seeds.high - seeds.mean, tests.high - seeds.mean)
    return Interval(seeds.mean, seeds.mean - half, seeds.mean + half)
