"""The smallest effect that matters, where nobody has named one. This module loads no torch."""

from __future__ import annotations

from collections.abc import Mapping

# Metric -> in its unit. A hundredth of a bit or a nat is about what pairing can resolve in small
# models; half a point is the last digit that results are usually quoted to.
SMALLEST_EFFECTS: Mapping[str, float] = {
    "bits_per_byte": 0.01,
    "loss": 0.01,
    "accuracy": 0.5,
    "top5": 0.5,
    "macro_f1": 0.5,
    "exact": 0.5,
    "wer": 0.5,
    "cer": 0.5,
    "bleu": 0.5,
    "bleu_lowercase": 0.5,
    "chrf": 0.5,
}
_OTHERWISE = 0.01


def smallest_effect_of(metric: str, given: float | None) -> float:
    """The smallest effect that matters, in the metric's unit: as given, else by metric."""
    return SMALLEST_EFFECTS.get(metric, _OTHERWISE) if given is None else given


def smallest_effects() -> str:
    """The defaults in words, for those who read a setting's description."""
    by_size: dict[float, list[str]] = {}
    for metric, size in SMALLEST_EFFECTS.items():
        by_size.setdefault(size, []).append(metric)
    return "; ".join(f"{size:g} of {', '.join(names)}" for size, names in by_size.items())
