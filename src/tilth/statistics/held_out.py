"""What a test set of finite size adds to paired differences.

More seeds do not shrink the uncertainty that comes from having only these test examples, so it is
measured apart (a paired bootstrap over examples, clustered by group) and combined with that of
the seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
    return cluster_bootstrap_se(scale * gains[known] / weights[known], weights[known])


def cluster_bootstrap_se(
    differences: Floats,
    weights: Floats,
    groups: Sequence[Any] | npt.NDArray[Any] | None = None,
    *,
    resamples: int = 2_000,
    seed: int = 0,
) -> tuple[float, int]:
    """Standard error of a weighted mean difference over a test set, resampled by group.

    Args:
        differences: Per-example paired difference, averaged over seeds [examples].
        weights: Weight an example, such as its bytes [examples].
        groups: Group an example (speaker, document, site); each example its own if None.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        (standard error, number of groups).
    """
    if groups is None:
        totals = np.asarray(differences * weights, np.float64)
        sizes = np.asarray(weights, np.float64)
    else:
        _, codes = np.unique(np.asarray(groups), return_inverse=True)
        totals = np.bincount(codes, differences * weights).astype(np.float64)
        sizes = np.bincount(codes, weights).astype(np.float64)
    count = len(totals)
    if count < 2:
        return math.inf, count
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    # In slices: a resample is `count` draws, and 2,000 of 100,000 groups would be gigabytes.
    step = max(1, 2_000_000 // count)
    for start in range(0, resamples, step):
        drawn = generator.integers(0, count, (min(step, resamples - start), count))
        means[start : start + len(drawn)] = totals[drawn].sum(1) / sizes[drawn].sum(1)
    return float(means.std(ddof=1)), count


def interval_over_test_sets(
    mean: float, error: float, groups: int, alpha: float = ALPHA
) -> Interval:
    """Interval of a difference over test sets: bootstrap standard error, Student-t by group.

    Student-t rather than percentiles, which promise too much where there are few groups.
    """
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
        error: Test-set standard error from `cluster_bootstrap_se`. It still holds a little seed
            noise, so the interval errs on the wide side.
        groups: Number of groups behind `error`.
        alpha: One less the level.
        resolution: Smallest step of the metric, as in `t_interval`.
    """
    seeds = t_interval(differences, alpha, resolution)
    tests = interval_over_test_sets(seeds.mean, error, groups, alpha)
    half = math.hypot(seeds.high - seeds.mean, tests.high - seeds.mean)
    return Interval(seeds.mean, seeds.mean - half, seeds.mean + half)
