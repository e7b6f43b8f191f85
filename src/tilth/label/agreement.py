"""How far annotators agree beyond chance: of classes, of grades in an order, and of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# nominal: another class is another; ordinal: classes stand in an order; interval: they are numbers.
Scale = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Counts:
    """How often items were given classes, without the classes that an item was not given.

    Attributes:
        items: int64 [pairs], an item, ascending.
        labels: int64 [pairs], a class that it was given, ascending within the item.
        times: int64 [pairs], how often, 1 or more.
        num_items: Number of items.
        num_classes: Number of classes.
    """

    items: Integers
    labels: Integers
    times: Integers
    num_items: int
    num_classes: int

    def per_item(self) -> Integers:
        """Answers to each item, int64 [items]."""
        return np.bincount(self.items, self.times, self.num_items).astype(np.int64)


def count_answers(items: Integers, labels: Integers, num_items: int, num_classes: int) -> Counts:
    """How often each item was given each class.

    Args:
        items: int64 [a], the item of each answer, 0 .. num_items - 1.
        labels: int64 [a], the class of each answer, 0 .. num_classes - 1.
        num_items: Number of items.
        num_classes: Number of classes.
    """
    pairs, times = np.unique(items * num_classes + labels, return_counts=True)
    return Counts(pairs // num_classes, pairs % num_classes, times, num_items, num_classes)


def krippendorff_alpha(
    counts: Counts, scale: Scale = "nominal", values: Floats | None = None
) -> float | None:
    """Krippendorff's alpha, with any number of answers an item.

    1 is perfect agreement, 0 is agreement by chance. Items with fewer than two answers say nothing
    about agreement and are left out.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C for nominal
    data, section D for the differences of the other scales.

    Args:
        counts: How often each item was given each class.
        scale: How far two classes are apart: nominal 1; ordinal as many answers as lie between
            them, half of their own counted; interval the difference of their numbers. Squared.
        values: float64 [classes], a number each: of interval the class, of ordinal its place.

    Returns:
        Alpha; None where it is not defined (no item with two answers, or one class in all).
    """
    per_item = counts.per_item()
    is_paired = per_item[counts.items] >= 2
    times = counts.times[is_paired].astype(np.float64)
    if not len(times):
        return None
    total = times.sum()
    items, labels = counts.items[is_paired], counts.labels[is_paired]
    per_class = np.bincount(labels, times, counts.num_classes).astype(np.float64, copy=False)
    if scale != "nominal" and values is not None:
        if scale == "ordinal":
            values = _middles(per_class, values)
        return _by_distance(items, times, values[labels], per_item)
    # The diagonal of the coincidence matrix: pairs of equal answers within an item.
    others = per_item[items] - 1
    observed = (times * (times - 1) / others).sum()
    expected = (per_class * (per_class - 1)).sum() / (total - 1)
    if expected == total:
        return None
    return float(1 - (total - observed) / (total - expected))


def _middles(per_class: Floats, places: Floats) -> Floats:
    """The mean rank of each class's answers: two classes are as far apart as the paper's ordinal
    difference, the answers between them and half of either's own."""
    order = np.argsort(places, kind="stable")
    below = np.cumsum(per_class[order]) - per_class[order]
    middles = np.empty(len(places))
    middles[order] = below + per_class[order] / 2
    return middles


def _by_distance(
    items: Integers, times: Floats, values: Floats, per_item: Integers
) -> float | None:
    """Alpha of squared differences of numbers: within items, and of all answers."""
    # Sums of squares about the mean, which two numbers far from 0 would lose.
    values = values - values[0]
    values = values - np.average(values, weights=times)
    num_items = len(per_item)
    sums, squares = (np.bincount(items, times * values**power, num_items) for power in (1, 2))
    sizes = np.maximum(per_item, 2)
    within = 2 * (sizes * squares - sums**2) / (sizes - 1)
    total = times.sum()
    apart = 2 * total * (times * values**2).sum() / (total - 1)
    if apart <= 0:
        return None
    return float(1 - within.sum() / apart)


def values_of(names: Sequence[str], scale: Scale, order: Sequence[str]) -> Floats | None:
    """The number of each class: by the order that is given, else the number that it is.

    Args:
        names: Of the classes.
        scale: None of nominal.
        order: Of the classes, from the lowest on; empty: they are numbers.

    Raises:
        ValueError: Of the first name that has no number.
    """
    if scale == "nominal":
        return None
    if order and scale == "ordinal":
        places = {name: float(place) for place, name in enumerate(order)}
        stray = next((name for name in names if name not in places), None)
        if stray is not None:
            raise ValueError(stray)
        return np.array([places[name] for name in names])
    found = []
    for name in names:
        try:
            number = float(name)
        except ValueError:
            raise ValueError(name) from None
        if not np.isfinite(number):
            raise ValueError(name)
        found.append(number)
    return np.array(found)


def fleiss_kappa(counts: Counts) -> float | None:
    """Fleiss' kappa: agreement beyond chance where every item has the same number of answers.

    Source: Fleiss, "Measuring nominal scale agreement among many raters" (1971), eqs. 2 to 8.

    Args:
        counts: How often each item was given each class.

    Returns:
        Kappa; None where it is not defined: no items, fewer than two answers an item, different
        numbers of answers, or one class in all.
    """
    per_item = counts.per_item()
    if not len(per_item) or per_item[0] < 2 or (per_item != per_item[0]).any():
        return None
    raters = float(per_item[0])
    times = counts.times.astype(np.float64)
    observed = ((times * times).sum() - raters * len(per_item)) / (
        len(per_item) * raters * (raters - 1)
    )
    shares = np.bincount(counts.labels, times) / times.sum()
    expected = float((shares * shares).sum())
    if expected == 1:
        return None
    return float((observed - expected) / (1 - expected))
