"""Scales and ticks, and markup that foreign text cannot leave."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.report.svg import Scale, document, element, label, marker, spread, tick_text, ticks

FINITE = st.floats(-1e12, 1e12)


@given(FINITE, FINITE)
def test_ticks_are_few_round_and_inside(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    marks = ticks(low, high)
    assert 1 <= len(marks) <= 21
    if high - low > 1e-6 * max(abs(low), abs(high)):
        margin = 1e-6 * (high - low)
        assert all(low - margin <= mark <= high + margin for mark in marks)
        assert marks == sorted(marks)


def test_the_smallest_width_there_is_has_its_ends_for_ticks() -> None:
    assert ticks(0.0, 5e-324) == [0.0, 5e-324]


@pytest.mark.parametrize(
    ("value", "step", "said"),
    [(0.25, 0.25, "0.25"), (2.5, 0.5, "2.5"), (3, 1, "3"), (15000, 5000, "15k"),
     (2_500_000, 500_000, "2.5M"), (0, 0.1, "0"), (5000, 5000, "5,000")],
)  # fmt: skip
def test_ticks_have_the_digits_their_step_needs(value: float, step: float, said: str) -> None:
    assert tick_text(value, step) == said


def test_a_log_scale_keeps_ratios() -> None:
    scale = Scale(10, 1000, 0, 200, log=True)
    assert scale(10) == pytest.approx(0)
    assert scale(100) == pytest.approx(100)
    assert scale(1000) == pytest.approx(200)
    assert scale.clamped(1e9) == pytest.approx(200)
    assert math.isfinite(scale(0))


def test_a_range_is_never_empty() -> None:
    assert spread([3.0]) == (2.7, 3.3)
    assert spread([0.0, 0.0]) == (-1.0, 1.0)


@given(st.text())
def test_text_cannot_leave_its_element(text: str) -> None:
    drawn = document(
        label(0, 0, text, fit=40) + marker(3, 1, 1, "mark", text) + element("rect", class_=text),
        key="k",
        width=10,
        height=10,
        title=text,
        description=text,
    )
    tags = [node.tag for node in ET.fromstring(drawn).iter()]
    assert set(tags) <= {
        "svg",
        "title",
        "desc",
        "defs",
        "pattern",
        "rect",
        "line",
        "text",
        "polygon",
    }
