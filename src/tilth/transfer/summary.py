"""From the results of all cells to learning curves, gains over from-scratch, and headlines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from tilth.statistics.curves import MIN_SIZES, Multiplier, multiplier
from tilth.statistics.held_out import combined_interval, error_over_test_sets
from tilth.statistics.paired import Floats, holm, holm_levels, paired, t_interval, verdict
from tilth.tasks.registry import moves_in_steps
from tilth.transfer.headline import (
    Claim,
    cut_short_clause,
    difference_text,
    headline,
    is_cut_short,
    last_tenth_gain,
    measured_on,
    unit_of_difference,
)
from tilth.transfer.smallest import smallest_effect_of

Values = Mapping[tuple[str, int, int], float]
Cells = Mapping[tuple[str, int, int], Mapping[str, Any]]

# The method that knows no language at all: a network is worth its cost where it beats this.
_BASELINE = "tfidf-svm"
_SUBJECTS = {
    "finetune": "fine-tuning the pretrained model",
    "probe": "probing the pretrained model",
    "lora": "adapting the pretrained model by LoRA",
    _BASELINE: "a linear SVM over TF-IDF",
}


def summarize_transfer(
    results: Sequence[Mapping[str, Any]],
    *,
    smallest_effect: float | None = None,
    per_class: bool = False,
    group: str = "",
) -> dict[str, Any]:
    """Everything in it is JSON-able; numbers that are not finite are None.

    Args:
        results: [{"cell": {"method", "size", "seed"}, "result": what `run_cell` returns}].
        smallest_effect: In the metric's unit; None: by metric.
        per_class: Sizes count samples of each class.
        group: Column that groups the test samples; empty: each its own.

    Returns:
        metric, unit, lower_is_better, sizes, methods, points, summary, figures, effects (gains over
        scratch, a method and size each, positive is better, Holm over all of them, each with its
        headline), multiplier (of the carried-over model), multipliers (a size each), last_tenth
        (of from-scratch, a size each), headline (that of the effect to look at first), what,
        warnings, cost_s.
    """
    first = results[0]["result"]
    cells = {
        (r["cell"]["method"], int(r["cell"]["size"]), int(r["cell"]["seed"])): r["result"]
        for r in results
    }
    values = {place: float(result["value"]) for place, result in cells.items()}
    smallest = smallest_effect_of(first["metric"], smallest_effect)
    methods = list(dict.fromkeys(method for method, _, _ in values))
    sizes = sorted({size for _, size, _ in values})
    seeds = sorted({seed for _, _, seed in values})
    effects = _effects(cells, methods, sizes, smallest)
    last_tenth = _last_tenth(cells, sizes, smallest)
    carried = next((m for m in ("finetune", "lora", "probe") if m in methods), None)
    readings: dict[int, Multiplier] = {}
    if carried and "scratch" in methods and len(sizes) >= MIN_SIZES:
        best = 0.0 if first["lower_is_better"] else float(first["scale"])
        readings = _readings(values, carried, sizes, seeds, best)
    at, reading = _reported(readings)
    test_set = measured_on(first, group)
    short = {one["size"]: one["gain"] for one in last_tenth if one["cut_short"]}
    leads = {m: _effects(cells, [_BASELINE], sizes, smallest, against=m) for m in methods}
    comparison = _Comparison(first["unit"], per_class, test_set, short, leads, len(effects))
    for effect in effects:
        read = readings.get(effect["size"]) if effect["method"] == carried else None
        effect["headline"] = comparison.headline(effect, read)
    return {
        "metric": first["metric"],
        "unit": first["unit"],
        "lower_is_better": first["lower_is_better"],
        "smallest_effect": smallest,
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
        "last_tenth": last_tenth,
        "headline": _first_headline(carried, effects, at),
        "what": {r["cell"]["method"]: r["result"]["what"] for r in results},
        "warnings": _warnings(results, seeds, last_tenth, first["unit"]),
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


def _pairs(
    cells: Cells, method: str, other: str, size: int
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Results of two methods at a size, seed by seed, of the seeds that both have."""
    seeds = [seed for m, n, seed in sorted(cells) if (m, n) == (method, size)]
    common = [seed for seed in seeds if (other, size, seed) in cells]
    ours, base = ([cells[name, size, seed] for seed in common] for name in (method, other))
    return ours, base


def _toward(result: Mapping[str, Any]) -> float:
    return -1.0 if result["lower_is_better"] else 1.0


def _gains(ours: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]) -> Floats:
    """Paired differences [seeds], positive is better."""
    pairs = zip(ours, base, strict=True)
    return np.array([_toward(a) * (float(a["value"]) - float(b["value"])) for a, b in pairs])


def _resolution(result: Mapping[str, Any]) -> float:
    """The step in which an accuracy moves: equal results hide what is below it."""
    if not moves_in_steps(result["metric"]) or "denominators" not in result:
        return 0.0
    return float(result["scale"]) / float(sum(result["denominators"]))


def _effects(
    cells: Cells,
    methods: Sequence[str],
    sizes: Sequence[int],
    smallest: float,
    against: str = "scratch",
) -> list[dict[str, Any]]:
    """Gains of every other method over one at every size, corrected for all of them."""
    places, pairs = [], []
    for method in methods:
        for size in sizes:
            both = _pairs(cells, method, against, size)
            if method != against and both[0]:
                places.append((method, size))
                pairs.append(both)
    gains = [_gains(*both) for both in pairs]
    steps = [_resolution(ours[0]) for ours, _ in pairs]
    found = [paired(gain, step) for gain, step in zip(gains, steps, strict=True)]
    adjusted = holm([one.p for one in found])
    levels = holm_levels([one.p for one in found])
    effects = []
    for (method, size), both, gain, step, one, p, level in zip(
        places, pairs, gains, steps, found, adjusted, levels, strict=True
    ):
        wider = t_interval(gain, level, step)
        effects.append(
            {
                "method": method,
                "against": against,
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
                **_over_test_sets(both[0], both[1], gain, step, level),
            }
        )
    return effects


def _over_test_sets(
    ours: Sequence[Mapping[str, Any]],
    base: Sequence[Mapping[str, Any]],
    gain: Floats,
    step: float,
    level: float,
) -> dict[str, Any]:
    """Intervals over seeds and test sets; none of results that an earlier version measured."""
    if any("numerators" not in result for result in (*ours, *base)):
        return {"combined_interval": None, "adjusted_combined_interval": None}
    scale = float(ours[0]["scale"]) * _toward(ours[0])
    error, parts = error_over_test_sets(ours, base, scale)
    plain = combined_interval(gain, error, parts, resolution=step)
    wider = combined_interval(gain, error, parts, level, step)
    return {
        "combined_interval": [_finite(plain.low), _finite(plain.high)],
        "adjusted_combined_interval": [_finite(wider.low), _finite(wider.high)],
    }


def _last_tenth(cells: Cells, sizes: Sequence[int], smallest: float) -> list[dict[str, Any]]:
    """What the last tenth of from-scratch's steps gained, and whether it was cut short."""
    found = []
    for size in sizes:
        mine = [cells[place] for place in sorted(cells) if place[:2] == ("scratch", size)]
        gain = last_tenth_gain(mine, _toward(mine[0])) if mine else None
        if gain is not None:
            found.append({"size": size, "gain": gain, "cut_short": is_cut_short(gain, smallest)})
    return found


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


@dataclass(frozen=True)
class _Comparison:
    """What the effects' headlines are made from.

    Attributes:
        unit: Of the metric.
        per_class, test_set: What was trained and measured on.
        short: The sizes at which from-scratch was cut short, and what it still gained there.
        leads: The effects of a plain baseline against each method, a size each.
        comparisons: Number of effects.
    """

    unit: str
    per_class: bool
    test_set: str
    short: Mapping[int, float]
    leads: Mapping[str, Sequence[Mapping[str, Any]]]
    comparisons: int

    def headline(self, effect: Mapping[str, Any], reading: Multiplier | None) -> str:
        """What one effect says, with the baseline that does better, and an unfair opponent."""
        method, size = str(effect["method"]), int(effect["size"])
        further = [
            self._baseline(method, size),
            "" if reading is None else _worth(reading, size),
            self._cut_short(size, reading),
        ]
        both = effect["adjusted_combined_interval"]
        claim = Claim(
            f"at {size:,} target samples{' a class' if self.per_class else ''}, "
            f"{_SUBJECTS.get(method, method)}",
            effect["verdict"],
            effect["mean"],
            (effect["adjusted_low"], effect["adjusted_high"]),
            self.unit,
            effect["n"],
            self.comparisons,
            against="from-scratch",
            test_set=self.test_set,
            combined=None if both is None else (both[0], both[1]),
            further=tuple(clause for clause in further if clause),
        )
        return headline(claim)

    def _cut_short(self, size: int, reading: Multiplier | None) -> str:
        """Where from-scratch was no fair opponent of this claim; or empty."""
        if size in self.short:
            return cut_short_clause(self.short[size], self.unit)
        # A multiplier is read off the whole curve.
        if reading is None or reading.state == "flat" or not self.short:
            return ""
        where = ", ".join(f"{at:,}" for at in self.short)
        return f"from-scratch was cut short at {where} samples, on which the multiplier rests"

    def _baseline(self, method: str, size: int) -> str:
        """Where a plain baseline does better than a method, by how much at this size; or empty.

        Better as any method is: over seeds, corrected for the number of sizes. Where that is open
        at this size, it is said as soon as the baseline is ahead.
        """
        leads = self.leads[method]
        won = [lead["size"] for lead in leads if (lead["adjusted_low"] or 0) > 0]
        where = "all" if len(won) == len(leads) else f"{len(won)} of"
        where, name = f"at {where} {len(leads)} sizes", _SUBJECTS[_BASELINE]
        here = next((lead for lead in leads if lead["size"] == size), None)
        if here is None or size not in won:
            said = [f"{name} does better {where}"] if won else []
            if here is not None and here["mean"] > 0:
                who = "here it" if won else name
                said.append(f"{who} is ahead, undecided: +{self._lead(here, len(leads))}")
            return ", ".join(said)
        reach = here["adjusted_combined_interval"]
        only_here = reach is not None and (reach[0] is None or reach[0] <= 0)
        on_these = f" on these {self.test_set}" if only_here else ""
        text = f"{name} does better{on_these}, by {self._lead(here, len(leads))}"
        return text if len(leads) == 1 else f"{text}, {where}"

    def _lead(self, lead: Mapping[str, Any], sizes: int) -> str:
        bounds = lead["adjusted_low"], lead["adjusted_high"]
        text = difference_text(lead["mean"], bounds, self.unit)
        corrected = sizes > 1 and bounds[0] is not None
        return f"{text} (corrected for {sizes} comparisons)" if corrected else text


def _worth(reading: Multiplier, size: int) -> str:
    """The data multiplier as a clause."""
    if reading.state == "flat":
        return f"a data multiplier {reading.text}"
    text = f"worth {reading.text} the data"
    more = 0 if reading.value is None else (reading.value - 1) * size
    return f"{text}, {more:,.0f} more samples" if more >= 1.5 else text


def _first_headline(
    carried: str | None, effects: Sequence[Mapping[str, Any]], at: int | None
) -> str:
    """The headline of the effect to look at first: where the data multiplier is read."""
    mine = [effect for effect in effects if effect["method"] == carried]
    if not mine:
        return "nothing to compare: from-scratch and a carried-over model are both needed"
    size = at if at is not None else mine[len(mine) // 2]["size"]
    return str(next(one["headline"] for one in mine if one["size"] == size))


def _warnings(
    results: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    last_tenth: Sequence[Mapping[str, Any]],
    unit: str,
) -> list[str]:
    found: dict[str, None] = {}
    if len(seeds) < 6:
        found[
            f"with fewer than 6 seeds ({len(seeds)}) the exact sign-flip p cannot fall below 0.05"
        ] = None
    short = [one for one in last_tenth if one["cut_short"]]
    if short:
        gains = ", ".join(f"{one['gain']:.2g} at {one['size']:,}" for one in short)
        found[
            "from-scratch was cut short, and may look worse than it is: the last tenth of its "
            f"steps still gained {gains} samples ({unit_of_difference(unit)})"
        ] = None
    for result in results:
        found.update(dict.fromkeys(result["result"]["notes"]))
    return list(found)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
