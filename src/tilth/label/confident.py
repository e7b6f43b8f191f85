"""Confident learning: which labels are wrong, of predictions by models that did not see them.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70, 2021; eqs. 1 to 4 (thresholds, counts, calibration) and the pruning by noise rate of
section 3.2. A sample is counted as of a true class where its probability is not below the mean that
samples with this label have. Of each pair of classes so many labels are taken to be wrong as the
counts, calibrated to the labels that there are, say; those with the largest margins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Probabilities that differ by less are equal: sums of a softmax are exact to about this.
_EQUAL = 1e-6


@dataclass(frozen=True)
class Found:
    """What the predictions say of the labels.

    Attributes:
        thresholds: float64 [classes], from which probability on a sample is surely of a class; inf
            of a class that no label names.
        joint: int64 [classes, classes], how many samples with the first label are of the second
            class; rows add up to the labels that there are.
        is_error: bool [n], whose label is taken to be wrong.
        likeliest: int64 [n], the likeliest class of each.
        quality: float64 [n], from 0 (surely wrong) to 1: half of 1 plus the probability of the
            label less that of the likeliest other class.
    """

    thresholds: Floats
    joint: Integers
    is_error: npt.NDArray[np.bool_]
    likeliest: Integers
    quality: Floats


def find_errors(labels: Integers, probabilities: Floats) -> Found:
    """Find labels that are likely to be wrong.

    Args:
        labels: int64 [n], the given classes.
        probabilities: float64 [n, classes], of each class by a model that was not trained on the
            sample; rows add up to 1.

    Raises:
        ValueError: Fewer than two classes, or a label that is none.
    """
    num, num_classes = probabilities.shape
    if num_classes < 2:
        raise ValueError("labels of one class cannot be wrong")
    if len(labels) != num or (num and not 0 <= labels.min() <= labels.max() < num_classes):
        raise ValueError("there is a label without a column of probabilities")
    rows = np.arange(num)
    given = probabilities[rows, labels]
    counts = np.bincount(labels, minlength=num_classes)
    sums = np.bincount(labels, given, num_classes)
    thresholds = np.divide(sums, counts, out=np.full(num_classes, np.inf), where=counts > 0)

    is_confident = probabilities >= thresholds - _EQUAL
    # Of several classes the likeliest; of none, nothing is counted.
    masked = np.where(is_confident, probabilities, -1.0)
    true = masked.argmax(1)
    is_counted = is_confident.any(1)
    cells = labels[is_counted] * num_classes + true[is_counted]
    joint = np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    joint = _calibrated(joint, counts)

    others = probabilities.copy()
    others[rows, labels] = -np.inf
    quality = (given - others.max(1) + 1) / 2
    # A label that is as likely as any other is not called wrong, whatever the counts say.
    nudged = probabilities.copy()
    nudged[rows, labels] += _EQUAL
    is_likeliest = nudged.argmax(1) == labels
    is_error = _pruned(labels, probabilities, joint) & ~is_likeliest
    return Found(thresholds, joint, is_error, probabilities.argmax(1), quality)


def _calibrated(joint: Integers, counts: Integers) -> Integers:
    """The counts with rows that add up to the labels (eq. 3), whole numbers."""
    joint = joint.copy()
    # Each class has a sample that is rightly labelled, or its row would have no sum.
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
    exact = joint / joint.sum(1, keepdims=True) * counts[:, None]
    return _rounded(exact, counts)


def _rounded(exact: Floats, totals: Integers) -> Integers:
    """Whole numbers that add up to the totals of the rows, by largest remainders."""
    whole = np.floor(exact + 1e-9)
    rest = exact - whole
    for row, total in enumerate(totals.tolist()):
        lacking = int(total - whole[row].sum())
        order = np.argsort(-rest[row], kind="stable")[: max(lacking, 0)]
        whole[row, order] += 1
    return whole.astype(np.int64)


def _pruned(labels: Integers, probabilities: Floats, joint: Integers) -> npt.NDArray[np.bool_]:
    """Of each label and true class so many samples as the joint says, by largest margins."""
    is_error = np.zeros(len(labels), bool)
    for label in range(len(joint)):
        own = np.flatnonzero(labels == label)
        # One sample of each class stays: a class without a rightly labelled one is no class.
        if len(own) < 2:
            continue
        for true, wanted in enumerate(joint[label].tolist()):
            if true != label and wanted:
                margins = probabilities[own, true] - probabilities[own, label]
                order = np.argsort(-margins, kind="stable")[:wanted]
                is_error[own[order]] = True
        if is_error[own].all():
            is_error[own[probabilities[own, label].argmax()]] = False
    return is_error
