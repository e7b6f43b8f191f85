"""How strong things are that people compared two at a time (answers, systems, pictures).

The model of Bradley and Terry, "Rank analysis of incomplete block designs" (1952): that the first
wins has the logit of the difference of two strengths. Found as a maximum a posteriori by Newton's
method, with a weak normal prior, since something that never lost would be without end; intervals
are those of the information at the maximum. A tie is half a win of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tilth.kernels.groups import group_roots

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Standard deviation of strengths before anything is seen: 20 to 1 against the mean.
_STRAY: Final = 3.0
_MAX_ROUNDS: Final = 100
_SETTLED: Final = 1e-10
# Of the normal distribution, 95 %.
_WIDTH: Final = 1.959963984540054


@dataclass(frozen=True)
class Strengths:
    """What was found.

    Attributes:
        value: float64 [things], log-odds against the mean of the group.
        low, high: float64 [things], its 95 % interval.
        group: int64 [things], the first of those that comparisons link; strengths of two groups
            cannot be compared.
    """

    value: Floats
    low: Floats
    high: Floats
    group: Integers


def fit(first: Integers, second: Integers, won: Floats, num: int) -> Strengths:
    """Estimate strengths.

    Args:
        first, second: int64 [n], which two were compared.
        won: float64 [n], 1: the first won; 0: the second; 0.5: neither.
        num: How many things there are; time grows with its cube.
    """
    group = group_roots(first, second, num)
    strengths = np.zeros(num)
    prior = np.eye(num) / _STRAY**2
    bend = prior
    for _ in range(_MAX_ROUNDS):
        likely = 1 / (1 + np.exp(strengths[second] - strengths[first]))
        slope = np.bincount(first, won - likely, num) - np.bincount(second, won - likely, num)
        bend = prior + _information(first, second, likely * (1 - likely), num)
        step = np.linalg.solve(bend, slope - strengths / _STRAY**2)
        # No further than a strength is likely to stray: far off the curve is flat.
        strengths += step * min(1.0, _STRAY / max(float(np.abs(step).max(initial=0.0)), 1e-300))
        if np.abs(step).max(initial=0.0) < _SETTLED:
            break
    sizes = np.bincount(group, minlength=num)[group]
    about = np.eye(num) - (group[:, None] == group) / sizes[:, None]
    value = about @ strengths
    spread = _WIDTH * np.sqrt(np.einsum("ij,jk,ik->i", about, np.linalg.inv(bend), about))
    return Strengths(value, value - spread, value + spread, group)


def _information(first: Integers, second: Integers, weight: Floats, num: int) -> Floats:
    """How much comparisons tell of strengths, float64 [things, things]."""
    table = np.zeros((num, num))
    np.add.at(table, (first, first), weight)
    np.add.at(table, (second, second), weight)
    np.add.at(table, (first, second), -weight)
    np.add.at(table, (second, first), -weight)
    return table
