"""From the results of all cells to learning curves, gains over from-scratch, and a headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np

from tilth.transfer.curves import MIN_SIZES, Multiplier, multiplier
from tilth.transfer.paired import holm, holm_levels, paired, t_interval, verdict

Values = Mapping[tuple[str, int, int], float]

_VERBS = {
    "finetune": "fine-tuning the pretrained model",
    "probe": "probing the pretrained model",
    "lora": "adapting the pretrained model by LoRA",
}


def summarize_transfer(
    results: Sequence[Mapping[str, Any]], *, smallest_effect: float, per_class: bool = False
) -> dict[str, Any]:
    """Everything in it is JSON-able; numbers that are not finite are None.

    Args:
        results: [{"cell": {"method", "size", "seed"}, "result": what `run_cell` returns}].
        smallest_effect: In the metric's unit.
        per_class: Sizes count samples of each class.

    Returns:
        metric, unit, lower_is_better, sizes, methods, points, summary, figures, effects (gains over
        scratch, a method and size each, positive is better, Holm over all of them), multiplier
        (of the carried-over model), multipliers (a size each), headline, what, warnings, cost_s.
    """
    first = results[0]["result"]
    values = {
        (r["cell"]["method"], int(r["cell"]["size"]), int(r["cell"]["seed"])): float(
            r["result"]["value"]
        )
        for r in results
    }
    methods = list(dict.fromkeys(method for method, _, _ in values))
    sizes = sorted({size for _, size, _ in values})
    seeds = sorted({seed for _, _, seed in values})
    effects = _effects(values, methods, sizes, first["lower_is_better"], smallest_effect)
    carried = next((m for m in ("finetune", "lora", "probe") if m in methods), None)
    readings: dict[int, Multiplier] = {}
    if carried and "scratch" in methods and len(sizes) >= MIN_SIZES:
        best = 0.0 if first["lower_is_better"] else float(first["scale"])
        readings = _readings(values, carried, sizes, seeds, best)
    at, reading = _reported(readings)
    return {
        "metric": first["metric"],
        "unit": first["unit"],
        "lower_is_better": first["lower_is_better"],
        "smallest_effect": smallest_effect,
        "sizes": sizes,
        "sizes_per_class": per_class,
        "methods": methods,
        "seeds": seeds,
        "points": [
            {"method": m, "size": n, "seed": s, "value": v} for (m, n, s), v in values.items()
        ],
        "summary": [_mean(values, method, size) for method in methods for size in sizes],
        "figures": [_figures(results, method, size) for method in methods for size in sizes],
        "effects": effects,
        "multiplier": None if reading is None else {"size": at, **asdict(reading)},
        "multipliers": [{"size": size, **asdict(one)} for size, one in readings.items()],
        "headline": _headline(carried, effects, at, reading, first, per_class),
        "what": {r["cell"]["method"]: r["result"]["what"] for r in results},
        "warnings": _warnings(results, seeds),
        "cost_s": round(sum(float(r["result"]["seconds"]) for r in results), 3),
    }


def _of(values: Values, method: str, size: int) -> dict[int, float]:
    return {seed: v for (m, n, seed), v in sorted(values.items()) if (m, n) == (method, size)}


def _mean(values: Values, method: str, size: int) -> dict[str, Any]:
    interval = t_interval(list(_of(values, method, size).values()))
    return {
        "method": method,
        "size": size,
        "mean": interval.mean,
        "low": _finite(interval.low),
        "high": _finite(interval.high),
        "n": len(_of(values, method, size)),
    }


def _figures(results: Sequence[Mapping[str, Any]], method: str, size: int) -> dict[str, Any]:
    """Means over the seeds of everything else that was measured, and the processor time."""
    mine = [
        r["result"]
        for r in results
        if (r["cell"]["method"], int(r["cell"]["size"])) == (method, size)
    ]
    further = [dict(one.get("figures", {})) for one in mine]
    means = {
        name: fmean(one[name] for one in further)
        for name, value in further[0].items()
        if not isinstance(value, str)
    }
    said = {name: value for name, value in further[0].items() if isinstance(value, str)}
    cost = fmean(float(one.get("cpu_seconds", one["seconds"])) for one in mine)
    return {"method": method, "size": size, "cpu_seconds": round(cost, 3)} | means | said


def _effects(
    values: Values, methods: Sequence[str], sizes: Sequence[int], lower: bool, smallest: float
) -> list[dict[str, Any]]:
    """Gains over scratch of every other method at every size."""
    if "scratch" not in methods:
        return []
    sign = -1.0 if lower else 1.0
    places, gains = [], []
    for method in methods:
        for size in sizes:
            ours, base = _of(values, method, size), _of(values, "scratch", size)
            common = [seed for seed in ours if seed in base]
            if method != "scratch" and common:
                places.append((method, size))
                gains.append(np.array([sign * (ours[seed] - base[seed]) for seed in common]))
    found = [paired(gain) for gain in gains]
    adjusted = holm([one.p for one in found])
    levels = holm_levels([one.p for one in found])
    effects = []
    for (method, size), gain, one, p, level in zip(
        places, gains, found, adjusted, levels, strict=True
    ):
        wider = t_interval(gain, level)
        effects.append(
            {
                "method": method,
                "against": "scratch",
                "size": size,
                "differences": [float(d) for d in gain],
                "mean": one.mean,
                "low": _finite(one.interval.low),
                "high": _finite(one.interval.high),
                "adjusted_low": _finite(wider.low),
                "adjusted_high": _finite(wider.high),
                "p": one.p,
                "p_sign_flip": one.p_sign_flip,
                "adjusted_p": p,
                "wins": one.wins,
                "n": one.n,
                "verdict": verdict(wider, smallest),
            }
        )
    return effects


def _readings(
    values: Values, carried: str, sizes: Sequence[int], seeds: Sequence[int], best: float
) -> dict[int, Multiplier]:
    """The data multiplier at every size, read off the curve from scratch."""

    def errors(method: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        rows = [[values[method, size, seed] for size in sizes] for seed in seeds]
        # An accuracy becomes an error. A perfect score has no place on a logarithm.
        return np.maximum(abs(best - np.array(rows)), 1e-9)

    scratch, ours = errors("scratch"), errors(carried)
    return {
        size: multiplier(sizes, scratch, ours[:, place], size) for place, size in enumerate(sizes)
    }


def _reported(readings: Mapping[int, Multiplier]) -> tuple[int | None, Multiplier | None]:
    """The reading to show: at the largest size where it can be read; else the strongest bound.

    Many samples, because there a multiplier is hardest to earn. A bound says most at the smallest
    size, from which the curve reaches furthest.
    """
    read = [size for size, one in readings.items() if one.state == "read"]
    if read:
        return read[-1], readings[read[-1]]
    return next(((size, one) for size, one in readings.items()), (None, None))


def _headline(
    carried: str | None,
    effects: Sequence[Mapping[str, Any]],
    at: int | None,
    reading: Multiplier | None,
    first: Mapping[str, Any],
    per_class: bool,
) -> str:
    mine = [effect for effect in effects if effect["method"] == carried]
    if not mine or carried is None:
        return "nothing to compare: from-scratch and a carried-over model are both needed"
    size = at if at is not None else mine[len(mine) // 2]["size"]
    effect = next(one for one in mine if one["size"] == size)
    finding = {
        "helps": "helps",
        "hurts": "hurts",
        "no material effect": "has no material effect",
        "undecided": "may or may not help (undecided)",
    }[effect["verdict"]]
    text = (
        f"at {size:,} target samples{' a class' if per_class else ''}, {_VERBS[carried]} "
        f"{finding}: {effect['mean']:+.3g} "
        f"[{_bound(effect['low'])}, {_bound(effect['high'])}] {first['unit']} over from-scratch "
        "(positive is better)"
    )
    if reading is None:
        return text
    if reading.state == "flat":
        return f"{text}; a data multiplier {reading.text}"
    if reading.value is not None:
        more = (reading.value - 1) * size
        text += f"; pretraining was worth {reading.text} the data"
        return text + (f", {more:,.0f} more samples" if more > 0 else "")
    return f"{text}; pretraining was worth {reading.text} the data"


def _warnings(results: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> list[str]:
    found: dict[str, None] = {}
    if len(seeds) < 6:
        found[
            f"{len(seeds)} seeds: the exact sign-flip p cannot fall below 0.05 with fewer than 6"
        ] = None
    short = {r["cell"]["size"] for r in results if r["result"]["cut_short"]}
    if short:
        found[
            f"from {min(short):,} samples on, training ended before its `epochs`: from-scratch, "
            "which has furthest to go, may look worse than it is"
        ] = None
    for result in results:
        found.update(dict.fromkeys(result["result"]["notes"]))
    return list(found)


def _bound(number: float | None) -> str:
    return "?" if number is None else f"{number:.3g}"


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
