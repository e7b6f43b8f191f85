"""From the results of all cells to learning curves, gains over from-scratch, and headlines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np

from tilth.statistics.curves import MIN_SIZES, multiplier
from tilth.statistics.found import Multiplier
from tilth.statistics.held_out import combined_interval, error_over_test_sets
from tilth.statistics.paired import Floats, holm, holm_levels, paired, t_interval, verdict
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
from tilth.transfer.result import (
    Cell,
    Ends,
    Further,
    Gain,
    LastTenth,
    Mean,
    Point,
    Reading,
    TransferOutcome,
    TransferResult,
)
from tilth.transfer.smallest import smallest_effect_of

Place = tuple[str, int, int]
Values = Mapping[Place, float]
Outcomes = Mapping[Place, TransferOutcome]

# The method that knows no language at all: a network is worth its cost where it beats this.
_BASELINE = "tfidf-svm"
_SUBJECTS = {
    "finetune": "fine-tuning the pretrained model",
    "probe": "probing the pretrained model",
    "lora": "adapting the pretrained model by LoRA",
    _BASELINE: "a linear SVM over TF-IDF",
}


def summarize_transfer(
    results: Sequence[tuple[Cell, TransferOutcome]],
    *,
    smallest_effect: float | None = None,
    per_class: bool = False,
    group: str = "",
) -> TransferResult:
    """Effects, curves and multipliers of all cells.

    Args:
        results: Each cell with what `run_cell` returned.
        smallest_effect: In the metric's unit; None: by metric.
        per_class: Sizes count samples of each class.
        group: Column that groups the test samples; empty: each its own.
    """
    first = results[0][1]
    reported = first.measured
    cells: dict[Place, TransferOutcome] = {
        (cell.method, cell.size, cell.seed): outcome for cell, outcome in results
    }
    values = {place: outcome.measured.value for place, outcome in cells.items()}
    smallest = smallest_effect_of(reported.metric, smallest_effect)
    methods = list(dict.fromkeys(method for method, _, _ in cells))
    sizes = sorted({size for _, size, _ in values})
    seeds = sorted({seed for _, _, seed in values})
    gains = _effects(cells, methods, sizes, smallest)
    last_tenth = _last_tenth(cells, sizes, smallest)
    carried = next((m for m in ("finetune", "lora", "probe") if m in methods), None)
    readings: dict[int, Multiplier] = {}
    if carried and "scratch" in methods and len(sizes) >= MIN_SIZES:
        best = 0.0 if reported.lower_is_better else reported.scale
        step = max(outcome.resolution for _, outcome in results)
        readings = _readings(values, carried, sizes, seeds, best, step)
    at, reading = _reported(readings)
    short = {one.size: one.gain for one in last_tenth if one.cut_short}
    leads = {m: _effects(cells, [_BASELINE], sizes, smallest, against=m) for m in methods}
    comparison = _Comparison(
        reported.unit, per_class, measured_on(first, group), smallest, short, leads, len(gains)
    )
    effects = []
    for gain in gains:
        read = readings.get(gain.size) if gain.method == carried else None
        effects.append(gain.model_copy(update={"headline": comparison.headline(gain, read)}))
    return TransferResult(
        metric=reported.metric,
        unit=reported.unit,
        lower_is_better=reported.lower_is_better,
        smallest_effect=smallest,
        sizes=tuple(sizes),
        sizes_per_class=per_class,
        methods=tuple(methods),
        seeds=tuple(seeds),
        points=tuple(Point(method=m, size=n, seed=s, value=v) for (m, n, s), v in values.items()),
        summary=tuple(_mean(cells, method, size) for method in methods for size in sizes),
        figures=tuple(_figures(cells, method, size) for method in methods for size in sizes),
        effects=tuple(effects),
        multiplier=None if reading is None or at is None else _at(at, reading),
        multipliers=tuple(_at(size, one) for size, one in readings.items()),
        last_tenth=tuple(last_tenth),
        headline=_first_headline(carried, effects, at),
        what={cell.method: outcome.what for cell, outcome in results},
        warnings=_warnings([o for _, o in results], seeds, last_tenth, reported.unit, per_class),
        cost_s=round(sum(outcome.seconds for _, outcome in results), 3),
    )


def _at(size: int, reading: Multiplier) -> Reading:
    return Reading(**asdict(reading), size=size)


def _mean(cells: Outcomes, method: str, size: int) -> Mean:
    mine = [cells[place] for place in sorted(cells) if place[:2] == (method, size)]
    results = [outcome.measured.value for outcome in mine]
    interval = t_interval(results, resolution=mine[0].resolution)
    interval = interval.clipped(0.0, mine[0].measured.most)
    return Mean(
        method=method,
        size=size,
        mean=interval.mean,
        low=_finite(interval.low),
        high=_finite(interval.high),
        n=len(mine),
    )


def _figures(cells: Outcomes, method: str, size: int) -> Further:
    """Means over the seeds of everything else that was measured, and the processor time."""
    mine = [outcome for place, outcome in cells.items() if place[:2] == (method, size)]
    means = {
        name: value if isinstance(value, str) else fmean(float(one.figures[name]) for one in mine)
        for name, value in mine[0].figures.items()
    }
    cost = round(fmean(one.cpu_seconds for one in mine), 3)
    return Further.model_validate({"method": method, "size": size, "cpu_seconds": cost} | means)


def _pairs(
    cells: Outcomes, method: str, other: str, size: int
) -> tuple[list[TransferOutcome], list[TransferOutcome]]:
    """Outcomes of two methods at a size, seed by seed, of the seeds that both have."""
    seeds = [seed for m, n, seed in sorted(cells) if (m, n) == (method, size)]
    common = [seed for seed in seeds if (other, size, seed) in cells]
    ours, base = ([cells[name, size, seed] for seed in common] for name in (method, other))
    return ours, base


def _gains(ours: Sequence[TransferOutcome], base: Sequence[TransferOutcome]) -> Floats:
    """Paired differences [seeds], positive is better."""
    pairs = [(a.measured, b.measured) for a, b in zip(ours, base, strict=True)]
    return np.array([a.toward * (a.value - b.value) for a, b in pairs])


def _effects(
    cells: Outcomes,
    methods: Sequence[str],
    sizes: Sequence[int],
    smallest: float,
    against: str = "scratch",
) -> list[Gain]:
    """Gains of every other method over one at every size, corrected for all of them."""
    places, pairs = [], []
    for method in methods:
        for size in sizes:
            both = _pairs(cells, method, against, size)
            if method != against and both[0]:
                places.append((method, size))
                pairs.append(both)
    gains = [_gains(*both) for both in pairs]
    steps = [ours[0].resolution for ours, _ in pairs]
    found = [paired(gain, step) for gain, step in zip(gains, steps, strict=True)]
    adjusted = holm([one.p for one in found])
    levels = holm_levels([one.p for one in found])
    effects = []
    for (method, size), both, gain, step, one, p, level in zip(
        places, pairs, gains, steps, found, adjusted, levels, strict=True
    ):
        most = both[0][0].measured.most
        wider = t_interval(gain, level, step).clipped(-most, most)
        plain = one.interval.clipped(-most, most)
        combined, corrected = _over_test_sets(both[0], both[1], gain, step, level)
        effects.append(
            Gain(
                method=method,
                against=against,
                size=size,
                differences=tuple(float(d) for d in gain),
                mean=one.mean,
                low=_finite(plain.low),
                high=_finite(plain.high),
                adjusted_low=_finite(wider.low),
                adjusted_high=_finite(wider.high),
                p=one.p,
                p_sign_flip=one.p_sign_flip,
                adjusted_p=p,
                wins=one.wins,
                n=one.n,
                verdict=verdict(wider, smallest),
                combined_interval=combined,
                adjusted_combined_interval=corrected,
            )
        )
    return effects


def _over_test_sets(
    ours: Sequence[TransferOutcome],
    base: Sequence[TransferOutcome],
    gain: Floats,
    step: float,
    level: float,
) -> tuple[Ends, Ends]:
    """Intervals over seeds and test sets, plain and at a level."""
    reported = ours[0].measured
    scale = reported.scale * reported.toward
    error, parts = error_over_test_sets(
        [one.parts for one in ours], [one.parts for one in base], scale
    )
    most = reported.most
    plain = combined_interval(gain, error, parts, resolution=step).clipped(-most, most)
    wider = combined_interval(gain, error, parts, level, step).clipped(-most, most)
    return (_finite(plain.low), _finite(plain.high)), (_finite(wider.low), _finite(wider.high))


def _last_tenth(cells: Outcomes, sizes: Sequence[int], smallest: float) -> list[LastTenth]:
    """What the last tenth of from-scratch's steps gained, and whether it was cut short."""
    found = []
    for size in sizes:
        mine = [cells[place] for place in sorted(cells) if place[:2] == ("scratch", size)]
        gain = last_tenth_gain(mine)
        if gain is not None:
            short = is_cut_short(gain, smallest)
            found.append(LastTenth(size=size, gain=gain, cut_short=short))
    return found


def _readings(
    values: Values,
    carried: str,
    sizes: Sequence[int],
    seeds: Sequence[int],
    best: float,
    step: float,
) -> dict[int, Multiplier]:
    """The data multiplier at every size, read off the curve from scratch."""

    def errors(method: str) -> Floats:
        rows = [[values[method, size, seed] for size in sizes] for seed in seeds]
        # An accuracy becomes an error. A perfect score has no place on a logarithm.
        return np.maximum(abs(best - np.array(rows)), 1e-9)

    scratch, ours = errors("scratch"), errors(carried)
    return {
        size: multiplier(sizes, scratch, ours[:, place], size, step)
        for place, size in enumerate(sizes)
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
        smallest: The smallest effect that matters.
        short: The sizes at which from-scratch was cut short, and what it still gained there.
        leads: The effects of a plain baseline against each method, a size each.
        comparisons: Number of effects.
    """

    unit: str
    per_class: bool
    test_set: str
    smallest: float
    short: Mapping[int, float]
    leads: Mapping[str, Sequence[Gain]]
    comparisons: int

    def headline(self, effect: Gain, reading: Multiplier | None) -> str:
        """What one effect says, with the baseline that does better, and an unfair opponent."""
        method, size = effect.method, effect.size
        # Where the gain is open, a number of samples beside it may say the other way.
        if effect.verdict not in ("helps", "hurts"):
            reading = None
        further = [
            self._baseline(method, size),
            "" if reading is None else _worth(reading, size, self.per_class),
            self._cut_short(size, reading),
        ]
        claim = Claim(
            f"at {size:,} target samples{' a class' if self.per_class else ''}, "
            f"{_SUBJECTS.get(method, method)}",
            effect.verdict,
            effect.mean,
            (effect.adjusted_low, effect.adjusted_high),
            self.unit,
            effect.n,
            self.comparisons,
            self.smallest,
            against="from-scratch",
            test_set=self.test_set,
            combined=effect.adjusted_combined_interval,
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
        each = " a class" if self.per_class else ""
        return f"from-scratch was cut short at {where} samples{each}, on which the multiplier rests"

    def _baseline(self, method: str, size: int) -> str:
        """Where a plain baseline does better than a method, by how much at this size; or empty.

        Better as any method is: over seeds, corrected for the number of sizes. Where that is open
        at this size, it is said as soon as the baseline is ahead.
        """
        leads = self.leads[method]
        won = [lead.size for lead in leads if (lead.adjusted_low or 0) > 0]
        where = "all" if len(won) == len(leads) else f"{len(won)} of"
        where, name = f"at {where} {len(leads)} sizes", _SUBJECTS[_BASELINE]
        here = next((lead for lead in leads if lead.size == size), None)
        if here is None or size not in won:
            said = [f"{name} does better {where}"] if won else []
            if here is not None and here.mean > 0:
                who = "here it" if won else name
                said.append(f"{who} is ahead, undecided: +{self._lead(here, len(leads))}")
            return ", ".join(said)
        reach = here.adjusted_combined_interval
        only_here = reach is not None and (reach[0] is None or reach[0] <= 0)
        on_these = f" on these {self.test_set}" if only_here else ""
        text = f"{name} does better{on_these}, by {self._lead(here, len(leads))}"
        return text if len(leads) == 1 else f"{text}, {where}"

    def _lead(self, lead: Gain, sizes: int) -> str:
        bounds = lead.adjusted_low, lead.adjusted_high
        text = difference_text(lead.mean, bounds, self.unit)
        corrected = sizes > 1 and bounds[0] is not None
        return f"{text} (corrected for {sizes} comparisons)" if corrected else text


def _worth(reading: Multiplier, size: int, per_class: bool) -> str:
    """The data multiplier as a clause."""
    if reading.state == "flat":
        return f"a data multiplier {reading.text}"
    text = f"worth {reading.text} the data"
    more = 0 if reading.value is None else (reading.value - 1) * size
    each = " a class" if per_class else ""
    return f"{text}, {more:,.0f} more samples{each}" if more >= 1.5 else text


def _first_headline(carried: str | None, effects: Sequence[Gain], at: int | None) -> str:
    """The headline of the effect to look at first: where the data multiplier is read."""
    mine = [effect for effect in effects if effect.method == carried]
    if not mine:
        return "nothing to compare: from-scratch and a carried-over model are both needed"
    size = at if at is not None else mine[len(mine) // 2].size
    return next(one.headline for one in mine if one.size == size)


def _warnings(
    outcomes: Sequence[TransferOutcome],
    seeds: Sequence[int],
    last_tenth: Sequence[LastTenth],
    unit: str,
    per_class: bool,
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    if len(seeds) < 6:
        found[
            f"with fewer than 6 seeds ({len(seeds)}) the exact sign-flip p cannot fall below 0.05"
        ] = None
    short = [one for one in last_tenth if one.cut_short]
    if short:
        gains = ", ".join(f"{one.gain:.2g} at {one.size:,}" for one in short)
        found[
            "from-scratch was cut short, and may look worse than it is: the last tenth of its "
            f"steps still gained {gains} samples{' a class' if per_class else ''} "
            f"({unit_of_difference(unit)})"
        ] = None
    for outcome in outcomes:
        found.update(dict.fromkeys(outcome.notes))
    return tuple(found)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
