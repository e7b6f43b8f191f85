"""Paired differences, their intervals, and the verdict: what may be claimed from a few seeds.

The unit is a *paired difference*: the result of one seed with a decision less the result of the
same seed without it, turned so that positive is better. Chosen, with reasons:

- Intervals over seeds are Student-t. Over 8 seeds a percentile bootstrap covers 88 % where it
  promises 95 %; Student-t covers 95 % throughout.
- A metric moves in steps: of 40 test texts one is 2.5 points. What lies between two steps no result
  shows, so each of the two results of a difference adds the variance of a number rounded to a step,
  step^2 / 12 (Sheppard 1898). Without it equal results promise that nothing can differ.
- Several arms are corrected by Holm's step-down rule (1979). The interval that a verdict is read
  from is widened to the level at which Holm's rule tests that arm, so interval and adjusted p
  always say the same. It is at most the Bonferroni interval and never narrower than the plain one.
- "No material effect" goes first: an interval inside +-d is that, even when it excludes zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tilth.errors import missing_extra
from tilth.statistics.found import Verdict

Floats = npt.NDArray[np.float64]

ALPHA = 0.05
_ENUMERATE_UP_TO = 20
_SIGN_SAMPLES = 100_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its 1 - alpha interval, in the unit of the metric."""

    mean: float
    low: float
    high: float

    def within(self, bound: float) -> bool:
        """Whether the whole interval lies inside +-bound."""
        return -bound <= self.low and self.high <= bound

    def clipped(self, least: float, most: float) -> Interval:
        """Without what no such number can be; the estimate stays inside."""
        low, high = max(self.low, min(self.mean, least)), min(self.high, max(self.mean, most))
        return Interval(self.mean, low, high)


@dataclass(frozen=True)
class Paired:
    """What n paired differences say, before any correction for the number of arms.

    Attributes:
        n: Number of seeds.
        mean: Mean difference; positive is better.
        sd: Standard deviation over seeds (n - 1).
        interval: Student-t interval at 95 %.
        p: Two-sided p of the paired t-test; agrees with `interval`.
        p_sign_flip: Exact sign-flip p. Cannot fall below 0.05 with fewer than 6 seeds.
        wins: Seeds in which the difference is above zero.
    """

    n: int
    mean: float
    sd: float
    interval: Interval
    p: float
    p_sign_flip: float
    wins: int


@lru_cache(maxsize=4096)
def t_quantile(level: float, dof: float) -> float:
    """The quantile of Student's t; infinite where there are no degrees of freedom.

    Raises:
        MissingError: scipy is not installed (it comes with the extra `train`).
    """
    return math.inf if dof <= 0 else float(student_t().ppf(level, dof))


def t_interval(
    differences: Sequence[float] | Floats, alpha: float = ALPHA, resolution: float = 0.0
) -> Interval:
    """Student-t interval of the mean of `differences` [n] at level 1 - alpha.

    With one difference the interval is the whole line.

    Args:
        differences: Paired differences, one a seed; or results, one a seed.
        alpha: One less the level.
        resolution: Step of the metric (100 / test texts for an accuracy in percent): see
            `standard_error`. 0 where both sides are the same data, and no step hides anything.
    """
    values = np.asarray(differences, np.float64)
    mean = float(values.mean())
    error = standard_error(values, resolution)
    if error == 0:
        return Interval(mean, mean, mean)
    half = t_quantile(1 - alpha / 2, len(values) - 1) * error
    return Interval(mean, mean - half, mean + half)


def paired(differences: Sequence[float] | Floats, resolution: float = 0.0) -> Paired:
    """Summarise paired differences [n], n >= 1; `resolution` as in `t_interval`."""
    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError("paired differences must be a non-empty list, one number a seed")
    error = standard_error(values, resolution)
    mean = float(values.mean())
    p = 1.0
    if error > 0 and len(values) > 1:
        p = float(2 * student_t().sf(abs(mean) / error, len(values) - 1))
    return Paired(
        n=len(values),
        mean=mean,
        sd=float(values.std(ddof=1)) if len(values) > 1 else math.nan,
        interval=t_interval(values, resolution=resolution),
        p=p,
        p_sign_flip=sign_flip_p(values),
        wins=int((values > 0).sum()),
    )


def sign_flip_p(differences: Sequence[float] | Floats, seed: int = 0) -> float:
    """Two-sided sign-flip p of the mean: exact up to 20 differences, 100,000 draws above.

    Under "no effect" each difference is as likely with the other sign (Fisher 1935). With n
    differences the smallest p is 2 / 2^n.
    """
    values = np.asarray(differences, np.float64)
    observed = abs(float(values.sum()))
    # Sums of floats in another order differ in the last bits; ties must count.
    tolerance = 1e-9 * (float(np.abs(values).sum()) + 1e-300)
    if len(values) <= _ENUMERATE_UP_TO:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate((sums + value, sums - value))
        return float((np.abs(sums) >= observed - tolerance).mean())
    signs = np.random.default_rng(seed).integers(0, 2, (_SIGN_SAMPLES, len(values)), np.int8)
    sums = (2.0 * signs - 1.0) @ values
    return float((1 + (np.abs(sums) >= observed - tolerance).sum()) / (1 + _SIGN_SAMPLES))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values (1979), in the order given."""
    adjusted, running, count = [0.0] * len(p_values), 0.0, len(p_values)
    for rank, index in enumerate(_by_p(p_values)):
        running = max(running, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def holm_levels(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The level at which Holm's rule tests each arm: alpha / k, alpha / (k - 1), ...

    From the first arm that is not rejected on, all arms stay at that arm's level. An interval at
    1 - level excludes zero exactly where Holm's adjusted p is at most alpha.
    """
    levels, count, stopped_at = [0.0] * len(p_values), len(p_values), None
    for rank, index in enumerate(_by_p(p_values)):
        level = alpha / (count - rank) if stopped_at is None else stopped_at
        levels[index] = level
        if stopped_at is None and p_values[index] > level:
            stopped_at = level
    return levels


def verdict(interval: Interval, smallest_effect: float) -> Verdict:
    """One of the four verdicts, from an (adjusted) interval and the smallest effect of interest."""
    if interval.within(smallest_effect):
        return "no material effect"
    if interval.low > 0:
        return "helps"
    return "hurts" if interval.high < 0 else "undecided"


def standard_error(values: Floats, resolution: float = 0.0) -> float:
    """Standard error of the mean; infinite for one value.

    Args:
        values: Differences, or results [n].
        resolution: Step of the metric. That of two results, each known to a step, adds
            step^2 / 6 to the variance of their difference. Results by themselves get as much: of
            two neighbouring values that come up by chance, step^2 / 12 would cover 89 % at 8 seeds.
    """
    if len(values) < 2:
        return math.inf
    return math.sqrt((float(values.var(ddof=1)) + resolution**2 / 6) / len(values))


def _by_p(p_values: Sequence[float]) -> list[int]:
    """Places of the p values, smallest first."""
    return sorted(range(len(p_values)), key=lambda index: p_values[index])


def student_t() -> Any:
    """scipy's Student-t distribution.

    Raises:
        MissingError: scipy is not installed (it comes with the extra `train`).
    """
    try:
        from scipy.stats import t
    except ImportError as error:
        raise missing_extra("scipy", "train") from error
    return t
