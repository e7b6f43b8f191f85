"""How far annotators agree beyond chance, for nominal classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def count_answers(
    items: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], num_items: int, num_classes: int
) -> Counts:
    """How often each item was given each class.

    Args:
        items: int64 [a], the item of each answer, 0 .. num_items - 1.
        labels: int64 [a], the class of each answer, 0 .. num_classes - 1.
        num_items: Number of items.
        num_classes: Number of classes.

    Returns:
        int64 [num_items, num_classes].
    """
    flat = np.bincount(items * num_classes + labels, minlength=num_items * num_classes)
    return flat.reshape(num_items, num_classes).astype(np.int64)


def krippendorff_alpha(counts: Counts) -> float | None:
    """Krippendorff's alpha for nominal data, with any number of answers an item.

    1 is perfect agreement, 0 is agreement by chance. Items with fewer than two answers say nothing
    about agreement and are left out.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.

    Args:
        counts: int [items, classes], how often each item was given each class.

    Returns:
        Alpha; None where it is not defined (no item with two answers, or one class in all).
    """
    paired = counts[counts.sum(1) >= 2].astype(np.float64)
    if not len(paired):
        return None
    per_item = paired.sum(1)
    total = per_item.sum()
    # The diagonal of the coincidence matrix: pairs of equal answers within an item.
    observed = ((paired * (paired - 1)).sum(1) / (per_item - 1)).sum()
    per_class = paired.sum(0)
    expected = (per_class * (per_class - 1)).sum() / (total - 1)
    if expected == total:
        return None
    return float(1 - (total - observed) / (total - expected))


def fleiss_kappa(counts: Counts) -> float | None:
    """Fleiss' kappa: agreement beyond chance where every item has the same number of answers.

    Source: Fleiss, "Measuring nominal scale agreement among many raters" (1971), eqs. 2 to 8.

    Args:
        counts: int [items, classes], how often each item was given each class.

    Returns:
        Kappa; None where it is not defined: no items, fewer than two answers an item, different
        numbers of answers, or one class in all.
    """
    per_item = counts.sum(1)
    if not len(counts) or per_item[0] < 2 or (per_item != per_item[0]).any():
        return None
    raters = float(per_item[0])
    wide = counts.astype(np.float64)
    observed = ((wide * wide).sum(1) - raters).sum() / (len(wide) * raters * (raters - 1))
    shares = wide.sum(0) / wide.sum()
    expected = float((shares * shares).sum())
    if expected == 1:
        return None
    return float((observed - expected) / (1 - expected))
