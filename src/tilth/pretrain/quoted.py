"""A held-out figure as it is quoted everywhere: value, interval, unit, and on how many of what.

Reads the result of the stage, also one written before it had intervals, or damaged since.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tilth.tasks.registry import metrics


def sentence(result: Mapping[str, Any]) -> str:
    """The primary metric on test: `accuracy 91.1 [90.5, 91.6] % on test, 10,000 images`.

    Of several trainings their mean, of whichever split it is. Empty where nothing was measured.
    """
    name, figures, split, several = _quoted(result)
    value = _finite(figures.get(name))
    if value is None:
        return ""
    bounds = intervals(result, split, mean=bool(several)).get(name)
    unit = result.get("unit")
    measured = f"{quote(value, bounds)} {unit if isinstance(unit, str) else ''}".rstrip()
    known = metrics().get(name)
    called = known.words if known else name.replace("_", " ")
    rest = [f"{called} {measured} on {split}", several, basis(bounds)]
    return ", ".join(part for part in rest if part)


def _quoted(result: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], str, str]:
    """Metric, figures, their split, and what they are the mean of."""
    name, mean = result.get("metric"), _mapping(result.get("mean"))
    name = name if isinstance(name, str) else ""
    if _finite(mean.get(name)) is None:
        return name, _mapping(result.get("test")), "test", ""
    kind = "fold" if result.get("folds") else "seed"
    runs = result.get(f"{kind}s")
    count = len(runs) if isinstance(runs, list) else 0
    several = f"mean of {count} {kind}{'' if count == 1 else 's'}"
    return name, mean, str(mean.get("split") or "test"), several


def intervals(
    part: Mapping[str, Any], split: str = "test", *, mean: bool = False
) -> Mapping[str, Mapping[str, Any]]:
    """The interval of each figure of a split, by name; none of those that have none.

    Args:
        part: The stage's result, or one of its `seeds` or `folds`.
        split: validation or test.
        mean: Those of the means over seeds or folds.
    """
    found = _mapping(_mapping(part.get("mean")).get("intervals")) if mean else {}
    found = found if mean else _mapping(_mapping(part.get("intervals")).get(split))
    return {str(name): one for name, one in found.items() if isinstance(one, Mapping)}


def quote(value: float, bounds: Mapping[str, Any] | None) -> str:
    """`2.26 [2.21, 2.31]`; with no interval `2.262`."""
    low, high = (_finite(_mapping(bounds).get(end)) for end in ("low", "high"))
    if low is None or high is None:
        return f"{value:.4g}"
    # Two digits of the interval's width say all that is known; a tenth is always told.
    width = high - low
    decimals = min(max(1 - math.floor(math.log10(width)), 1), 6) if width > 0 else 2
    return f"{value:,.{decimals}f} [{low:,.{decimals}f}, {high:,.{decimals}f}]"


def basis(bounds: Mapping[str, Any] | None) -> str:
    """What a figure rests on: `312 documents`, `60 utterances of 6 groups`; empty if not known."""
    given = _mapping(bounds)
    count, item = _finite(given.get("n")), given.get("item")
    if count is None or not isinstance(item, str):
        return ""
    text = f"{count:,.0f} {item}{'' if count == 1 else 's'}"
    groups = _finite(given.get("groups"))
    text += f" of {groups:,.0f} groups" if groups else ""
    return text if _finite(given.get("low")) is not None else f"{text}: no interval"


def basis_of(bounds: Mapping[str, Mapping[str, Any]]) -> str:
    """What the figures of one split rest on, which is the same for all."""
    return next((text for one in bounds.values() if (text := basis(one))), "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond 1.8e308
        return None
