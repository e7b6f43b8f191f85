"""Forest and slope plots: what helps lies right of zero, and each verdict has its own shape."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.report.charts import NARROW, WIDE
from tilth.report.effects import Effect, Slope, forest_plot, slope_plot, verdict_class

WORDS = ("helps", "hurts", "no material effect", "undecided")


def forest(effects: list[Effect], smallest: float | None = 0.1, width: float = WIDE) -> ET.Element:
    svg = forest_plot(
        effects, smallest=smallest, key="k", width=width, title="t", description="d", x_label="x"
    )
    assert "nan" not in svg
    return ET.fromstring(svg)


def test_positive_is_right_of_zero_and_the_band_is_around_it() -> None:
    root = forest(
        [Effect("a", 0.5, 0.4, 0.6, "helps", (0.3, 0.7)), Effect("b", -1, -2, 0, "hurts")]
    )
    zero = float(next(n for n in root.iter("line") if n.get("class") == "zero").get("x1", ""))
    interval = next(n for n in root.iter("line") if n.get("class") == "interval v-helps")
    whisker = next(n for n in root.iter("line") if n.get("class") == "whisker v-helps")
    band = next(n for n in root.iter("rect") if n.get("class") == "no-matter")
    x1, x2 = (float(interval.get(name, "")) for name in ("x1", "x2"))
    assert zero < float(whisker.get("x1", "")) < x1 < x2 < float(whisker.get("x2", ""))
    left, wide = float(band.get("x", "")), float(band.get("width", ""))
    assert left + wide / 2 == pytest.approx(zero, abs=0.02)


def test_a_verdict_is_told_by_shape_and_word_not_by_colour_alone() -> None:
    root = forest([Effect(word, 0.1, 0.0, 0.2, word) for word in WORDS])
    shapes = set()
    for node in root.iter():
        if (node.get("class") or "").startswith("effect"):
            heights = [float(p.split(",")[1]) for p in (node.get("points") or "").split()]
            shapes.add((node.tag, len(heights), heights.count(min(heights, default=0))))
    assert len(shapes) == 4
    text = " ".join("".join(node.itertext()) for node in root.iter("text"))
    assert all(word in text for word in WORDS)


def test_an_unknown_verdict_claims_nothing() -> None:
    assert verdict_class('helps" onload="x') == "v-undecided"
    assert verdict_class("helps") == "v-helps"


@given(
    st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 3), min_size=1, max_size=6),
    st.floats(0, 1e9) | st.none(),
    st.sampled_from([WIDE, NARROW]),
)
def test_any_effects_can_be_drawn(
    found: list[tuple[float, float, float]], smallest: float | None, width: int
) -> None:
    effects = []
    for values in found:
        low, mean, high = sorted(values)
        effects.append(Effect("name", mean, low, high, "undecided"))
        # Nine decimals are the most that are printed.
        for told, number in zip(effects[-1].told(2), (mean, low, high), strict=True):
            assert told.strip("0.") or abs(number) < 1e-9
    forest(effects, smallest, width)


def test_a_line_a_seed_and_its_direction_by_dash() -> None:
    slopes = [Slope("a", ((1.0, 2.0), (2.0, 1.0), (1.5, 1.5)), (True, False, None))] * 5
    svg = slope_plot(slopes, key="k", width=NARROW, title="t", description="d", y_label="y")
    kinds = [n.get("class") for n in ET.fromstring(svg).iter("path")]
    assert kinds == ["slope better", "slope worse", "slope tie"] * 5
    assert "better in 1 of 3" in svg
