"""What many arms, and a test set of finite size, add to paired differences.

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

from tilth.transfer.paired import (
    ALPHA,
    Floats,
    Interval,
    by_p,
    standard_error,
    student_t,
    t_quantile,
)

_MAX_SEEDS = 1_000
# One-sided normal quantile of an 80 % chance: the power at which "more seeds" is read.
_Z_POWER = 0.8416212335729143


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg's adjusted p values (1995), for exploratory sweeps, in the order given."""
    adjusted, running, count = [0.0] * len(p_values), 1.0, len(p_values)
    for rank, index in reversed(list(enumerate(by_p(p_values)))):
        running = min(running, p_values[index] * count / (rank + 1))
        adjusted[index] = running
    return adjusted


def more_seeds(
    mean: float, sd: float, n: int, smallest_effect: float, alpha: float = ALPHA
) -> int | None:
    """Seeds to add to n so that the verdict is decided with a chance of 80 %.

    Taken at the mean and spread seen so far: decided means that the interval leaves zero or comes
    inside +-smallest_effect.

    Returns:
        The number, at least 1, or None where 1,000 seeds would not do or the spread is unknown.
    """
    if not math.isfinite(sd):
        return None
    room = max(abs(mean), smallest_effect - abs(mean))
    counts = np.arange(max(n + 1, 2), _MAX_SEEDS + 1)
    needed = (student_t().ppf(1 - alpha / 2, counts - 1) + _Z_POWER) * sd / np.sqrt(counts)
    enough = np.flatnonzero(needed <= room)
    return int(counts[enough[0]]) - n if len(enough) else None


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
    differences: Sequence[float] | Floats, error: float, groups: int, alpha: float = ALPHA
) -> Interval:
    """Interval over seeds *and* test sets; degrees of freedom by Welch-Satterthwaite.

    Args:
        differences: Paired differences, one a seed [n].
        error: Test-set standard error from `cluster_bootstrap_se`. It still holds a little seed
            noise, so the interval errs on the wide side.
        groups: Number of groups behind `error`.
        alpha: One less the level.
    """
    values = np.asarray(differences, np.float64)
    mean, seed_variance, test_variance = float(values.mean()), standard_error(values) ** 2, error**2
    total = seed_variance + test_variance
    if total == 0:
        return Interval(mean, mean, mean)
    if not math.isfinite(total):
        return Interval(mean, -math.inf, math.inf)
    spread = seed_variance**2 / max(len(values) - 1, 1) + test_variance**2 / max(groups - 1, 1)
    half = t_quantile(1 - alpha / 2, total**2 / spread) * math.sqrt(total)
    return Interval(mean, mean - half, mean + half)
