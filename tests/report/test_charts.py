"""The charts say in geometry what the numbers say."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.report.charts import NARROW, WIDE, Arrow, Flow, Series, flow_bars, histogram, line_chart

NUMBER = st.floats(-1e9, 1e9)
POINTS = st.lists(st.tuples(st.floats(0.001, 1e9), NUMBER | st.none()), min_size=1, max_size=12)


def parsed(svg: str) -> ET.Element:
    assert "nan" not in svg
    assert "inf" not in svg.replace("infinite", "")
    return ET.fromstring(svg)


def drawn(series: list[Series], width: float = WIDE, arrow: Arrow | None = None) -> ET.Element:
    return parsed(
        line_chart(
            series, key="k", width=width, title="t", description="d", x_label="x", y_label="y",
            log_x=True, arrow=arrow,
        )
    )  # fmt: skip


def bars(root: ET.Element, kind: str) -> list[tuple[float, float]]:
    """(x, width) of the bars of a kind, less the legend's."""
    found = [r for r in root.iter("rect") if r.get("class") == f"bar-{kind}" and len(r)]
    return [(float(r.get("x", "")), float(r.get("width", ""))) for r in found]


@given(st.lists(POINTS, min_size=1, max_size=4), st.sampled_from([WIDE, NARROW]))
def test_any_numbers_can_be_drawn(
    lines: list[list[tuple[float, float | None]]], width: int
) -> None:
    series = [
        Series(f"s{i}", tuple(sorted(points, key=lambda p: p[0])), style=i, marks=True)
        for i, points in enumerate(lines)
        if any(y is not None for _, y in points)
    ]
    if series:
        drawn(series, width)


def test_a_missing_value_is_a_gap() -> None:
    root = drawn([Series("a", ((1, 1.0), (2, 2.0), (3, None), (4, 2.0), (5, 1.0)))])
    assert len([p for p in root.iter("path") if (p.get("class") or "").startswith("line")]) == 2


def test_the_arrow_runs_level_from_the_one_size_to_the_other() -> None:
    series = Series("scratch", ((10, 3.0), (100, 2.0), (1000, 1.0)), marks=True)
    root = drawn([series], arrow=Arrow(10, 100, 2.0, "10x"))
    shaft = [line for line in root.iter("line") if line.get("class") == "arrow"][1]
    marks = [m for m in root.iter("circle") if (m.get("class") or "").startswith("mark")]
    assert shaft.get("y1") == shaft.get("y2") == marks[1].get("cy")
    assert float(shaft.get("x1", "")) == pytest.approx(float(marks[0].get("cx", "")), abs=0.1)
    assert float(shaft.get("x2", "")) == pytest.approx(float(marks[1].get("cx", "")), abs=4)


def test_bars_are_as_long_as_their_counts_and_sources_add_up() -> None:
    flows = [
        Flow("collect.a", 60, 0, 0, reach=2),
        Flow("collect.b", 40, 0, 0, start=60, reach=1),
        Flow("clean.rules", 70, 25, 5),
    ]
    root = parsed(flow_bars(flows, key="k", width=WIDE, title="t", description="d"))
    (x1, a), (x2, b), (_, kept) = bars(root, "kept")
    assert x2 == pytest.approx(x1 + a, abs=0.02)
    assert kept / (a + b) == pytest.approx(0.7, abs=0.001)
    assert bars(root, "dropped")[0][1] / (a + b) == pytest.approx(0.25, abs=0.001)
    assert bars(root, "quarantined")[0][1] / (a + b) == pytest.approx(0.05, abs=0.001)


def test_a_single_lost_sample_is_still_seen() -> None:
    flows = [Flow("clean.rules", 999_999, 1, 0)]
    root = parsed(flow_bars(flows, key="k", width=NARROW, title="t", description="d"))
    assert bars(root, "dropped")[0][1] >= 1.5


def test_an_empty_step_can_be_drawn() -> None:
    parsed(flow_bars([Flow("empty", 0, 0, 0)], key="k", width=WIDE, title="t", description="d"))


@pytest.mark.parametrize("edges", [[0.0, 1, 2, 3], [0.0, 1, 10, 100]])
def test_bins_of_any_width_are_drawn_equally_wide(edges: list[float]) -> None:
    root = parsed(
        histogram(edges, [1, 2, 4], key="k", width=WIDE, title="t", description="d", x_label="x")
    )
    rects = [r for r in root.iter("rect") if r.get("class") == "bar-kept"]
    assert len({r.get("width") for r in rects}) == 1
    heights = [float(r.get("height", "")) for r in rects]
    assert heights[2] / heights[0] == pytest.approx(4, abs=0.01)
