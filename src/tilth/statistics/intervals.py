"""How far a figure on held-out samples may be from what more such samples would give.

A figure is a function of sums over *items*: the images, documents, utterances that are drawn
independently. A share of items gets Wilson's score interval (1927). All else is resampled by item:
BCa (Efron 1987) at levels widened for few items (Hesterberg 2015), which kept its promise best
where word errors were few. Both answer for these held-out samples and this one model; what another
seed adds is known only where there were several (`over_seeds`, `over_folds`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from tilth.statistics.found import Bounds

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ALPHA = 0.05
_RESAMPLES = 2_000
# Above this many items some stand or fall together: the interval stays what it is to about 2 %,
# and its cost does not grow with the data.
_MAX_GROUPS = 2_000
_SEED = 0


@dataclass(frozen=True)
class Figure:
    """A figure of n items, by what the items add to it.

    Attributes:
        n: Number of items.
        sums: (codes int64 [n], number of groups) -> what each group of items adds [groups, k].
        of_sums: Sums [..., k] -> the figure [...].
        best, worst: The figure if every item is right, or wrong; None where there is no such end.
        share: Whether it is the share of items that are right.
    """

    n: int
    sums: Callable[[Codes, int], Floats]
    of_sums: Callable[[Floats], Floats]
    best: float | None = None
    worst: float | None = None
    share: bool = False

    @property
    def value(self) -> float:
        """The figure of all items."""
        return float(self.of_sums(self.sums(np.zeros(self.n, np.int64), 1))[0])

    @property
    def most(self) -> float:
        """What it cannot exceed: an error rate may, by insertions, exceed that of all wrong."""
        ends = self.best is not None and self.worst is not None and self.best > self.worst
        return float(self.best or 0.0) if ends else math.inf


def share(right: npt.ArrayLike) -> Figure:
    """The share of items that are right, in percent.

    Args:
        right: [n], 1 where it is, 0 where not; between the two where an item is seen twice.
    """
    hits = np.asarray(right, np.float64)
    whole = ratio(hits, np.ones(len(hits)), scale=100.0, best=100.0, worst=0.0)
    return replace(whole, share=True)


def ratio(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    *,
    scale: float = 1.0,
    best: float | None = None,
    worst: float | None = None,
) -> Figure:
    """scale x sum / sum: errors / words, bits / bytes; not the mean of the items' ratios.

    Args:
        numerators, denominators: [n].
        scale: 100 for percent.
        best, worst: See `Figure`.
    """

    def of_sums(sums: Floats) -> Floats:
        # A group of empty texts alone has nothing to divide by.
        return scale * sums[..., 0] / np.where(sums[..., 1] == 0, 1.0, sums[..., 1])

    parts = np.array([numerators, denominators], np.float64).T
    return totals(parts, of_sums, best=best, worst=worst)


def totals(
    parts: npt.NDArray[Any],
    of_sums: Callable[[Floats], Floats],
    *,
    best: float | None = None,
    worst: float | None = None,
) -> Figure:
    """A figure of column sums.

    Args:
        parts: [n, k], what each item adds.
        of_sums: Sums [..., k] -> the figure [...].
        best, worst: See `Figure`.
    """

    def sums(codes: Codes, groups: int) -> Floats:
        columns = [np.bincount(codes, column, minlength=groups) for column in parts.T]
        return np.stack(columns, axis=1).astype(np.float64)

    return Figure(len(parts), sums, of_sums, best, worst)


def macro_f1(labels: Codes, found: Codes) -> Figure:
    """The mean over classes of F1 = 2 TP / (2 TP + FP + FN), in percent.

    Of the classes that occur among labels or answers.

    Args:
        labels: int64 [n], the classes.
        found: int64 [n], the answers.
    """
    _, both = np.unique(np.concatenate([labels, found]), return_inverse=True)
    classes = int(both.max(initial=0)) + 1
    of, answer = both[: len(labels)], both[len(labels) :]
    right = of == answer

    def sums(codes: Codes, groups: int) -> Floats:
        size = groups * classes
        hits = np.bincount((codes * classes + of)[right], minlength=size)
        given = np.bincount(codes * classes + of, minlength=size)
        told = np.bincount(codes * classes + answer, minlength=size)
        parts = (hits.reshape(groups, classes), (given + told).reshape(groups, classes))
        return np.concatenate(parts, axis=1).astype(np.float64)

    def of_sums(sums: Floats) -> Floats:
        hits, occurs = sums[..., :classes], sums[..., classes:]
        f1 = 2 * hits / np.where(occurs == 0, 1.0, occurs)
        mean: Floats = 100 * f1.sum(-1) / np.maximum((occurs > 0).sum(-1), 1)
        return mean

    return Figure(len(labels), sums, of_sums, 100.0, 0.0)


def bounds_of(figure: Figure, item: str, groups: Codes | None = None) -> Bounds:
    """The 95 % interval of a figure, the same at every call.

    Args:
        figure: What was measured.
        item: What its items are called.
        groups: int64 [n], items that stand or fall together (of one speaker, one site); None: each
            by itself.
    """
    codes = np.arange(figure.n) if groups is None else np.unique(groups, return_inverse=True)[1]
    num_groups = int(codes.max(initial=-1)) + 1
    shown = None if groups is None else num_groups
    if figure.share:
        low, high = _share_bounds(figure.sums(codes, num_groups), figure.n, grouped=shown)
        return Bounds(low, high, figure.n, item, "Wilson", shown)
    if num_groups < 2:
        return Bounds(None, None, figure.n, item, "bootstrap", shown)
    sums = figure.sums(*_few(codes, num_groups))
    found = _bca(sums, figure.of_sums)
    if found[0] == found[1] and found[0] in (figure.best, figure.worst):
        # Resampling items none of which is wrong shows no wrong one.
        found = _beyond(found[0], figure, num_groups)
    return Bounds(*found, figure.n, item, "bootstrap", shown)


def wilson(right: float, n: float, z: float | None = None) -> tuple[float, float]:
    """Wilson's score interval of a share (1927, eq. of Brown, Cai and DasGupta 2001), 0 to 1.

    Args:
        right: How many are.
        n: Of how many, above 0.
        z: Quantile; None: the normal one of 95 %.
    """
    z = float(ndtri(1 - ALPHA / 2)) if z is None else z
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At the ends the two terms are equal but for rounding.
    return 0.0 if right == 0 else middle - half, 1.0 if right == n else middle + half


def over_seeds(values: Sequence[float], bounds: Sequence[Bounds], most: float) -> Bounds:
    """The interval of a mean over seeds, measured on the same items.

    That of the items and Student's over seeds, as limits of a sum (Zou and Donner 2008).

    Args:
        values: A figure each [seeds].
        bounds: Its interval over the items each [seeds].
        most: What the figure cannot exceed.
    """
    mean = math.fsum(values) / len(values)
    ends = [(b.low, b.high) for b in bounds if b.low is not None and b.high is not None]
    low, high = np.mean(ends, axis=0) if ends else (mean, mean)
    half = _t_half(values)
    reach = math.hypot(mean - low, half), math.hypot(high - mean, half)
    return _clipped(mean, reach, bounds[0], most, "items and seeds")


def over_folds(values: Sequence[float], bounds: Sequence[Bounds], most: float) -> Bounds:
    """The interval of a mean over folds, each tested on items of its own: Student's over folds.

    Where folds agree by chance, not narrower than their items' own intervals allow.

    Args:
        values: A figure each [folds].
        bounds: Its interval over the fold's items each [folds].
        most: What the figure cannot exceed.
    """
    mean, half = math.fsum(values) / len(values), _t_half(values)
    pairs = list(zip(values, bounds, strict=True))
    below = math.hypot(*(v - b.low for v, b in pairs if b.low is not None)) / len(pairs)
    above = math.hypot(*(b.high - v for v, b in pairs if b.high is not None)) / len(pairs)
    total = replace(bounds[0], n=sum(b.n for b in bounds), groups=len(bounds))
    reach = max(below, half), max(above, half)
    return _clipped(mean, reach, total, most, "Student-t over folds")


def _clipped(
    mean: float,
    reach: tuple[float, float],
    of: Bounds,
    most: float,
    method: Literal["Student-t over folds", "items and seeds"],
) -> Bounds:
    """No figure is below 0."""
    low, high = max(mean - reach[0], min(mean, 0.0)), min(mean + reach[1], max(mean, most))
    return replace(of, low=float(low), high=float(high), method=method)


def _t_half(values: Sequence[float]) -> float:
    """Half of Student's 95 % interval of a mean."""
    n = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    return float(stdtrit(n - 1, 1 - ALPHA / 2)) * error


def _share_bounds(sums: Floats, n: int, *, grouped: int | None) -> tuple[float, float]:
    """Wilson's interval in percent, by as many items as groups of them are worth.

    For groups n is p (1 - p) / the variance between them, and z Student's quantile (Dean and
    Pagano 2015, "Evaluating confidence interval methods for binomial proportions in clustered
    surveys").
    """
    right, worth, z = float(sums[:, 0].sum()), float(n), None
    p = right / n
    if grouped is not None and grouped > 1:
        spread = ((sums[:, 0] - p * sums[:, 1]) ** 2).sum() * grouped / (grouped - 1) / n**2
        worth = min(n, p * (1 - p) / spread) if spread > 0 else float(n)
        worth = float(grouped) if p in (0, 1) else worth
        z = float(stdtrit(grouped - 1, 1 - ALPHA / 2))
    low, high = wilson(p * worth, worth, z)
    return 100 * low, 100 * high


def _few(codes: Codes, groups: int) -> tuple[Codes, int]:
    """At most 2,000 groups of groups, of equal size."""
    if groups <= _MAX_GROUPS:
        return codes, groups
    dealt = np.random.default_rng(_SEED).permutation(groups) % _MAX_GROUPS
    return dealt[codes], _MAX_GROUPS


def _bca(sums: Floats, of_sums: Callable[[Floats], Floats]) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of a figure of sums [groups, k]."""
    groups = len(sums)
    total = sums.sum(0, keepdims=True)
    value = float(of_sums(total)[0])
    found = np.sort(_resampled(sums, of_sums))
    if found[0] == found[-1]:
        return value, value
    pulls = of_sums(total - sums)
    pulls = pulls.mean() - pulls
    squares = float((pulls**2).sum())
    skew = float((pulls**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    below = ((found < value).sum() + (found == value).sum() / 2) / len(found)
    bias = float(ndtri(np.clip(below, 1 / len(found), 1 - 1 / len(found))))
    # Few groups vary less among themselves than what they were drawn from.
    z = math.sqrt(groups / (groups - 1)) * float(stdtrit(groups - 1, 1 - ALPHA / 2))
    shifted = (bias - z, bias + z)
    levels = [float(ndtr(bias + s / max(1 - skew * s, 1e-3))) for s in shifted]
    low, high = np.quantile(found, levels)
    return min(float(low), value), max(float(high), value)


def _resampled(sums: Floats, of_sums: Callable[[Floats], Floats]) -> Floats:
    """The figure of 2,000 draws of as many groups, with replacement."""
    groups = len(sums)
    generator = np.random.default_rng(_SEED)
    found = np.empty(_RESAMPLES)
    step = max(1, 1_000_000 // groups)
    for start in range(0, _RESAMPLES, step):
        rows = min(step, _RESAMPLES - start)
        drawn = generator.integers(0, groups, (rows, groups)) + groups * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups)
        found[start : start + rows] = of_sums(times @ sums)
    return found


def _beyond(end: float, figure: Figure, groups: int) -> tuple[float, float]:
    """From one end of a figure as far to the other as Wilson's bound for none of so many."""
    other = figure.worst if end == figure.best else figure.best
    if other is None:
        return end, end
    reached = end + (other - end) * wilson(0, groups)[1]
    return min(end, reached), max(end, reached)
