"""How many seeds more would decide what these leave undecided."""

from __future__ import annotations

import math

import numpy as np

from tilth.statistics.paired import ALPHA, student_t

_MAX_SEEDS = 1_000
# One-sided normal quantile of an 80 % chance: the power at which "more seeds" is read.
_Z_POWER = 0.8416212335729143


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
