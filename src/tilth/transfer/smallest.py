"""The smallest effect that matters, where nobody has named one. This module loads no torch."""

from __future__ import annotations

from tilth.tasks.declare import LOSS
from tilth.tasks.registry import metrics


def smallest_effect_of(metric: str, given: float | None) -> float:
    """The smallest effect that matters, in the metric's unit: as given, else by metric."""
    return metrics().get(metric, LOSS).smallest_effect if given is None else given


def smallest_effects() -> str:
    """The defaults in words, for those who read a setting's description."""
    by_size: dict[float, list[str]] = {}
    for name, metric in metrics().items():
        by_size.setdefault(metric.smallest_effect, []).append(name)
    return "; ".join(f"{size:g} of {', '.join(names)}" for size, names in sorted(by_size.items()))
