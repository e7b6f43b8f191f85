"""What the three sections on training have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.figures.seen import estimates
from tilth.report.evidence import interval_text, p_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "\u2013"),
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.0123, "0.012"),
        (0.05, "0.050"),
        # On its side of 0.05, and of 1.
        (0.0499, "0.0499"),
        (0.05004, "0.05004"),
        (0.9999, "0.9999"),
        (1.0, "1.000"),
    ],
)
def test_a_p_value_is_on_its_side_of_what_it_is_compared_with(
    value: float | None, shown: str
) -> None:
    assert p_text(value) == shown


@given(st.floats(-2, 2), st.floats(0, 3), st.floats(0, 3), st.integers(0, 4))
def test_no_end_of_an_interval_is_rounded_onto_0(
    mean: float, below: float, above: float, decimals: int
) -> None:
    low, high = mean - below, mean + above
    (shown,) = estimates(interval_text(mean, (low, high), decimals))
    for told, number in zip((shown.mid, shown.low, shown.high), (mean, low, high), strict=True):
        # Nine decimals are the most that are printed.
        assert (told == 0) == (number == 0) or abs(number) < 1e-9
        assert told * number >= 0
        assert abs(told - number) <= 0.5 * 10.0**-decimals + 1e-9


def test_an_open_interval_is_its_mean_and_none_a_dash() -> None:
    assert interval_text(0.0004, (None, 1.0), 2) == "+0.0004"
    assert interval_text(0.0, None, 2) == "\u2013"
