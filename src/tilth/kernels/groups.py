"""Which of many belong together, by pairs of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def group_roots(first: Integers, second: Integers, count: int) -> Integers:
    """The smallest of each one's group: connected components, by union-find.

    Args:
        first, second: Pairs that belong together, int64 [pairs].
        count: How many there are, numbered from 0.

    Returns:
        int64 [count].
    """
    parents = list(range(count))

    def root(one: int) -> int:
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        low, high = sorted((root(a), root(b)))
        parents[high] = low
    return np.array([root(one) for one in range(count)], np.int64)
