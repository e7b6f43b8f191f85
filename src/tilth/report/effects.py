"""The charts of effects: the forest plot of intervals and the slope plot, a line a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from tilth.report.text import decimals_for, number, signed
from tilth.spell import decimals_apart

# A verdict's sign and its mark's shape: told apart without colour.
SYMBOLS = {
    "helps": "▲",
    "hurts": "▼",
    "no material effect": "≈",
    "undecided": "?",
    "nothing changed": "=",
}
_SHAPES = {"helps": 2, "hurts": 4, "no material effect": 1, "undecided": 0, "nothing changed": 0}


def verdict_class(verdict: str) -> str:
    """The style sheet's name of a verdict; one that is unknown is drawn as undecided."""
    return f"v-{verdict.split()[0]}" if verdict in SYMBOLS else "v-undecided"


@dataclass(frozen=True)
class Effect:
    """One decision's effect, positive = helps.

    Attributes:
        name: The decision.
        mean: Mean paired difference, in units of the metric.
        low: Lower end of the 95 % interval.
        high: Upper end.
        verdict: One of the four.
        adjusted: The interval corrected for the number of arms, where there is one.
    """

    name: str
    mean: float
    low: float
    high: float
    verdict: str
    adjusted: tuple[float, float] | None = None

    @property
    def deciding(self) -> tuple[float, float]:
        """The bounds that the verdict is read from."""
        return self.adjusted or (self.low, self.high)

    def told(self, decimals: int) -> list[str]:
        """Mean and deciding bounds with so many decimals, and more where one is not 0 but nearly.

        Args:
            decimals: So many at least.
        """
        numbers = (self.mean, *self.deciding)
        decimals = decimals_apart(numbers, decimals)
        return [signed(number, decimals) for number in numbers]


def forest_plot(
    effects: Sequence[Effect],
    *,
    smallest: float | None,
    key: str,
    width: float,
    title: str,
    description: str,
    x_label: str,
) -> str:
    """Effects with their intervals around zero and the band of what would not matter.

    Args:
        effects: A row each.
        smallest: The smallest effect of interest; the band is plus and minus it.
        key: Unique in the page.
        width: px.
        title: What is shown.
        description: The same in a sentence or two.
        x_label: The metric and its unit.
    """
    wide = width > 500
    left = min(max(text_width(e.name) for e in effects) + 18, 230) if wide else 8
    right = width - (188 if wide else 8)
    pitch, offset = (38.0, 0.0) if wide else (62.0, 14.0)
    top = 34.0
    bottom = top + pitch * len(effects)
    band = abs(smallest) if smallest else 0.0
    ends = [bound for e in effects for bound in (e.low, e.high, *(e.adjusted or ()))]
    low, high = spread([*ends, -1.5 * band, 1.5 * band, 0.0])
    scale = Scale(low, high, left, right)
    decimals = decimals_for(*((e.high - e.low) / 2 for e in effects))
    deciding = [end for e in effects for end in e.deciding]
    decimals = decimals_apart(deciding, decimals, (0.0, band, -band))
    body = []
    if band:
        x = scale(-band)
        body.append(
            element(
                "rect",
                x=x,
                y=top - 6,
                width=scale(band) - x,
                height=bottom - top + 6,
                class_="no-matter",
            )
        )
    marks = ticks(low, high, 6 if wide else 4)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    for value in marks:
        text = ("+" if value > 0 else "") + tick_text(value, step)
        body.append(line(scale(value), top - 6, scale(value), bottom, "grid"))
        body.append(label(scale(value), bottom + 16, text, kind="tick", anchor="middle"))
    body.append(line(scale(0), top - 6, scale(0), bottom + 3, "zero"))
    body.append(label(scale(0) - 10, 14, "◂ hurts", kind="side", anchor="end"))
    body.append(label(scale(0) + 10, 14, "helps ▸", kind="side"))
    body.append(
        label(
            (left + right) / 2,
            bottom + 36,
            x_label,
            kind="axis-title",
            anchor="middle",
            fit=width - 8,
        )
    )
    for position, e in enumerate(effects):
        y = top + position * pitch + pitch / 2 + offset
        css = verdict_class(e.verdict)
        # Beside the verdict stands the interval that it is read from.
        mean, *bounds = e.told(decimals)
        tip = f"{mean} [{', '.join(bounds)}]"
        if e.adjusted:
            body.append(line(scale(e.adjusted[0]), y, scale(e.adjusted[1]), y, f"whisker {css}"))
        body.append(line(scale(e.low), y, scale(e.high), y, f"interval {css}"))
        body.append(
            marker(
                _SHAPES.get(e.verdict, 0), scale(e.mean), y, f"effect {css}", f"{e.name}: {tip}", 5
            )
        )
        verdict = f"{SYMBOLS.get(e.verdict, '?')} {e.verdict}"
        if wide:
            body.append(label(left - 14, y + 4, e.name, kind="row", anchor="end", fit=left - 16))
            body.append(label(right + 14, y - 2, verdict, kind=f"verdict {css}"))
            body.append(label(right + 14, y + 13, tip, kind="tick"))
        else:
            body.append(label(0, y - 26, e.name, kind="row", fit=width - 130))
            body.append(label(width, y - 26, verdict, kind=f"verdict {css}", anchor="end"))
            body.append(label(width, y - 12, tip, kind="tick halo", anchor="end"))
    return document(
        "".join(body),
        key=key,
        width=width,
        height=bottom + 44,
        title=title,
        description=description,
    )


@dataclass(frozen=True)
class Slope:
    """Results without a decision and with it, seed by seed.

    Attributes:
        name: The decision.
        pairs: (without, with) of each seed, in units of the metric.
        better: Whether it was better with it, for each seed; None for a tie.
    """

    name: str
    pairs: tuple[tuple[float, float], ...]
    better: tuple[bool | None, ...]


def slope_plot(
    slopes: Sequence[Slope], *, key: str, width: float, title: str, description: str, y_label: str
) -> str:
    """Small multiples: without on the left, with on the right, a line a seed.

    A line that got better is solid, one that got worse dashed, a tie dotted; the axis is shared.
    """
    columns = max(min(len(slopes), 4 if width > 500 else 2), 1)
    rows = -(-len(slopes) // columns)
    values = [value for slope in slopes for pair in slope.pairs for value in pair]
    low, high = spread(values)
    marks = ticks(low, high, 4)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    left = 14 + max(text_width(tick_text(mark, step), 11) for mark in marks)
    cell, deep = min((width - left - 8) / columns, 240.0), 210.0
    top = 22.0
    body = [label(0, 12, y_label, kind="axis-title", fit=width)]
    for row in range(rows):
        up = Scale(low, high, top + row * deep + deep - 44, top + row * deep + 34)
        for mark in marks:
            end = left + cell * min(columns, len(slopes) - row * columns) - 12
            body.append(line(left, up(mark), end, up(mark), "grid"))
            body.append(
                label(left - 6, up(mark) + 4, tick_text(mark, step), kind="tick", anchor="end")
            )
        for column, slope in enumerate(slopes[row * columns : (row + 1) * columns]):
            x1 = left + column * cell + 26
            x2 = left + (column + 1) * cell - 38
            wins = sum(better is True for better in slope.better)
            head = f"{slope.name}"
            body.append(label(x1 - 14, up.end - 16, head, kind="row", fit=cell - 30))
            body.append(
                label(
                    x1 - 14, up.start + 34, f"better in {wins} of {len(slope.pairs)}", kind="tick"
                )
            )
            for x, name, anchor in ((x1, "without", "middle"), (x2, "with", "middle")):
                body.append(line(x, up.start, x, up.end, "axis"))
                body.append(label(x, up.start + 17, name, kind="tick", anchor=anchor))
            for (before, after), better in zip(slope.pairs, slope.better, strict=True):
                css = {True: "better", False: "worse", None: "tie"}[better]
                tip = element("title", escape(f"{number(before, 4)} to {number(after, 4)}: {css}"))
                body.append(path([(x1, up(before)), (x2, up(after))], f"slope {css}"))
                body.append(
                    element("circle", tip, cx=x2, cy=up(after), r=3, class_=f"slope-end {css}")
                )
    return document(
        "".join(body),
        key=key,
        width=width,
        height=top + rows * deep,
        title=title,
        description=description,
    )
