"""Who is joined by pairs is of one group, and nobody else is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tilth.kernels.groups import group_roots


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=20),
        )
    )
)
def test_the_root_is_the_smallest_that_can_be_reached(
    drawn: tuple[int, list[tuple[int, int]]],
) -> None:
    count, pairs = drawn
    reached = [{one} for one in range(count)]
    for _ in range(count):
        for a, b in pairs:
            reached[a] |= reached[b]
            reached[b] |= reached[a]
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    found = group_roots(ends[:, 0], ends[:, 1], count)
    assert found.tolist() == [min(group) for group in reached]


def test_none_is_of_no_group() -> None:
    nobody = np.zeros(0, np.int64)
    assert group_roots(nobody, nobody, 0).tolist() == []
    assert group_roots(nobody, nobody, 0).dtype == np.int64
