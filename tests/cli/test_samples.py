"""How two results stand side by side: with their unit, and as many digits as are known."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tilth.cli.samples import _sides, _unit
from tilth.query.diff import ResultDifference


def _shown(
    a: float | None,
    b: float | None,
    a_ends: tuple[float, float] | None = None,
    b_ends: tuple[float, float] | None = None,
    share: bool = False,
) -> tuple[str, str]:
    return _sides(ResultDifference("x", a, b, a_ends, b_ends, share=share))


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ((2.0, 1.5), ("2.000", "1.500")),
        ((None, 0.123456), ("-", "0.1235")),
        ((18.0, 2421.0), ("18", "2,421")),
        # A multiplier of 1.04 is no 1, and an interval that leaves it out does so here.
        ((1.04, 1.99, (1.01, 1.07), (1.98, 2.0)), ("1.040 [1.010, 1.070]", "1.990 [1.980, 2.000]")),
        # What is not 0 is not printed as 0.
        ((0.0004, 3.0, (0.0002, 2.0), (2.0, 4.0)), ("0.0004 [0.0002, 2.0000]",
                                                    "3.0000 [2.0000, 4.0000]")),
        # Two results that differ look different.
        ((80.0, 80.0002, (70.0, 90.0), (70.0, 90.0)), ("80.0000 [70.0000, 90.0000]",
                                                       "80.0002 [70.0000, 90.0000]")),
        ((0.25, 0.5, None, None, True), ("25", "50")),
        ((0.99999, 1.0, None, None, True), ("99.999", "100.000")),
    ],
)  # fmt: skip
def test_digits_follow_what_is_known(given_: tuple[float, ...], shown: tuple[str, str]) -> None:
    assert _shown(*given_) == shown  # type: ignore[arg-type]


def _numbers(text: str) -> list[float]:
    return [float(one.replace(",", "")) for one in re.findall(r"-?[\d,]*\.?\d+", text)]


@given(st.floats(-1e4, 1e4), st.floats(1e-4, 1e4), st.floats(-1e4, 1e4))
def test_an_interval_stays_on_its_side(value: float, half: float, other: float) -> None:
    assume(abs(value - other) > 1e-6)
    low, high = value - half, value + half
    assume(all(abs(end - bound) > 1e-6 for end in (value, low, high) for bound in (0, 1)))
    a, b = _shown(value, other, (low, high))
    shown = _numbers(a)
    for number, bound in ((n, bound) for n in range(3) for bound in (0, 1)):
        exact = (value, low, high)[number]
        assert (shown[number] > bound) == (exact > bound)
        assert (shown[number] < bound) == (exact < bound)
    assert _numbers(b)[0] != shown[0]


def test_no_end_of_an_interval_is_rounded_onto_all() -> None:
    """5 of 6 right: the exact interval ends at 99.58 %."""
    one = ResultDifference("x", 50.0, 83.33, (11.81, 88.19), (35.88, 99.58), "%", better="higher")
    assert _sides(one) == ("50.0 [11.8, 88.2]", "83.3 [35.9, 99.6]")
    # A number of another unit may well be 100.
    assert _shown(99.8, 50.0, (80.0, 120.0), (30.0, 70.0)) == ("100 [80, 120]", "50 [30, 70]")


def test_the_unit_and_the_better_way_are_told() -> None:
    one = ResultDifference("x", 1.0, 2.0, unit="bits/byte", better="lower")
    assert _unit(one) == "bits/byte, lower is better"
    assert _unit(ResultDifference("x", 0.1, 0.2, share=True)) == "%"
    assert _unit(ResultDifference("x", 1.0, 2.0)) == ""
