"""The exact interval of a share of counted things, without scipy, which the base does not have."""

from __future__ import annotations

from collections.abc import Callable
from math import lgamma, log, log1p

import numpy as np

_ALPHA = 0.05
# Halvings of the interval from 0 to 1, to the last bits of a double.
_HALVINGS = 60


def exact_share(right: int, of: int) -> tuple[float, float]:
    """Clopper and Pearson's (1934) 95 % interval of a share, 0 to 1.

    Its ends are the shares of which so many, or more, and so many, or fewer, come in one of forty
    draws.

    Args:
        right: How many are.
        of: Of how many, 1 or more.
    """
    k = np.arange(of + 1)
    choose = np.array([lgamma(of + 1) - lgamma(i + 1) - lgamma(of - i + 1) for i in range(of + 1)])

    def tail(p: float, part: slice) -> float:
        logs = choose[part] + k[part] * log(p) + (of - k[part]) * log1p(-p)
        return float(np.exp(logs).sum())

    low = 0.0 if right == 0 else _where(lambda p: tail(p, slice(right, None)) > _ALPHA / 2)
    high = 1.0 if right == of else _where(lambda p: tail(p, slice(right + 1)) <= _ALPHA / 2)
    return low, high


def _where(is_above: Callable[[float], bool]) -> float:
    """From where on it is so."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return (low + high) / 2
