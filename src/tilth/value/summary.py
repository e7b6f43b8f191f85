"""From the results of all cells to effects, intervals, verdicts and what would settle the rest.

Every effect is turned so that positive is better. For a decision left out it is what *having* the
decision is worth (control less arm); for a changed setting, what the change is worth (arm less
control). `contrast` says which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tilth.statistics.curves import MIN_SIZES, Multiplier, multiplier
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
from tilth.tasks.registry import moves_in_steps
from tilth.transfer.headline import (
    Claim,
    cut_short_clause,
    headline,
    is_cut_short,
    last_tenth_gain,
    measured_on,
)
from tilth.transfer.smallest import smallest_effect_of
from tilth.value.settings import CONTROL

# Above this, repeated text is worth less than new text (Muennighoff et al. 2023, figure 5).
_MANY_EPOCHS = 4.0

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Design:
    """What an arm stands for.

    Attributes:
        decision: What the verdict is about.
        what: The difference in a sentence.
        sign: 1 if the arm has the decision and the control has not, -1 the other way round.
        is_check: An A/A arm: no claim, so it takes no share of the error probability.
        from_scratch: The arm leaves pretraining out, so it must have had enough steps.
    """

    decision: str
    what: str
    sign: int
    is_check: bool = False
    from_scratch: bool = False


@dataclass(frozen=True)
class _Arm:
    """An arm's results beside the control's, seed by seed."""

    name: str
    design: Design
    results: list[Result]
    controls: list[Result]
    differences: Floats
    same_data: bool
    resolution: float
    found: Paired


def summarize_experiment(
    results: Sequence[Mapping[str, Any]],
    designs: Mapping[str, Design],
    *,
    smallest_effect: float | None = None,
    match: str = "compute",
    curve_of: str = "data",
    group: str = "",
) -> dict[str, Any]:
    """Effects of all arms against the control; everything in it is JSON-able.

    Args:
        results: [{"cell": {"arm", "seed", "share"}, "result": what `run_cell` returns}].
        designs: The arms, by name.
        smallest_effect: In the metric's unit; None: by metric.
        match: What all arms share, for the warnings.
        curve_of: What the control's shares are of: data or steps.
        group: Column that groups the test samples; empty: each its own.

    Returns:
        metric, unit, lower_is_better, smallest_effect, match, seeds, control, arms (each with its
        headline), warnings, cost_s. Numbers that are not finite are None.
    """
    by_cell = {
        (str(r["cell"]["arm"]), int(r["cell"]["seed"]), float(r["cell"].get("share", 1.0))): r
        for r in results
    }
    control = {
        seed: r["result"]
        for (arm, seed, share), r in sorted(by_cell.items())
        if arm == CONTROL and share == 1.0
    }
    first = next(iter(control.values()))
    toward = -1.0 if first["lower_is_better"] else 1.0
    arms = []
    for name, design in designs.items():
        pairs = [
            (by_cell[name, seed, 1.0]["result"], base)
            for seed, base in control.items()
            if (name, seed, 1.0) in by_cell
        ]
        arms.append(_pair(name, design, pairs, toward))
    levels = _levels(arms)
    smallest = smallest_effect_of(first["metric"], smallest_effect)
    described = [_describe(arm, *levels[arm.name], smallest, toward) for arm in arms]
    decisions = [arm.design.decision for arm in arms]
    for arm, one in zip(arms, described, strict=True):
        name = arm.design.decision
        # Where two arms are about one decision, their own names tell them apart.
        subject = f"{name} ({arm.name})" if decisions.count(name) > 1 else name
        claims = max(sum(not other.design.is_check for other in arms), 1)
        one["headline"] = _headline(subject, arm, one, claims, measured_on(first, group))
    curves = _control_curves(by_cell, control)
    values = [float(r["value"]) for r in control.values()]
    return {
        "metric": first["metric"],
        "unit": first["unit"],
        "lower_is_better": first["lower_is_better"],
        "smallest_effect": smallest,
        "match": match,
        "seeds": list(control),
        "control": {
            "values": values,
            **_interval("", t_interval(values)),
            "unique_examples": first["unique_examples"],
            "epochs": first["epochs"],
        },
        "arms": [
            one | _worth(arm, float(np.mean(values)), curves, curve_of, toward)
            for arm, one in zip(arms, described, strict=True)
        ],
        "warnings": _warnings(arms, control, match),
        "cost_s": round(sum(float(r["result"]["seconds"]) for r in results), 3),
    }


def _pair(name: str, design: Design, pairs: Sequence[tuple[Result, Result]], toward: float) -> _Arm:
    sign = toward * design.sign
    differences = np.array([sign * (arm["value"] - base["value"]) for arm, base in pairs])
    same_data = all(
        arm["data_digest"] == base["data_digest"] and arm["recipe_digest"] == base["recipe_digest"]
        for arm, base in pairs
    )
    # A test set of 360 images moves in steps of 1/360: equal results hide what is below a step.
    # Where data and recipe are the same, equal results are what they seem.
    resolution = 0.0
    if not same_data and moves_in_steps(pairs[0][0]["metric"]):
        resolution = float(pairs[0][0]["scale"]) / sum(pairs[0][0]["denominators"])
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

    A/A arms make no claim and are left out of the count; they get the strictest level.
    """
    claims = [arm for arm in arms if not arm.design.is_check]
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
    toward: float,
) -> dict[str, Any]:
    found, design = arm.found, arm.design
    adjusted = t_interval(arm.differences, level, arm.resolution)
    word = verdict(adjusted, smallest)
    error, clusters = _test_set_error(arm, toward)
    combined, corrected = (
        combined_interval(arm.differences, error, clusters, alpha, arm.resolution)
        for alpha in (ALPHA, level)
    )
    gain = last_tenth_gain(arm.results, toward) if design.from_scratch else None
    extra = None
    if word == "undecided":
        extra = more_seeds(found.mean, found.sd, found.n, smallest, level)
    seconds = _mean_seconds(arm.results) + _mean_seconds(arm.controls)
    return {
        "name": arm.name,
        "decision": design.decision,
        "what": design.what,
        "contrast": "control - arm" if design.sign < 0 else "arm - control",
        "is_check": design.is_check,
        "same_data": arm.same_data,
        "values": [float(r["value"]) for r in arm.results],
        "differences": [float(d) for d in arm.differences],
        "effect": found.mean,
        "sd": _finite(found.sd),
        **_interval("", found.interval),
        **_interval("adjusted_", adjusted),
        "level": 1 - level,
        "p": found.p,
        "p_sign_flip": found.p_sign_flip,
        "adjusted_p": adjusted_p,
        "wins": found.wins,
        "n": found.n,
        "test_set_interval": _bounds(interval_over_test_sets(found.mean, error, clusters)),
        "combined_interval": _bounds(combined),
        "adjusted_combined_interval": _bounds(corrected),
        "test_clusters": clusters,
        "verdict": word,
        "last_tenth_gain": gain,
        "cut_short": is_cut_short(gain, smallest),
        "more_seeds": extra,
        "more_cost_s": None if extra is None else round(extra * seconds, 1),
        "seconds_per_seed": round(seconds, 3),
        "unique_examples": arm.results[0]["unique_examples"],
        "epochs": arm.results[0]["epochs"],
    }


def _headline(
    subject: str, arm: _Arm, described: Mapping[str, Any], comparisons: int, test_set: str
) -> str:
    """What the arm says of its decision, with what would settle it and an unfair opponent."""
    further = []
    if described["cut_short"]:
        unit = str(arm.results[0]["unit"])
        further.append(cut_short_clause(described["last_tenth_gain"], unit))
    if described["verdict"] == "undecided":
        more = described["more_seeds"]
        seeds = (
            "no number of seeds in reach"
            if more is None
            else f"{more:,} more seed{'s' * (more > 1)}"
        )
        further.append(f"{seeds} would decide it")
    low, high = described["adjusted_combined_interval"]
    claim = Claim(
        subject,
        described["verdict"],
        described["mean"],
        (described["adjusted_low"], described["adjusted_high"]),
        str(arm.results[0]["unit"]),
        described["n"],
        comparisons,
        test_set=test_set,
        combined=(low, high),
        exact=arm.same_data,
        further=tuple(further),
    )
    return headline(claim)


def _worth(
    arm: _Arm,
    base: float,
    curves: tuple[list[float], Floats] | None,
    curve_of: str,
    toward: float,
) -> dict[str, Any]:
    """The effect over the control's own value, and in amounts of the control's data or steps."""
    described: dict[str, Any] = {"relative": arm.found.mean / abs(base) if base else None}
    design = arm.design
    if curves is not None and not design.is_check and arm.results[0]["unique_examples"]:
        key = "data_multiplier" if curve_of == "data" else "compute_multiplier"
        described[key] = asdict(_multiplier(arm, curves, toward))
    return described


def _test_set_error(arm: _Arm, toward: float) -> tuple[float, int]:
    """Standard error over test sets of the effect, and the number of clusters behind it."""
    if arm.same_data:
        return 0.0, len(arm.results[0]["denominators"])
    scale = float(arm.results[0]["scale"]) * toward * arm.design.sign
    return error_over_test_sets(arm.results, arm.controls, scale)


def _control_curves(
    by_cell: Mapping[tuple[str, int, float], Mapping[str, Any]], control: Mapping[int, Result]
) -> tuple[list[float], Floats] | None:
    """Shares, ascending, and the control's values [seeds, shares]; None if it has no curve."""
    shares = sorted({share for arm, _, share in by_cell if arm == CONTROL})
    if len(shares) < MIN_SIZES:
        return None
    rows = [
        [float(by_cell[CONTROL, seed, share]["result"]["value"]) for share in shares]
        for seed in control
    ]
    return shares, np.array(rows)


def _multiplier(arm: _Arm, curves: tuple[list[float], Floats], toward: float) -> Multiplier:
    """What the arm's data is worth in amounts of the control's."""
    shares, values = curves
    # An accuracy becomes an error: curves fall.
    best = float(arm.results[0]["scale"]) if toward > 0 else 0.0
    own = np.array([float(r["value"]) for r in arm.results])
    errors, results = abs(best - values[: len(own)]), abs(best - own)
    floor = 1e-9
    return multiplier(shares, np.maximum(errors, floor), np.maximum(results, floor), 1.0)


def _warnings(arms: Sequence[_Arm], control: Mapping[int, Result], match: str) -> list[str]:
    found: dict[str, None] = {}
    first = next(iter(control.values()))
    if len(control) < 6:
        found[
            f"with fewer than 6 seeds ({len(control)}) the exact sign-flip p cannot fall below 0.05"
        ] = None
    for name, result in [(CONTROL, first), *((arm.name, arm.results[0]) for arm in arms)]:
        if float(result["epochs"]) > _MANY_EPOCHS:
            found[
                f"{name}: its {result['unique_examples']:,} unique examples are repeated "
                f"{result['epochs']:.3g} times; above {_MANY_EPOCHS:.0f} they are worth less"
            ] = None
        if match == "epochs" and result["steps"] != first["steps"]:
            found[
                f"{name}: {result['steps']:,} steps against the control's {first['steps']:,}; "
                "under match epochs the cost differs"
            ] = None
    for result in control.values():
        found.update(dict.fromkeys(f"{CONTROL}: {note}" for note in result["notes"]))
    for arm in arms:
        if not arm.design.is_check and arm.same_data:
            found[f"{arm.name}: its data and recipe are exactly the control's"] = None
        elif arm.design.is_check and arm.same_data and np.any(arm.differences != 0):
            found[f"{arm.name}: the same data gave another result; do not trust the others"] = None
        for result in arm.results:
            found.update(dict.fromkeys(f"{arm.name}: {note}" for note in result["notes"]))
    clusters = len(first["denominators"])
    if clusters < 20:
        found[f"the test set has {clusters} independent parts; its interval is rough"] = None
    return list(found)


def _mean_seconds(results: Sequence[Result]) -> float:
    return float(np.mean([float(r["seconds"]) for r in results]))


def _interval(prefix: str, interval: Interval) -> dict[str, float | None]:
    numbers = {f"{prefix}low": _finite(interval.low), f"{prefix}high": _finite(interval.high)}
    return {"mean": interval.mean, **numbers} if not prefix else numbers


def _bounds(interval: Interval) -> list[float | None]:
    return [_finite(interval.low), _finite(interval.high)]


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
