"""Numbers are written with the digits that are known, and never as what they are not."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tilth.spell import (
    counted,
    decimals_apart,
    decimals_of,
    distinct,
    fixed,
    is_on,
    percent,
)

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


@pytest.mark.parametrize(
    ("part", "whole", "decimals", "said"),
    [
        (9_996, 10_000, 0, ">99%"),
        (20, 1_000_000, 0, "<1%"),
        (9_999, 10_000, 1, ">99.9%"),
        (1, 10_000, 1, "<0.1%"),
        (0, 7, 1, "0%"),
        (7, 7, 1, "100%"),
        (1, 8, 1, "12.5%"),
    ],
)
def test_a_share_is_not_rounded_to_none_or_all(
    part: float, whole: float, decimals: int, said: str
) -> None:
    assert percent(part, whole, decimals) == said


@given(st.integers(1, 10**9), st.data(), st.integers(0, 2))
def test_only_none_is_0_and_only_all_is_100(whole: int, data: st.DataObject, decimals: int) -> None:
    part = data.draw(st.integers(0, whole))
    said = percent(part, whole, decimals)
    assert (float(said.strip("%")) == 0 if said[0] not in "<>" else False) == (part == 0)
    assert (float(said.strip("%")) == 100 if said[0] not in "<>" else False) == (part == whole)


@given(st.lists(NUMBERS, min_size=1, max_size=3), st.sampled_from([0.0, 1.0, 0.05]))
def test_a_number_keeps_its_side_of_a_bound(numbers: list[float], bound: float) -> None:
    assume(all(number == bound or abs(number - bound) > 1e-8 for number in numbers))
    decimals = decimals_apart(numbers, 1, [bound])
    for number in numbers:
        assert not is_on(number, bound, decimals)


def test_what_no_digits_tell_apart_asks_for_none() -> None:
    """An interval over two groups is [0.0, 100.0], not [0.000000000, 100.000000000]."""
    assert decimals_apart([70.0, 1e-80, 100 - 1e-13], 1, (0.0, 100.0)) == 1
    assert decimals_apart([1e-80, 0.04], 1) == 2


@given(NUMBERS, st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), max_size=3))
def test_what_decided_is_told_with_the_digits_that_decided(
    value: float, bounds: list[float]
) -> None:
    told = float(distinct(value, bounds))
    for bound in bounds:
        assert (told > bound, told < bound) == (value > bound, value < bound)


def test_digits_follow_half_the_width() -> None:
    assert decimals_of(0.0123) == 3
    assert decimals_of(1.5) == 1
    assert decimals_of(150.0) == 0
    assert decimals_of(0.0, least=2) == 2
    assert decimals_of(math.inf, least=1) == 1


def test_a_rounded_zero_has_no_sign() -> None:
    assert fixed(-0.004, 2) == "0.00"
    assert fixed(0.004, 2, "+") == "0.00"
    assert fixed(-1234.5, 1) == "-1,234.5"
    assert fixed(2.0, 1, "+") == "+2.0"


def test_a_reason_reads_well_behind_its_number() -> None:
    assert counted(5, "of an unknown type") == "5 of an unknown type"
    assert counted(1, "a row that fits nothing") == "1: a row that fits nothing"
    assert counted(1200, "its transcript is empty") == "1,200: its transcript is empty"
