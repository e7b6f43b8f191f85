"""The charts: pure functions from numbers to SVG, drawn once wide and once narrow.

A picture scaled down to a telephone has text of six pixels. So each function takes the width it
draws for, and the page shows the one that fits. Meaning is carried by shape, dash and word, and by
colour only on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tilth.report.svg import (
    Scale,
    document,
    element,
    escape,
    label,
    line,
    marker,
    path,
    spread,
    text_width,
    tick_text,
    ticks,
)
from tilth.report.text import count, number, percent

WIDE, NARROW = 792, 368


@dataclass(frozen=True)
class Series:
    """One line.

    Attributes:
        name: Shown beside it.
        points: (x, y), ascending in x; a y of None breaks the line.
        band: (x, low, high): an interval around the line.
        dots: (x, y) of the single measurements.
        style: Which colour, dash and mark; the same number is the same series in every chart.
        marks: Draw a mark at every point.
    """

    name: str
    points: tuple[tuple[float, float | None], ...]
    band: tuple[tuple[float, float, float], ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    style: int = 0
    marks: bool = False


@dataclass(frozen=True)
class Arrow:
    """A horizontal arrow at height y: what the one series has here, the other has only there."""

    x1: float
    x2: float
    y: float
    text: str


def line_chart(
    series: Sequence[Series],
    *,
    key: str,
    width: float,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    arrow: Arrow | None = None,
) -> str:
    """Lines with interval bands, single measurements and an optional horizontal arrow."""
    xs = [x for s in series for x, _ in (*s.points, *s.dots)]
    xs += [x for s in series for x, *_ in s.band]
    ys = [y for s in series for _, y in (*s.points, *s.dots) if y is not None]
    ys += [y for s in series for _, *pair in s.band for y in pair]
    shown = xs
    if arrow:
        xs, ys = [*xs, arrow.x1, arrow.x2], [*ys, arrow.y]
    log_x = log_x and min(xs) > 0
    wide = width > 500
    legend, top = _legend(series, width, wide)
    height = (330.0 if wide else 270.0) + top
    low_y, high_y = spread(ys)
    y_ticks = ticks(low_y, high_y)
    y_step = y_ticks[1] - y_ticks[0] if len(y_ticks) > 1 else 1.0
    left = 14 + max(text_width(tick_text(y, y_step), 11) for y in y_ticks)
    names = [text_width(s.name) + 26 for s in series] if wide else []
    right = width - (min(max(names, default=0), 190) if wide else 12)
    bottom = height - 40
    low_x, high_x = min(xs), max(xs)
    if low_x == high_x:
        low_x, high_x = (low_x / 2, high_x * 2) if log_x else spread([low_x])
    elif log_x:
        low_x, high_x = low_x * 0.93, high_x * 1.07
    across = Scale(low_x, high_x, left, right, log_x)
    up = Scale(low_y, high_y, bottom, top + 24)
    body = [legend, label(0, top + 12, y_label, kind="axis-title")]
    for y in y_ticks:
        body.append(line(left, up(y), right, up(y), "grid"))
        body.append(label(left - 6, up(y) + 4, tick_text(y, y_step), kind="tick", anchor="end"))
    body.extend(_x_axis(across, shown, bottom, log_x, 6 if wide else 4))
    body.append(label((left + right) / 2, height - 4, x_label, kind="axis-title", anchor="middle"))
    for s in series:
        edge = [(across(x), up(high)) for x, _, high in s.band]
        edge += [(across(x), up(low)) for x, low, _ in reversed(s.band)]
        body.append(path(edge, f"band s{s.style % 5}", closed=True))
    for s in series:
        body.extend(_draw_series(s, across, up, y_label))
    if wide:
        body.append(_end_labels(series, up, right, width))
    if arrow:
        body.append(_draw_arrow(arrow, across, up(arrow.y), left, right))
    return document(
        "".join(body), key=key, width=width, height=height, title=title, description=description
    )


def _legend(series: Sequence[Series], width: float, wide: bool) -> tuple[str, float]:
    """In a narrow picture a line of the legend a series; a wide one names lines at their end."""
    if wide or len(series) < 2:
        return "", 4.0
    body, y = [], 12.0
    for s in series:
        body.append(line(2, y - 4, 30, y - 4, f"line s{s.style % 5}{'' if s.marks else ' raw'}"))
        body.append(marker(s.style, 16, y - 4, f"mark s{s.style % 5}") if s.marks else "")
        body.append(label(38, y, s.name, kind="series", fit=width - 40))
        y += 18
    return "".join(body), y - 8


def _x_axis(scale: Scale, xs: Sequence[float], y: float, log_x: bool, target: int) -> list[str]:
    body = [line(scale.start, y, scale.end, y, "axis")]
    values = sorted(set(xs)) if log_x else ticks(scale.low, scale.high, target)
    if log_x and len(values) > 12:
        values = [10.0**power for power in range(-9, 13) if scale.low <= 10.0**power <= scale.high]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    taken = float("-inf")
    for value in values:
        text = number(value) if log_x else tick_text(value, step)
        at, half = scale(value), text_width(text, 11) / 2
        body.append(line(at, y, at, y + 4, "axis"))
        if at - half > taken:
            body.append(label(at, y + 17, text, kind="tick", anchor="middle"))
            taken = at + half + 6
    return body


def _bounds(edges: Sequence[float], scale: Scale, y: float) -> list[str]:
    """The bounds of unequal bins: as many labels as fit beside each other."""
    body, taken = [line(scale.start, y, scale.end, y, "axis")], float("-inf")
    for position, edge in enumerate(edges):
        at, half = scale(position), text_width(number(edge), 11) / 2
        # The outermost labels stay inside the drawing.
        middle = min(max(at, half), scale.end + 8 - half)
        body.append(line(at, y, at, y + 4, "axis"))
        if middle - half > taken:
            body.append(label(middle, y + 17, number(edge), kind="tick", anchor="middle"))
            taken = middle + half + 4
    return body


def _draw_series(s: Series, across: Scale, up: Scale, unit: str) -> list[str]:
    css = f"s{s.style % 5}"
    body = [element("circle", cx=across(x), cy=up(y), r=2, class_=f"dot {css}") for x, y in s.dots]
    run: list[tuple[float, float]] = []
    for x, y in (*s.points, (0.0, None)):
        if y is not None:
            run.append((across(x), up(y)))
        elif run:
            body.append(path(run, f"line {css}{'' if s.marks else ' raw'}"))
            run = []
    for x, y in s.points:
        if s.marks and y is not None:
            tip = f"{s.name}: {number(y, 4)} {unit} at {number(x)}"
            body.append(marker(s.style, across(x), up(y), f"mark {css}", tip))
    return body


def _end_labels(series: Sequence[Series], up: Scale, right: float, width: float) -> str:
    """Names at the lines' ends, pushed apart where they would overlap."""
    ends: list[tuple[float, Series]] = []
    for s in series:
        last = next(((x, y) for x, y in reversed(s.points) if y is not None), None)
        if last is not None:
            ends.append((up(last[1]), s))
    ends.sort(key=lambda end: end[0])
    placed: list[float] = []
    for y, _ in ends:
        placed.append(max(y, placed[-1] + 16) if placed else y)
    overflow = max(placed[-1] - up.start, 0) if placed else 0.0
    body = []
    for (y, s), at in zip(ends, placed, strict=True):
        css = f"s{s.style % 5}"
        body.append(path([(right + 2, y), (right + 12, at - overflow)], "leader"))
        if s.marks:
            body.append(marker(s.style, right + 15, at - overflow, f"mark {css}", size=3))
        text_at = right + (22 if s.marks else 15)
        body.append(label(text_at, at - overflow + 4, s.name, kind="series", fit=width - text_at))
    return "".join(body)


def _draw_arrow(arrow: Arrow, across: Scale, y: float, left: float, right: float) -> str:
    x1, x2 = across(arrow.x1), across.clamped(arrow.x2)
    back = -7 if x2 >= x1 else 7
    head = path([(x2, y), (x2 + back, y - 4), (x2 + back, y + 4)], "arrow-head", closed=True)
    half = text_width(arrow.text) / 2
    middle = min(max((x1 + x2) / 2, left + half), max(right - half, left + half))
    text = label(middle, y - 9, arrow.text, kind="arrow-text halo", anchor="middle")
    shaft = line(x1, y - 4, x1, y + 4, "arrow") + line(x1, y, x2 + back / 2, y, "arrow")
    return shaft + head + text


@dataclass(frozen=True)
class Flow:
    """What one step did with what came in.

    Attributes:
        name: The step.
        kept: Samples.
        dropped: Samples.
        quarantined: Samples.
        start: Samples to the left of it: sources stand side by side and add up.
        reach: Rows down to the one that took in what this one kept; 0 where none did.
    """

    name: str
    kept: float
    dropped: float
    quarantined: float
    start: float = 0.0
    reach: int = 0

    @property
    def total(self) -> float:
        return self.kept + self.dropped + self.quarantined


def flow_bars(
    flows: Sequence[Flow], *, key: str, width: float, title: str, description: str
) -> str:
    """The funnel: a bar a step, kept, dropped (hatched) and quarantined (crossed)."""
    wide = width > 500
    left = min(max(text_width(f.name) for f in flows) + 14, 210) if wide else 0
    right = width - (62 if wide else 0)
    pitch, bar, above = (34.0, 20.0, 0.0) if wide else (44.0, 16.0, 16.0)
    top = 26.0
    scale = Scale(0, max(f.start + f.total for f in flows) or 1, left, right)
    body, flowing = [_flow_legend(key, left)], []
    for position, f in enumerate(flows):
        y = top + position * pitch + above
        if wide:
            body.append(label(left - 10, y + 14, f.name, kind="row", anchor="end", fit=left - 12))
        else:
            body.append(label(0, y - 4, f.name, kind="row", fit=width - 120))
        share = percent(f.kept, f.total) if f.total else "empty"
        body.append(
            label(
                width,
                y + (14 if wide else -4),
                share if wide else f"kept {share}",
                kind="tick",
                anchor="end",
            )
        )
        x = scale(f.start)
        amounts = {"kept": f.kept, "dropped": f.dropped, "quarantined": f.quarantined}
        for kind, amount in amounts.items():
            if amount <= 0:
                continue
            # A single lost sample among thousands is still seen.
            size = max(scale(amount) - scale(0), 1.5)
            fill = None if kind == "kept" else f"url(#{key}-{kind})"
            tip = element("title", escape(f"{f.name}: {count(amount)} {kind}"))
            body.append(
                element(
                    "rect", tip, x=x, y=y, width=size, height=bar, class_=f"bar-{kind}", fill=fill
                )
            )
            x += size
        if f.reach:
            below = y + f.reach * pitch - above
            ends = [(scale(f.start), y + bar), (scale(f.start + f.kept), y + bar)]
            ends += [(scale(f.start + f.kept), below), (scale(f.start), below)]
            flowing.append(path(ends, "flow", closed=True))
    height = top + len(flows) * pitch + 4
    return document(
        "".join(flowing + body),
        key=key,
        width=width,
        height=height,
        title=title,
        description=description,
    )


def _flow_legend(key: str, x: float) -> str:
    body = []
    for kind in ("kept", "dropped", "quarantined"):
        fill = None if kind == "kept" else f"url(#{key}-{kind})"
        body.append(element("rect", x=x, y=3, width=14, height=11, class_=f"bar-{kind}", fill=fill))
        body.append(label(x + 20, 13, kind, kind="tick"))
        x += 34 + text_width(kind, 11.5)
    return "".join(body)


def histogram(
    edges: Sequence[float],
    counts: Sequence[float],
    *,
    key: str,
    width: float,
    title: str,
    description: str,
    x_label: str,
) -> str:
    """Bars over bins; bins of unequal width are drawn equally wide, with their bounds below.

    A bar as wide as its bin would have to be as high as its density to be read right.

    Args:
        edges: n + 1 bounds, ascending.
        counts: n samples.
        key: Unique in the page.
        width: px.
        title: What is shown.
        description: The same in a sentence.
        x_label: What is counted.
    """
    height, left, right = 190.0, 8.0, width - 8
    bottom = height - 38
    mean = (edges[-1] - edges[0]) / len(counts)
    even = all(abs(b - a - mean) < 0.01 * mean for a, b in pairwise(edges))
    across = Scale(edges[0], edges[-1], left, right) if even else Scale(0, len(counts), left, right)
    up = Scale(0, max(counts) or 1, bottom, 20)
    body = []
    for position, ((low, high), amount) in enumerate(zip(pairwise(edges), counts, strict=True)):
        tip = element("title", escape(f"{number(low)} to {number(high)}: {count(amount)}"))
        x = across(low if even else position)
        size = max((right - left) / len(counts) - 1, 0.5)
        body.append(
            element(
                "rect",
                tip,
                x=x,
                y=up(amount),
                width=size,
                height=bottom - up(amount),
                class_="bar-kept",
            )
        )
    if even:
        body.extend(_x_axis(across, edges, bottom, False, 6 if width > 500 else 4))
    else:
        body.extend(_bounds(edges, across, bottom))
    body.append(
        label(
            left, 12, f"{count(sum(counts))} in all, highest bar {count(max(counts))}", kind="tick"
        )
    )
    body.append(label((left + right) / 2, height - 4, x_label, kind="axis-title", anchor="middle"))
    return document(
        "".join(body), key=key, width=width, height=height, title=title, description=description
    )
