"""From the results of all cells to effects, intervals, verdicts and what would settle the rest.

Every effect is turned so that positive is better. For a decision left out it is what *having* the
decision is worth (control less arm); for a changed setting, what the change is worth (arm less
control). `contrast` says which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tilth.statistics.curves import MIN_SIZES, multiplier
from tilth.statistics.found import CHANCE, FEWEST_SEEDS, Multiplier
from tilth.statistics.held_out import (
    combined_interval,
    error_over_test_sets,
    interval_over_test_sets,
)
from tilth.statistics.paired import (
    ALPHA,
    Floats,
    Interval,
    Paired,
    holm,
    holm_levels,
    paired,
    t_interval,
    verdict,
)
from tilth.statistics.power import more_seeds
from tilth.transfer.headline import (
    Claim,
    cut_short_clause,
    headline,
    is_cut_short,
    last_tenth_gain,
    measured_on,
)
from tilth.transfer.result import Ends
from tilth.transfer.smallest import smallest_effect_of
from tilth.value.design import Design
from tilth.value.result import ArmResult, Cell, Control, ValueOutcome, ValueResult
from tilth.value.settings import CONTROL

# Above this, repeated text is worth less than new text (Muennighoff et al. 2023, figure 5).
_MANY_EPOCHS = 4.0

Place = tuple[str, int, float]


@dataclass(frozen=True)
class _Arm:
    """An arm's results beside the control's, seed by seed."""

    name: str
    design: Design
    results: list[ValueOutcome]
    controls: list[ValueOutcome]
    differences: Floats
    same_data: bool
    resolution: float
    found: Paired

    @property
    def claims(self) -> bool:
        """Whether there is a verdict: not of an A/A arm, nor where nothing was changed."""
        return not self.design.is_check and not self.same_data


def summarize_experiment(
    results: Sequence[tuple[Cell, ValueOutcome]],
    designs: Mapping[str, Design],
    *,
    smallest_effect: float | None = None,
    match: str = "compute",
    curve_of: str = "data",
    group: str = "",
) -> ValueResult:
    """Effects of all arms against the control.

    Args:
        results: Each cell with what `run_cell` returned.
        designs: The arms, by name.
        smallest_effect: In the metric's unit; None: by metric.
        match: What all arms share, for the warnings.
        curve_of: What the control's shares are of: data or steps.
        group: Column that groups the test samples; empty: each its own.
    """
    by_cell = {(cell.arm, cell.seed, cell.share): outcome for cell, outcome in results}
    control = {
        seed: outcome
        for (arm, seed, share), outcome in sorted(by_cell.items(), key=lambda one: one[0])
        if arm == CONTROL and share == 1.0
    }
    first = next(iter(control.values()))
    reported = first.measured
    arms = []
    for name, design in designs.items():
        pairs = [
            (by_cell[name, seed, 1.0], base)
            for seed, base in control.items()
            if (name, seed, 1.0) in by_cell
        ]
        arms.append(_pair(name, design, pairs))
    levels = _levels(arms)
    smallest = smallest_effect_of(reported.metric, smallest_effect)
    curves = _control_curves(by_cell, control)
    values = [outcome.measured.value for outcome in control.values()]
    most = reported.most
    mean = t_interval(values, resolution=first.resolution).clipped(0.0, most)
    decisions = [arm.design.decision for arm in arms]
    claims = max(sum(arm.claims for arm in arms), 1)
    described = []
    for arm in arms:
        one = _describe(arm, *levels[arm.name], smallest, curves, curve_of)
        name = arm.design.decision
        # Where two arms are about one decision, their own names tell them apart.
        subject = f"{name} ({arm.name})" if decisions.count(name) > 1 else name
        said = _headline(subject, one, claims, measured_on(first, group), reported.unit, smallest)
        described.append(one.model_copy(update={"headline": said}))
    return ValueResult(
        metric=reported.metric,
        unit=reported.unit,
        lower_is_better=reported.lower_is_better,
        smallest_effect=smallest,
        match=match,
        seeds=tuple(control),
        control=Control(
            values=tuple(values),
            mean=mean.mean,
            low=_finite(mean.low),
            high=_finite(mean.high),
            unique_examples=first.unique_examples,
            epochs=first.epochs,
        ),
        arms=tuple(described),
        warnings=_warnings(arms, control, match),
        cost_s=round(sum(outcome.seconds for _, outcome in results), 3),
    )


def _pair(name: str, design: Design, pairs: Sequence[tuple[ValueOutcome, ValueOutcome]]) -> _Arm:
    differences = np.array(
        [
            arm.measured.toward * design.sign * (arm.measured.value - base.measured.value)
            for arm, base in pairs
        ]
    )
    same_data = all(
        arm.data_digest == base.data_digest and arm.recipe_digest == base.recipe_digest
        for arm, base in pairs
    )
    # Where data and recipe are the same, equal results are what they seem.
    resolution = 0.0 if same_data else pairs[0][0].resolution
    return _Arm(
        name,
        design,
        [arm for arm, _ in pairs],
        [base for _, base in pairs],
        differences,
        same_data,
        resolution,
        paired(differences, resolution),
    )


def _levels(arms: Sequence[_Arm]) -> dict[str, tuple[float, float]]:
    """Adjusted p and the level of the adjusted interval, by name.

    Arms that make no claim are left out of the count; they get the strictest level.
    """
    claims = [arm for arm in arms if arm.claims]
    p_values = [arm.found.p for arm in claims]
    adjusted, levels = holm(p_values), holm_levels(p_values)
    found = {arm.name: (adjusted[i], levels[i]) for i, arm in enumerate(claims)}
    strictest = ALPHA / max(len(claims), 1)
    for arm in arms:
        found.setdefault(arm.name, (min(1.0, arm.found.p * max(len(claims), 1)), strictest))
    return found


def _describe(
    arm: _Arm,
    adjusted_p: float,
    level: float,
    smallest: float,
    curves: tuple[list[float], Floats] | None,
    curve_of: str,
) -> ArmResult:
    """What an arm came to, its headline aside.

    Args:
        arm: The arm.
        adjusted_p, level: See `_levels`.
        smallest: The smallest effect that matters.
        curves: See `_control_curves`.
        curve_of: What their shares are of.
    """
    found, design = arm.found, arm.design
    most = arm.results[0].measured.most
    adjusted = t_interval(arm.differences, level, arm.resolution).clipped(-most, most)
    plain = found.interval.clipped(-most, most)
    word = verdict(adjusted, smallest)
    if arm.same_data and not design.is_check:
        word = "nothing changed"
    error, clusters = _test_set_error(arm)
    combined, corrected = (
        combined_interval(arm.differences, error, clusters, alpha, arm.resolution).clipped(
            -most, most
        )
        for alpha in (ALPHA, level)
    )
    gain = last_tenth_gain(arm.results) if design.from_scratch else None
    extra = None
    if word == "undecided":
        extra = more_seeds(found.mean, found.sd, found.n, smallest, level, arm.resolution)
    seconds = _mean_seconds(arm.results) + _mean_seconds(arm.controls)
    first = arm.results[0]
    worth = None
    if curves is not None and not design.is_check and first.unique_examples:
        worth = _multiplier(arm, curves)
    return ArmResult(
        name=arm.name,
        decision=design.decision,
        what=design.what,
        contrast="control - arm" if design.sign < 0 else "arm - control",
        is_check=design.is_check,
        same_data=arm.same_data,
        values=tuple(one.measured.value for one in arm.results),
        differences=tuple(float(d) for d in arm.differences),
        effect=found.mean,
        sd=_finite(found.sd),
        mean=found.interval.mean,
        low=_finite(plain.low),
        high=_finite(plain.high),
        adjusted_low=_finite(adjusted.low),
        adjusted_high=_finite(adjusted.high),
        level=1 - level,
        p=found.p,
        p_sign_flip=found.p_sign_flip,
        adjusted_p=adjusted_p,
        wins=found.wins,
        n=found.n,
        test_set_interval=_ends(
            interval_over_test_sets(found.mean, error, clusters).clipped(-most, most)
        ),
        combined_interval=_ends(combined),
        adjusted_combined_interval=_ends(corrected),
        test_clusters=clusters,
        verdict=word,
        last_tenth_gain=gain,
        cut_short=is_cut_short(gain, smallest),
        more_seeds=extra,
        more_cost_s=None if extra is None else round(extra * seconds, 1),
        seconds_per_seed=round(seconds, 3),
        unique_examples=first.unique_examples,
        epochs=first.epochs,
        data_multiplier=worth if curve_of == "data" else None,
        compute_multiplier=None if curve_of == "data" else worth,
    )


def _headline(
    subject: str,
    arm: ArmResult,
    comparisons: int,
    test_set: str,
    unit: str,
    smallest: float,
) -> str:
    """What the arm says of its decision, with what would settle it and an unfair opponent."""
    further = []
    if arm.cut_short and arm.last_tenth_gain is not None:
        further.append(cut_short_clause(arm.last_tenth_gain, unit))
    if arm.verdict == "undecided":
        more = arm.more_seeds
        if more is not None:
            seeds = f"{more:,} more seed{'s' * (more > 1)}"
            further.append(f"{seeds} would decide it with probability {CHANCE:g}")
        elif arm.n < FEWEST_SEEDS:
            further.append(f"how many seeds would decide it, {FEWEST_SEEDS} would tell")
        else:
            further.append("no number of seeds in reach would decide it")
    claim = Claim(
        subject,
        arm.verdict,
        arm.mean,
        (arm.adjusted_low, arm.adjusted_high),
        unit,
        arm.n,
        comparisons,
        smallest,
        test_set=test_set,
        combined=arm.adjusted_combined_interval,
        exact=arm.same_data,
        further=tuple(further),
    )
    return headline(claim)


def _test_set_error(arm: _Arm) -> tuple[float, int]:
    """Standard error over test sets of the effect, and the number of clusters behind it."""
    first = arm.results[0]
    if arm.same_data:
        return 0.0, len(first.parts.denominators)
    scale = first.measured.scale * first.measured.toward * arm.design.sign
    ours, base = ([one.parts for one in side] for side in (arm.results, arm.controls))
    return error_over_test_sets(ours, base, scale)


def _control_curves(
    by_cell: Mapping[Place, ValueOutcome], control: Mapping[int, ValueOutcome]
) -> tuple[list[float], Floats] | None:
    """Shares, ascending, and the control's values [seeds, shares]; None if it has no curve."""
    shares = sorted({share for arm, _, share in by_cell if arm == CONTROL})
    if len(shares) < MIN_SIZES:
        return None
    rows = [[by_cell[CONTROL, seed, share].measured.value for share in shares] for seed in control]
    return shares, np.array(rows)


def _multiplier(arm: _Arm, curves: tuple[list[float], Floats]) -> Multiplier:
    """What the arm's data is worth in amounts of the control's."""
    shares, values = curves
    reported = arm.results[0].measured
    # An accuracy becomes an error: curves fall.
    best = 0.0 if reported.lower_is_better else reported.scale
    own = np.array([one.measured.value for one in arm.results])
    errors, results = abs(best - values[: len(own)]), abs(best - own)
    floor, step = 1e-9, arm.results[0].resolution
    return multiplier(shares, np.maximum(errors, floor), np.maximum(results, floor), 1.0, step)


def _warnings(
    arms: Sequence[_Arm], control: Mapping[int, ValueOutcome], match: str
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    first = next(iter(control.values()))
    if len(control) < 6:
        found[
            f"with fewer than 6 seeds ({len(control)}) the exact sign-flip p cannot fall below 0.05"
        ] = None
    each = [(CONTROL, first), *((arm.name, arm.results[0]) for arm in arms)]
    many = [f"{name} {one.epochs:.3g}" for name, one in each if one.epochs > _MANY_EPOCHS]
    if many:
        found[
            f"more than {_MANY_EPOCHS:.0f} passes over the same examples ({', '.join(many)}): of "
            "text, further ones are worth less than new text (Muennighoff et al. 2023)"
        ] = None
    for name, result in each:
        if match == "epochs" and result.steps != first.steps:
            found[
                f"{name}: {result.steps:,} steps against the control's {first.steps:,}; "
                "under match epochs the cost differs"
            ] = None
    for result in control.values():
        found.update(dict.fromkeys(f"{CONTROL}: {note}" for note in result.notes))
    for arm in arms:
        if not arm.design.is_check and arm.same_data:
            found[f"{arm.name}: its data and recipe are exactly the control's"] = None
        elif arm.design.is_check and arm.same_data and np.any(arm.differences != 0):
            found[f"{arm.name}: the same data gave another result; do not trust the others"] = None
        for result in arm.results:
            found.update(dict.fromkeys(f"{arm.name}: {note}" for note in result.notes))
    clusters = len(first.parts.denominators)
    if clusters < 20:
        parts = "1 independent part" if clusters == 1 else f"{clusters} independent parts"
        found[f"the test set has {parts}; its interval is rough"] = None
    return tuple(found)


def _mean_seconds(outcomes: Sequence[ValueOutcome]) -> float:
    return float(np.mean([outcome.seconds for outcome in outcomes]))


def _ends(interval: Interval) -> Ends:
    return _finite(interval.low), _finite(interval.high)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
