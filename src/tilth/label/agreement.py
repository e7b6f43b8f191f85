"""How far annotators agree beyond chance, for nominal classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


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


def krippendorff_alpha(counts: Counts) -> float | None:
    """Krippendorff's alpha for nominal data, with any number of answers an item.

    1 is perfect agreement, 0 is agreement by chance. Items with fewer than two answers say nothing
    about agreement and are left out.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.

    Args:
        counts: How often each item was given each class.

    Returns:
        Alpha; None where it is not defined (no item with two answers, or one class in all).
    """
    per_item = counts.per_item()
    is_paired = per_item[counts.items] >= 2
    times = counts.times[is_paired].astype(np.float64)
    if not len(times):
        return None
    total = times.sum()
    # The diagonal of the coincidence matrix: pairs of equal answers within an item.
    others = per_item[counts.items[is_paired]] - 1
    observed = (times * (times - 1) / others).sum()
    per_class = np.bincount(counts.labels[is_paired], times)
    expected = (per_class * (per_class - 1)).sum() / (total - 1)
    if expected == total:
        return None
    return float(1 - (total - observed) / (total - expected))


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
