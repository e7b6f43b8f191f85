"""The exact interval of a share, against scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tilth.statistics.exact import exact_share
from tilth.statistics.intervals import clopper_pearson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_is_that_of_scipy(case: tuple[int, int]) -> None:
    right, of = case
    found = binomtest(right, of).proportion_ci(method="exact")
    assert exact_share(right, of) == pytest.approx((found.low, found.high), abs=1e-9)
    assert exact_share(right, of) == pytest.approx(clopper_pearson(right, of), abs=1e-9)
