"""Confidence that means what it says: what a method believes of its labels, against gold.

A label model takes people to err independently. They err on the same items, and so it is surer than
it ought to be; how much nobody knows without true labels. With some, the belief in the label that
was taken is mapped to how often such labels are right, by a logistic curve (Platt, "Probabilistic
outputs for support vector machines", 1999). Forty items say little of its two numbers, so these are
drawn to what label models are like on simulated worlds (dev/LOG.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

# With fewer gold items nothing is said of confidence.
LEAST_GOLD: Final = 10
# Nearer to 0 or 1 a belief says no more: it is a product of many factors that are not independent.
_NEAREST: Final = 0.01
# Slope and shift before gold is seen, and how far they stray.
_BEFORE: Final = np.array([0.6, 0.0])
_STRAY: Final = np.array([0.3, 1.0])
_MAX_ROUNDS: Final = 50
_SETTLED: Final = 1e-9


@dataclass(frozen=True)
class Calibration:
    """A curve from belief to confidence.

    Attributes:
        slope: Of the logit of the belief; below 1 where the method is too sure.
        shift: Added to it.
    """

    slope: float
    shift: float

    def of(self, belief: Floats) -> Floats:
        """How often a label of such a belief is right, float64 [n]."""
        return _curve(_logit(belief), np.array([self.slope, self.shift]))


def calibrate(belief: Floats, is_right: Booleans) -> Calibration:
    """The curve that fits gold, by Newton's method; without any, that of label models at large.

    Args:
        belief: float64 [gold], in the class that was taken.
        is_right: bool [gold], whether that is the true one.
    """
    x = np.stack([_logit(belief), np.ones(len(belief))], axis=1)
    found = _BEFORE.copy()
    for _ in range(_MAX_ROUNDS):
        likely = _curve(x[:, 0], found)
        slope = x.T @ (is_right - likely) - (found - _BEFORE) / _STRAY**2
        bend = (x.T * (likely * (1 - likely))) @ x + np.diag(1 / _STRAY**2)
        step = np.linalg.solve(bend, slope)
        found += step
        if np.abs(step).max() < _SETTLED:
            break
    return Calibration(float(found[0]), float(found[1]))


def _logit(belief: Floats) -> Floats:
    inside = np.clip(belief, _NEAREST, 1 - _NEAREST)
    logit: Floats = np.log(inside) - np.log1p(-inside)
    return logit


def _curve(x: Floats, line: Floats) -> Floats:
    confidence: Floats = 1 / (1 + np.exp(-(line[0] * x + line[1])))
    return confidence
