"""Shares of a source: consecutive parts that cover it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tilth.reading.shares import Shares


@given(st.integers(0, 10_000), st.integers(0, 10), st.integers(0, 10))
def test_the_parts_cover_everything_in_order(total: int, train: int, test: int) -> None:
    train = min(train, 10 - test)
    shares = Shares(train=train / 10, test=test / 10, validation=(10 - train - test) / 10)
    at = 0
    for name, start, end in shares.bounds(total):
        assert start == at < end
        assert shares.at(start, total) == shares.at(end - 1, total) == name
        at = end
    assert at == total


def test_the_bound_is_that_of_nanogpt() -> None:
    assert Shares(train=0.9, validation=0.1).bounds(1_115_394) == [
        ("train", 0, 1_003_854),
        ("validation", 1_003_854, 1_115_394),
    ]


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(ValidationError, match="must sum to 1"):
        Shares(train=0.9)
