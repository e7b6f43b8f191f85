"""What a result is worth in data or in compute: read off the control's own curve, or refused.

The control is measured at four sizes or more, each a constant factor apart. Fitting
err(n) = a n^-b + c (Hestness et al. 2017) and inverting another arm's result gives the *effective
data multiplier*: how much more of the control's data would do the same. In pretraining the excess
over n is the effective data transferred (Hernandez et al. 2021). With optimizer steps for n it is
the compute multiplier.

Nothing is extrapolated. A result better than the curve's end is "> 4x"; one worse than its start
is "< 0.5x"; where the curve falls by less than its own noise, no multiplier is read. (A naive
inversion read 19.8x from a flat curve.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tilth.spell import decimals_apart, decimals_of, fixed
from tilth.statistics.found import Multiplier
from tilth.statistics.paired import t_interval

Floats = npt.NDArray[np.float64]

MIN_SIZES = 4
_EXPONENTS = (0.01, 4.0)
# A curve counts as flat where it falls by less than this many standard errors of that fall.
_NOISE_FACTOR = 3.0
FLAT = "cannot be read: the curve is flat"


@dataclass(frozen=True)
class Curve:
    """err(n) = a n^-b + c, with a, c >= 0, valid from `smallest` to `largest` only."""

    a: float
    b: float
    c: float
    smallest: float
    largest: float

    def at(self, size: float) -> float:
        """The error the curve gives at a size."""
        return float(self.a * size**-self.b + self.c)

    def invert(self, error: float) -> float:
        """The size at which the curve reaches `error`: inf beyond its end, 0 before its start."""
        if error < self.at(self.largest):
            return math.inf
        if error > self.at(self.smallest):
            return 0.0
        if self.a <= 0:
            return math.nan
        return float(((error - self.c) / self.a) ** (-1 / self.b))


def fit_curve(sizes: Sequence[float], errors: Sequence[float]) -> Curve:
    """Least squares of relative residuals, by exact solution in (a, c) and search over b.

    Args:
        sizes: Sizes [>= 4 distinct], positive.
        errors: Error at each size, positive; lower is better.

    Raises:
        ValueError: Fewer than four sizes, or a number that is not positive.
    """
    n, err = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    if len(np.unique(n)) < MIN_SIZES:
        raise ValueError(f"a curve needs {MIN_SIZES} sizes or more, got {len(np.unique(n))}")
    if (n <= 0).any() or (err <= 0).any() or not np.isfinite(err).all():
        raise ValueError("sizes and errors must be positive numbers")
    scaled = n / n.max()
    low, high = _EXPONENTS
    best = (math.inf, 0.0, 0.0, low)
    for _ in range(6):
        grid = np.geomspace(low, high, 25)
        solved = [(*_solve(scaled, err, float(b)), float(b)) for b in grid]
        best = min(solved, key=lambda one: one[0])
        at = int(np.flatnonzero(grid == best[3])[0])
        low, high = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, len(grid) - 1)])
    _, a, c, b = best
    return Curve(a * float(n.max()) ** b, b, c, float(n.min()), float(n.max()))


def is_flat(errors: Floats) -> bool:
    """Whether a curve of per-seed errors [seeds, sizes >= 2] falls by less than its own noise.

    Compared within seeds, so that what all sizes of a seed share does not count. One seed has no
    noise to compare with; it is flat where it does not fall.
    """
    falls = errors[:, 0] - errors[:, -1]
    mean = float(falls.mean())
    if len(falls) < 2:
        return mean <= 0
    return mean <= _NOISE_FACTOR * float(falls.std(ddof=1)) / math.sqrt(len(falls))


def multiplier(
    sizes: Sequence[float],
    control: Floats,
    results: Sequence[float] | Floats,
    at: float,
    step: float = 0.0,
) -> Multiplier:
    """Read how many times `at` examples (or steps) of the control the results are worth.

    One curve is fitted a seed and that seed's result inverted on it; the interval is Student-t on
    the logarithm of the multipliers, which equal results do not make certain: a step of the metric
    is taken along as what it makes of the multiplier.

    Args:
        sizes: The control's sizes [sizes], ascending.
        control: The control's errors [seeds, sizes]; lower is better.
        results: The other arm's errors [seeds].
        at: The size at which the other arm was measured.
        step: In which the errors move: one test text of all.

    Raises:
        ValueError: Fewer than four sizes, or errors that are not positive.
    """
    end, start = max(sizes) / at, min(sizes) / at
    if is_flat(np.asarray(control, np.float64)):
        return Multiplier(None, None, None, "flat", FLAT)
    given = np.asarray(results, np.float64)
    curves = [fit_curve(sizes, row) for row in control]
    pairs = list(zip(curves, given, strict=True))
    reached = np.array([curve.invert(float(result)) / at for curve, result in pairs])
    if np.isnan(reached).any():
        return Multiplier(None, None, None, "flat", FLAT)
    above, below = int(np.isinf(reached).sum()), int((reached == 0).sum())
    # The median seed decides on which side of the measured curve the result lies.
    if 2 * above >= len(reached):
        return Multiplier(None, end, None, "above", f"> {_short(end)}x")
    if 2 * below >= len(reached):
        return Multiplier(None, None, start, "below", f"< {_short(start)}x")
    logs = np.log(np.clip(reached, start, end))
    hidden = max(_log_step(curve, float(result), step) for curve, result in pairs)
    interval = t_interval(logs, resolution=hidden) if len(logs) > 1 else None
    value = float(np.exp(logs.mean()))
    low = None if interval is None else float(np.exp(interval.low))
    high = None if interval is None else float(np.exp(interval.high))
    # A seed off the end of the curve leaves that side of the interval open, and so does an
    # interval that runs past what was measured.
    low = None if below or (low is not None and low < start) else low
    high = None if above or (high is not None and high > end) else high
    return Multiplier(
        value, low, high, "read", _read_text(value, (low, high), (start, end), len(logs))
    )


def _log_step(curve: Curve, error: float, step: float) -> float:
    """How far one step of the metric moves the logarithm of the size that a curve is read at."""
    ends = (error - step / 2, error + step / 2)
    at = np.clip([curve.invert(end) for end in ends], curve.smallest, curve.largest)
    return abs(float(np.log(at[0] / at[1])))


def _read_text(
    value: float,
    ends: tuple[float | None, float | None],
    measured: tuple[float, float],
    seeds: int,
) -> str:
    """`1.61x [1.33, 2.04]`: two digits of half the interval, and no number rounded onto 1."""
    known = [end for end in ends if end is not None]
    half = max((abs(end - value) for end in known), default=value)
    decimals = decimals_apart([value, *known], decimals_of(half, most=4), (1.0,))
    read = f"{fixed(value, decimals)}x"
    if seeds < 2:
        return f"{read} one seed, no interval"
    low, high = (None if end is None else fixed(end, decimals) for end in ends)
    return f"{read} [{low or f'< {_short(measured[0])}'}, {high or f'> {_short(measured[1])}'}]"


def _solve(n: Floats, err: Floats, b: float) -> tuple[float, float, float]:
    """The best a, c >= 0 for a given b: (sum of squared relative residuals, a, c)."""
    power, one = n**-b / err, 1 / err
    pp, po, oo = float(power @ power), float(power @ one), float(one @ one)
    p1, o1 = float(power.sum()), float(one.sum())
    determinant = pp * oo - po * po
    candidates = [(p1 / pp, 0.0), (0.0, o1 / oo)]
    if determinant > 1e-12 * pp * oo:
        candidates.append(((p1 * oo - o1 * po) / determinant, (o1 * pp - p1 * po) / determinant))
    return min(
        (float(((a * power + c * one - 1) ** 2).sum()), a, c)
        for a, c in candidates
        if a >= 0 and c >= 0
    )


def _short(number: float) -> str:
    """The end of what was measured: three digits, which a factor of sizes seldom needs."""
    return f"{number:,.0f}" if number >= 1_000 else f"{number:.3g}"
