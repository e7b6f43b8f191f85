"""What the sections on training, transfer and value have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tilth.report.charts import NARROW, WIDE
from tilth.report.figures import Chart, Table, humane
from tilth.report.steps import as_list, as_text
from tilth.report.text import ABSENT, NARROW_SPACE, finite, fixed, number, signed

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


def unit_of(part: Mapping[str, Any]) -> str:
    """`bits per byte (bits/byte), lower is better`."""
    metric, unit = humane(as_text(part.get("metric")) or "metric"), as_text(part.get("unit"))
    better = {True: ", lower is better", False: ", higher is better"}
    name = f"{metric} ({unit})" if unit and unit != metric else metric
    return name + better.get(part.get("lower_is_better"), "")  # type: ignore[arg-type]


def measured(value: Any, unit: str, decimals: int | None = None) -> str:
    """A number with its unit."""
    text = number(value, 4) if decimals is None else fixed(value, decimals)
    return f"{text} {unit}".strip() if text != ABSENT else text


def warnings_of(part: Mapping[str, Any]) -> tuple[str, ...]:
    """What the step itself warned of: at most 20."""
    given = [*as_list(part.get("warnings")), *as_list(part.get("notes"))]
    shown = [as_text(warning, 400) for warning in given[:20]]
    return (*shown, f"20 of {len(given)} warnings shown") if len(given) > 20 else tuple(shown)


def half_widths(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Half the width of each row's interval, where it has one."""
    pairs = [(finite(row.get("low")), finite(row.get("high"))) for row in rows]
    return [(high - low) / 2 for low, high in pairs if low is not None and high is not None]


def interval_text(row: Mapping[str, Any], low: str, high: str, decimals: int) -> str:
    """`+0.12 [+0.05, +0.19]`; only the mean where a bound is missing."""
    if finite(row.get("mean")) is None:
        return ABSENT
    mean = signed(row.get("mean"), decimals)
    if finite(row.get(low)) is None or finite(row.get(high)) is None:
        return mean
    return f"{mean} [{signed(row[low], decimals)}, {signed(row[high], decimals)}]"


def p_text(value: Any) -> str:
    """A p value to three decimals."""
    known = finite(value)
    return ABSENT if known is None else "<0.001" if known < 0.001 else f"{known:.3f}"
