"""How many seeds more would decide what these leave undecided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tilth.statistics.found import CHANCE, FEWEST_SEEDS
from tilth.statistics.paired import ALPHA, Floats, t_quantile

_MAX_SEEDS = 1_000
# The chance is known to 0.6 points.
_DRAWS = 4_000
_SUMMED = 30


def more_seeds(
    mean: float,
    sd: float,
    n: int,
    smallest_effect: float,
    alpha: float = ALPHA,
    resolution: float = 0.0,
) -> int | None:
    """Seeds to add to n so that the verdict over all of them is decided with a chance of 80 %.

    The chance is the predictive one (Spiegelhalter, Freedman and Blackburn 1986): over all means
    and deviations that the n seeds leave open (priors flat in the mean and in the logarithm of the
    deviation), not at what they happened to show, which promises too much: a deviation from 3 seeds
    may be half of the true one. Decided means that the interval leaves zero or comes inside
    +-smallest_effect.

    Args:
        mean, sd: Of the n differences.
        n: Seeds so far.
        smallest_effect: The difference that matters, in their unit.
        alpha: One less the level of the interval that decides.
        resolution: As of `tilth.statistics.paired.standard_error`.

    Returns:
        The number, at least 1, or None where 1,000 seeds would not do, or there are fewer than
        three: two leave their deviation wholly open.

    Raises:
        MissingError: scipy is not installed (it comes with the extra `train`).
    """
    if not math.isfinite(sd) or n < FEWEST_SEEDS or n >= _MAX_SEEDS:
        return None
    hidden = resolution**2 / 6
    spread = math.sqrt(sd**2 + hidden)
    draws = _draws(n)
    deviations = spread * draws.deviations
    centres = mean + deviations / math.sqrt(n) * draws.centres

    def chance(more: int) -> float:
        """The share of draws in which so many seeds more decide it."""
        total = n + more
        new = centres + deviations / math.sqrt(more) * draws.noise
        both = (n * mean + more * new) / total
        apart = n * more / total * (new - mean) ** 2
        squares = (n - 1) * sd**2 + apart + deviations**2 * draws.squares_of(more - 1)
        half = t_quantile(1 - alpha / 2, total - 1) * np.sqrt(
            (squares / (total - 1) + hidden) / total
        )
        size = np.abs(both)
        return float(((size > half) | (size + half <= smallest_effect)).mean())

    return _fewest(chance, _MAX_SEEDS - n)


def _fewest(chance: Callable[[int], float], most: int) -> int | None:
    """The fewest from 1 on that reach the chance; None where `most` do not."""
    low, high = 0, 1
    while chance(high) < CHANCE:
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= CHANCE else (middle, high)
    return high


@dataclass(frozen=True)
class _Draws:
    """Random numbers of a world each [draws], the same at every call: see `more_seeds`.

    Attributes:
        deviations: The true deviation over the one that n seeds show.
        centres, noise: Normal: of the true mean, and of the mean of further seeds.
        sums: Sums of 1 to 30 squares of normal numbers [draws, 30].
        normal: What stands in their place above.
    """

    deviations: Floats
    centres: Floats
    noise: Floats
    sums: Floats
    normal: Floats

    def squares_of(self, freedom: int) -> Floats:
        """Chi-squared numbers, to each of which one degree of freedom more adds.

        Above 30 by Wilson and Hilferty's cube root (1931).
        """
        if freedom <= _SUMMED:
            return self.sums[:, freedom - 1] if freedom else np.zeros(_DRAWS)
        part = 2 / (9 * freedom)
        found: Floats = freedom * (1 - part + math.sqrt(part) * self.normal) ** 3
        return found


@lru_cache(maxsize=8)
def _draws(n: int) -> _Draws:
    generator = np.random.default_rng(0)
    normal = generator.standard_normal((3, _DRAWS))
    sums = np.cumsum(generator.standard_normal((_DRAWS, _SUMMED)) ** 2, axis=1)
    deviations = np.sqrt((n - 1) / generator.chisquare(n - 1, _DRAWS))
    return _Draws(deviations, normal[0], normal[1], sums, normal[2])
