"""How far a figure on held-out samples may be from what more such samples would give.

A figure is a function of sums over *items*: the images, documents, utterances that are drawn
independently. A share of items gets Clopper and Pearson's exact interval (1934): Wilson's covers
86 % at 10 items where it promises 95. All else is measured without each item in turn (the
jackknife: Tukey 1958, Efron and Stein 1981), with two further items as far off as the farthest
that was seen: a bootstrap covers 87 % at 10 items, as what is rare is seldom among so few
(`benchmarks/coverage.md`). Both answer for these held-out samples and this one model; what another
seed adds is known only where there were several (`over_seeds`, `over_folds`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, stdtrit

from tilth.statistics.found import Bounds

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ALPHA = 0.05
# Of macro F1, which a class with fewer items moves by more than an interval can know.
FEWEST_OF_A_CLASS = 2
# Numbers at once where each group is left out in turn.
_SLICE = 2_000_000
# Nearer to 0 or 100 % than this the end of a share of groups is that, which narrows no interval.
_NEAR = 0.01
# An upper end is read off a logarithm up to e^3 = 20 times the figure.
_MOST_LOGS = 3.0


class Reach(NamedTuple):
    """What numbers a figure can be: what it cannot exceed, and the step in which it moves."""

    most: float
    step: float


@dataclass(frozen=True)
class Figure:
    """A figure of n items, by what the items add to it.

    Attributes:
        n: Number of items.
        sums: (codes int64 [items], number of groups, which items) -> what each group of these items
            adds [groups, k].
        of_sums: Sums [..., k] -> the figure [...].
        step: What one unit makes of it: an item of n, a word of all words, a byte of all bytes.
        best, worst: The figure if every item is right, or wrong; None where there is no such end.
        share: Whether it is the share of items that are right.
        unseen: What one further wrong item can make of it, where that is more than a step.
        too_few: Whether there is too little of something for an interval.
    """

    n: int
    sums: Callable[[Codes, int, Codes | slice], Floats]
    of_sums: Callable[[Floats], Floats]
    step: float
    best: float | None = None
    worst: float | None = None
    share: bool = False
    unseen: float = 0.0
    too_few: bool = False

    @property
    def value(self) -> float:
        """The figure of all items."""
        return float(self.of_sums(self.total)[0])

    @property
    def total(self) -> Floats:
        """What all items add [1, k]."""
        return self.sums(np.zeros(self.n, np.int64), 1, slice(None))

    @property
    def reach(self) -> Reach:
        """What numbers it can be: an error rate may, by insertions, exceed that of all wrong."""
        ends = self.best is not None and self.worst is not None and self.best > self.worst
        return Reach(float(self.best or 0.0) if ends else math.inf, self.step)


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
    whole = totals(parts, of_sums, best=best, worst=worst)
    return replace(whole, step=scale / max(float(parts[:, 1].sum()), 1.0))


def totals(
    parts: npt.NDArray[Any],
    of_sums: Callable[[Floats], Floats],
    *,
    best: float | None = None,
    worst: float | None = None,
) -> Figure:
    """A figure of column sums, which one item of n moves by an n-th of its range.

    Args:
        parts: [n, k], what each item adds.
        of_sums: Sums [..., k] -> the figure [...].
        best, worst: See `Figure`.
    """

    def sums(codes: Codes, groups: int, rows: Codes | slice) -> Floats:
        columns = [np.bincount(codes, column, minlength=groups) for column in parts[rows].T]
        return np.stack(columns, axis=1).astype(np.float64)

    reach = 1.0 if best is None or worst is None else abs(best - worst)
    return Figure(len(parts), sums, of_sums, reach / max(len(parts), 1), best, worst)


def macro_f1(labels: Codes, found: Codes) -> Figure:
    """The mean over classes of F1 = 2 TP / (2 TP + FP + FN), in percent.

    Of the classes that occur among labels or answers. Without an interval where only one does, or
    one of them has fewer than two items: of 77 classes and 50 items it would hold the truth in 73 %
    of draws.

    Args:
        labels: int64 [n], the classes.
        found: int64 [n], the answers.
    """
    _, both = np.unique(np.concatenate([labels, found]), return_inverse=True)
    classes = int(both.max(initial=0)) + 1
    of, answer = both[: len(labels)], both[len(labels) :]
    right = of == answer

    def sums(codes: Codes, groups: int, rows: Codes | slice) -> Floats:
        size, at = groups * classes, codes * classes
        hits = np.bincount((at + of[rows])[right[rows]], minlength=size)
        given = np.bincount(at + of[rows], minlength=size)
        told = np.bincount(at + answer[rows], minlength=size)
        parts = (hits.reshape(groups, classes), (given + told).reshape(groups, classes))
        return np.concatenate(parts, axis=1).astype(np.float64)

    def of_sums(sums: Floats) -> Floats:
        hits, occurs = sums[..., :classes], sums[..., classes:]
        f1 = 2 * hits / np.where(occurs == 0, 1.0, occurs)
        mean: Floats = 100 * f1.sum(-1) / np.maximum((occurs > 0).sum(-1), 1)
        return mean

    step = 100.0 / max(len(labels), 1)
    whole = Figure(len(labels), sums, of_sums, step, 100.0, 0.0)
    hits, occurs = whole.total[0, :classes], whole.total[0, classes:]
    # A further item of one class that is taken for another lowers F1 of both.
    falls = np.sort(2 * hits / np.maximum(occurs * (occurs + 1), 1))[-2:]
    unseen = 100.0 * float(falls.sum()) / max(int((occurs > 0).sum()), 1)
    too_few = classes < 2 or int(np.bincount(of, minlength=classes).min()) < FEWEST_OF_A_CLASS
    return replace(whole, unseen=unseen, too_few=too_few)


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
        sums = figure.sums(codes, num_groups, slice(None))
        low, high = _share_bounds(sums, figure.n, grouped=shown)
        return Bounds(low, high, figure.n, item, "Clopper-Pearson", shown)
    if num_groups < 2 or figure.too_few:
        return Bounds(None, None, figure.n, item, "jackknife", shown)
    low, high = _jackknife(figure, codes, num_groups)
    return Bounds(low, high, figure.n, item, "jackknife", shown)


def clopper_pearson(right: float, n: float) -> tuple[float, float]:
    """The exact 95 % interval of a share, 0 to 1, by the beta distribution's quantiles.

    Args:
        right: How many are; of what items in groups are worth it is no whole number.
        n: Of how many, above 0.
    """
    low = 0.0 if right <= 0 else float(betaincinv(right, n - right + 1, ALPHA / 2))
    high = 1.0 if right >= n else float(betaincinv(right + 1, n - right, 1 - ALPHA / 2))
    return low, high


def over_seeds(values: Sequence[float], bounds: Sequence[Bounds], reach: Reach) -> Bounds:
    """The interval of a mean over seeds, measured on the same items.

    That of the items and Student's over seeds, as limits of a sum (Zou and Donner 2008); none where
    the items have none, as what other items would give is not known the better for more seeds.

    Args:
        values: A figure each [seeds].
        bounds: Its interval over the items each [seeds].
        reach: What numbers it can be: equal results hide what lies within a step
            (`tilth.statistics.paired.standard_error`).
    """
    mean = math.fsum(values) / len(values)
    ends = [(b.low, b.high) for b in bounds if b.low is not None and b.high is not None]
    if len(ends) < len(bounds):
        return replace(bounds[0], low=None, high=None, method="items and seeds")
    low, high = np.mean(ends, axis=0)
    half = _t_half(values, reach.step)
    away = math.hypot(mean - low, half), math.hypot(high - mean, half)
    return _clipped(mean, away, bounds[0], reach.most, "items and seeds")


def over_folds(values: Sequence[float], bounds: Sequence[Bounds], reach: Reach) -> Bounds:
    """The interval of a mean over folds, each tested on items of its own: Student's over folds.

    Where folds agree by chance, not narrower than their items' own intervals allow.

    Args:
        values: A figure each [folds].
        bounds: Its interval over the fold's items each [folds].
        reach: What numbers it can be.
    """
    mean, half = math.fsum(values) / len(values), _t_half(values, reach.step)
    pairs = list(zip(values, bounds, strict=True))
    below = math.hypot(*(v - b.low for v, b in pairs if b.low is not None)) / len(pairs)
    above = math.hypot(*(b.high - v for v, b in pairs if b.high is not None)) / len(pairs)
    total = replace(bounds[0], n=sum(b.n for b in bounds), groups=len(bounds))
    away = max(below, half), max(above, half)
    return _clipped(mean, away, total, reach.most, "Student-t over folds")


def _clipped(
    mean: float,
    away: tuple[float, float],
    of: Bounds,
    most: float,
    method: Literal["Student-t over folds", "items and seeds"],
) -> Bounds:
    """No figure is below 0."""
    low, high = max(mean - away[0], min(mean, 0.0)), min(mean + away[1], max(mean, most))
    return replace(of, low=float(low), high=float(high), method=method)


def _t_half(values: Sequence[float], step: float) -> float:
    """Half of Student's 95 % interval of a mean."""
    n = len(values)
    error = math.sqrt((float(np.var(values, ddof=1)) + step**2 / 6) / n)
    return float(stdtrit(n - 1, 1 - ALPHA / 2)) * error


def _share_bounds(sums: Floats, n: int, *, grouped: int | None) -> tuple[float, float]:
    """The exact interval in percent, by as many items as groups of them are worth.

    For groups n is p (1 - p) / the variance between them, less as that variance is known from few
    groups (Korn and Graubard 1998, "Confidence intervals for proportions with small expected number
    of positive counts estimated from survey data"), with two further groups as in `_squares`.
    Without these it covers 88 % of 20 groups of 20 items that are much alike; without the degrees
    of freedom 73 to 90 % of 2, and 85 to 93 % of 3.
    """
    right, worth = float(sums[:, 0].sum()), float(n)
    p = right / n
    if grouped is not None and grouped > 1:
        away = sums[:, 0] - p * sums[:, 1]
        spread = _squares(away, 1.0) / n**2
        known = float(stdtrit(n - 1, 1 - ALPHA / 2) / stdtrit(grouped - 1, 1 - ALPHA / 2)) ** 2
        worth = float(grouped) if p in (0, 1) else min(n, known * p * (1 - p) / spread)
    low, high = (100 * end for end in clopper_pearson(p * worth, worth))
    if grouped is not None:
        # Of an estimated number of items an end so near to nothing or all is no finer than that,
        # and would be printed with as many digits as tell it apart.
        low, high = low if low > _NEAR else 0.0, high if high < 100 - _NEAR else 100.0
    return low, high


def _jackknife(figure: Figure, codes: Codes, groups: int) -> tuple[float, float]:
    """The interval of a figure by what it is without each group.

    An error or a loss has no upper end, and is skewed that way: its upper end is read off its
    logarithm, as that of a rate.
    """
    total = figure.total
    value = float(figure.of_sums(total)[0])
    without = np.concatenate(
        [figure.of_sums(total - part) for part in _in_slices(figure, codes, groups)]
    )
    away = (groups - 1) * (without.mean() - without)
    unit = groups * max(figure.step, figure.unseen)
    error = math.sqrt(_squares(away, unit)) / groups
    half = float(stdtrit(groups - 1, 1 - ALPHA / 2)) * error
    if figure.best is not None and figure.best > 0:
        least = min(value, figure.worst or 0.0)
        return max(value - half, least), min(value + half, max(value, figure.best))
    above = half if value <= 0 else max(half, value * math.expm1(min(half / value, _MOST_LOGS)))
    return max(value - half, min(value, 0.0)), value + above


def _squares(away: Floats, unit: float) -> float:
    """The sum of squares of what groups are away from their mean, as of a sample, with two more.

    Two as far off as the farthest, and one unit at least (after Agresti and Min 2005): where one
    item in fifty is wrong, ten items often show none, and would promise that there are none.
    """
    seen = len(away) / (len(away) - 1) * float((away**2).sum())
    return seen + 2 * max(float(np.abs(away).max()), unit) ** 2


def _in_slices(figure: Figure, codes: Codes, groups: int) -> Iterator[Floats]:
    """What each group adds [groups of a slice, k], few enough groups at once for any memory."""
    step = max(1, _SLICE // figure.total.shape[1])
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(0, groups + step, step))
    for number, (start, stop) in enumerate(itertools.pairwise(starts)):
        rows, first = order[start:stop], number * step
        yield figure.sums(codes[rows] - first, min(step, groups - first), rows)
