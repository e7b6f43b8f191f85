"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.report.text import (
    count,
    decimals_for,
    duration,
    ends_of,
    finite,
    fixed,
    number,
    percent,
    plural,
    signed,
)

MARKS = dict.fromkeys(map(ord, "\u202f"), " ") | {ord("\u2212"): "-"}


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (1234567, "1,234,567"), (-5, "-5"), (0.123456, "0.123"), (12.0, "12"),
     (1234.5, "1,234"), (0.0000042, "4.20e-06"), (2.5e12, "2.50e+12"), (None, "–"),
     (math.nan, "–"), (math.inf, "–"), (True, "–"), ("12", "–")],
)  # fmt: skip
def test_numbers(value: object, said: str) -> None:
    assert number(value).translate(MARKS) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(1, 3, "33.3 %"), (0, 7, "0 %"), (7, 7, "100 %"), (1, 100_000, "<0.1 %"),
     (99_999, 100_000, ">99.9 %"), (1, 0, "–"), (None, 3, "–")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(part: object, whole: object, said: str) -> None:
    assert percent(part, whole).translate(MARKS) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (0.01, "<0.1 s"), (9.94, "9.9 s"), (59.4, "59 s"), (59.9, "1 min"),
     (219.4, "3 min 39 s"), (3600, "1 h"), (7505, "2 h 5 min"), (None, "–")],
)  # fmt: skip
def test_durations(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_signs() -> None:
    assert signed(0.5, 2) == "+0.50"
    assert signed(-0.5, 2) == "\u22120.50"
    assert signed(-0.001, 2) == "0.00"
    assert fixed(-0.001, 2) == "0.00"
    assert signed(None, 2) == "–"


def test_an_interval_has_the_digits_its_width_deserves() -> None:
    assert decimals_for(0.063, 0.0033) == 3
    assert decimals_for(4.2) == 1
    assert decimals_for(120.0) == 0
    assert decimals_for() == decimals_for(None, 0.0) == 2


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.none())
def test_any_number_can_be_printed(value: float | int | None) -> None:
    for printed in (count(value), number(value), percent(value), fixed(value, 2), duration(value)):
        assert printed
        assert "nan" not in printed
        assert "inf" not in printed


def test_counts_of_things() -> None:
    assert plural(1, "seed") == "1 seed"
    assert plural(2, "batch") == "2 batches"
    assert plural(1200, "copy") == "1,200 copies"
    assert plural(0, "day") == "0 days"


def test_a_number_beyond_every_float_is_none() -> None:
    assert finite(10**400) is None


@given(st.floats(0, 100), st.integers(1, 5))
def test_a_percentage_is_not_rounded_onto_an_end_of_what_it_can_be(
    value: float, digits: int
) -> None:
    shown = float(number(value, digits, ends_of("%")).translate(MARKS))
    # Nine decimals are the most that are printed, and what is smaller has an exponent.
    assert (shown == 100) == (value == 100) or 100 - value < 1e-9
    assert (shown == 0) == (value == 0)
    assert number(99.996, 4, ends_of("")) == "100.00"
    assert number(99.996, 4, ends_of("%")) == "99.996"
