"""The class that is taken of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tilth.label.beliefs import Beliefs

TABLES = st.integers(1, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), max_size=6)
)


@given(TABLES, st.randoms(use_true_random=False))
def test_likeliest_and_median_are_those_of_plain_lines(table: Any, random: Any) -> None:
    k = len(table[0]) if table else 1
    pairs = [(i, c, w) for i, row in enumerate(table) for c, w in enumerate(row) if w]
    random.shuffle(pairs)
    items, classes, weights = (
        (np.array(x, np.int64) for x in zip(*pairs, strict=True))
        if (pairs)
        else (np.array([], np.int64),) * 3
    )
    whole = np.array([max(sum(row), 1) for row in table], np.float64)
    share = weights / whole[items] if len(items) else np.array([])
    beliefs = Beliefs(items, classes, share, k)
    ranks = np.array(random.sample(range(k), k), np.int64)
    best, sure = beliefs.likeliest(len(table))
    middle, _ = beliefs.middle(len(table), ranks)
    by_rank = np.argsort(ranks)
    for i, row in enumerate(table):
        if not any(row):
            assert (best[i], middle[i]) == (-1, -1)
            continue
        assert best[i] == row.index(max(row))
        assert abs(sure[i] - max(row) / sum(row)) < 1e-12
        said = [c for c in by_rank.tolist() for _ in range(row[c])]
        assert middle[i] == said[(len(said) - 1) // 2]
