"""What the sections on training, transfer and value have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tilth.report.charts import NARROW, WIDE
from tilth.report.figures import Chart, Table, humane
from tilth.report.steps import as_text
from tilth.report.steps import warnings_of as warnings_of
from tilth.report.text import ABSENT, NARROW_SPACE, fixed, signed
from tilth.spell import decimals_apart
from tilth.transfer.result import Effect, Ends, TransferResult
from tilth.value.result import ValueResult

# A verdict's sentence is shown whole.
MAX_HEADLINE = 1_000
INTERVAL = f"Student-t 95{NARROW_SPACE}% interval over seeds"


@dataclass(frozen=True)
class Evidence:
    """One section: what was found in a sentence, facts, charts and tables."""

    headline: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[tuple[str, Table], ...] = ()
    warnings: tuple[str, ...] = ()


def draw(
    chart: Callable[..., str], *arguments: Any, key: str, caption: str, rows: Table, **settings: Any
) -> Chart:
    """The chart in both widths; `settings` are those of the chart's own function."""
    wide, narrow = (
        Markup(chart(*arguments, key=f"{key}-{width}", width=width, **settings))  # noqa: S704 - escaped in svg
        for width in (WIDE, NARROW)
    )
    return Chart(settings["title"], caption, wide, narrow, rows)


def unit_of(part: TransferResult | ValueResult) -> str:
    """`bits per byte (bits/byte), lower is better`."""
    metric, unit = humane(part.metric), as_text(part.unit)
    name = f"{metric} ({unit})" if unit and unit != metric else metric
    return f"{name}, {'lower' if part.lower_is_better else 'higher'} is better"


def half_widths(effects: Sequence[Effect]) -> list[float]:
    """Half the width of each effect's interval, where it has one."""
    return [
        (effect.high - effect.low) / 2
        for effect in effects
        if effect.low is not None and effect.high is not None
    ]


def interval_text(mean: float, ends: Ends | None, decimals: int, smallest: float = 0.0) -> str:
    """`+0.12 [+0.05, +0.19]`; only the mean where an end is open, a dash without an interval.

    Args:
        mean, ends: In the figure's unit.
        decimals: At least so many; more where a number would be rounded onto a bound.
        smallest: The smallest effect that matters, a bound beside 0.
    """
    if ends is None:
        return ABSENT
    low, high = ends
    if low is None or high is None:
        return signed(mean, decimals_apart((mean,), decimals))
    decimals = decimals_apart((mean, low, high), decimals, (0.0, smallest, -smallest))
    told = signed(mean, decimals)
    return f"{told} [{signed(low, decimals)}, {signed(high, decimals)}]"


def p_text(value: float | None) -> str:
    """A p value to three decimals; more where it would be rounded onto 0.05 or 1."""
    if value is None:
        return ABSENT
    return "<0.001" if value < 0.001 else fixed(value, decimals_apart((value,), 3, (0.05, 1.0)))
