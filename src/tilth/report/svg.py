"""SVG primitives: elements, scales, ticks. Colours and fonts come from the page's style sheet."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tilth.foreign import shorten, visible
from tilth.report.text import MINUS, number

# The mean width of a character in units of the font's size: of a wide system font (DejaVu Sans),
# bold, as no text can be measured here and a name cut off is worse than a gap.
_CHARACTER = 0.64


def escape(text: str) -> str:
    """Foreign text, safe in an attribute and between tags."""
    return html.escape(visible(text), quote=True)


def element(name: str, content: str = "", /, **attributes: str | float | None) -> str:
    """One SVG element.

    Args:
        name: Tag.
        content: Inner markup, escaped already.
        attributes: `class_` becomes class, `stroke_width` stroke-width; None is left out.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            text = str(value)
            if isinstance(value, float):
                text = f"{value:.2f}".rstrip("0").rstrip(".")
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    head = " ".join(parts)
    return f"<{head}>{content}</{name}>" if content else f"<{head}/>"


def label(
    x: float,
    y: float,
    text: str,
    *,
    kind: str = "",
    anchor: str = "start",
    fit: float | None = None,
    size: float = 12,
) -> str:
    """A line of text; where `fit` (px) is given, cut to it with the whole as its tooltip."""
    whole = visible(text)
    shown = shorten(whole, max(int(fit / (size * _CHARACTER)), 2)) if fit is not None else whole
    tip = element("title", escape(whole)) if shown != whole else ""
    css = kind or None
    return element("text", escape(shown) + tip, x=x, y=y, text_anchor=anchor, class_=css)


def text_width(text: str, size: float = 12) -> float:
    """The estimated width of a text in px."""
    return len(text) * size * _CHARACTER


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of a class of the style sheet."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False) -> str:
    """A polyline, or a filled polygon."""
    if not points:
        return ""
    steps = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
    return element("path", d=steps + (" Z" if closed else ""), class_=kind)


def marker(shape: int, x: float, y: float, kind: str, tip: str = "", size: float = 4) -> str:
    """A mark whose shape, not its colour alone, tells the series: circle, square, triangle, ..."""
    inner = element("title", escape(tip)) if tip else ""
    if shape % 5 == 0:
        return element("circle", inner, cx=x, cy=y, r=size, class_=kind)
    s = size
    outline = {
        1: [(x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s)],
        2: [(x, y - 1.3 * s), (x + 1.2 * s, y + s), (x - 1.2 * s, y + s)],
        3: [(x, y - 1.4 * s), (x + 1.4 * s, y), (x, y + 1.4 * s), (x - 1.4 * s, y)],
        4: [(x - 1.2 * s, y - s), (x + 1.2 * s, y - s), (x, y + 1.3 * s)],
    }[shape % 5]
    steps = " ".join(f"{px:.1f},{py:.1f}" for px, py in outline)
    return element("polygon", inner, points=steps, class_=kind)


@dataclass(frozen=True)
class Scale:
    """A map from data to px, linear or logarithmic.

    Attributes:
        low: Data value at `start`.
        high: Data value at `end`.
        start: px.
        end: px.
        log: Logarithmic; then low and high are above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, self.low * 1e-9))
        share = (at - low) / (high - low) if high != low else 0.5
        return self.start + share * (self.end - self.start)

    def clamped(self, value: float) -> float:
        """As called, but never outside the drawing."""
        return self(min(max(value, self.low), self.high))


def spread(values: Sequence[float], margin: float = 0.06) -> tuple[float, float]:
    """The range of the values with a margin, never of zero width."""
    low, high = min(values), max(values)
    pad = (abs(low) * 0.1 or 1.0) if high == low else (high - low) * margin
    return low - pad, high + pad


# Below the numbers that a float holds in full, a power of ten is no longer one.
_LEAST_STEP = 1e-300


def ticks(low: float, high: float, target: int = 5) -> list[float]:
    """Round values (1, 2, 2.5, 5 times a power of ten) inside [low, high], about `target` many."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    rough = (high - low) / max(target, 1)
    if rough < _LEAST_STEP:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    if last - first > 4 * target:  # the width is lost in the rounding of huge numbers
        return [low, high]
    return [position * step for position in range(first, last + 1)]


def tick_text(value: float, step: float) -> str:
    """A tick's label: only as many digits as the step needs."""
    if abs(value) >= 10_000 and value == round(value):
        for power, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= power and round(value / power, 2) == value / power:
                return f"{value / power:g}{sign}".replace("-", MINUS)
    if value == 0:
        return "0"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1 if step else 3
    fraction = f"{step:g}".partition(".")[2]
    return number(value, max(digits + (len(fraction.strip("0")) > 1), 1))


def document(
    body: str, *, key: str, width: float, height: float, title: str, description: str
) -> str:
    """One chart with its accessible name and description.

    Args:
        body: Markup.
        key: Unique in the page; patterns and titles are addressed by it.
        width: px.
        height: px.
        title: What is shown, in a few words.
        description: What a reader would say who sees it.
    """
    named = element("title", escape(title), id=f"{key}-t")
    described = element("desc", escape(description), id=f"{key}-d")
    return element(
        "svg",
        named + described + patterns(key) + body,
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        class_="chart",
        aria_labelledby=f"{key}-t {key}-d",
    )


def patterns(key: str) -> str:
    """Hatches for what is dropped and quarantined: legible without colour and in print."""
    stripe = line(0, 0, 0, 6, "hatch")
    crossed = line(0, 0, 0, 5, "hatch") + line(0, 0, 5, 0, "hatch")
    made = [
        element(
            "pattern",
            element("rect", width=size, height=size, class_=kind) + strokes,
            id=f"{key}-{kind}",
            width=size,
            height=size,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        )
        for kind, size, strokes in (("dropped", 6, stripe), ("quarantined", 5, crossed))
    ]
    return element("defs", "".join(made))
