"""The label model of Dawid and Skene: each annotator has a confusion matrix, found by EM.

Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM
algorithm", Applied Statistics 28(1), 1979.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """What EM found.

    Attributes:
        posterior: float64 [items, classes], probability of each class.
        prior: float64 [classes], share of each class.
        confusion: float64 [annotators, classes, classes]: probability that the annotator answers
            the last axis where the middle axis is true.
        iterations: Rounds of EM.
        converged: Whether the log-likelihood had settled.
    """

    posterior: Floats
    prior: Floats
    confusion: Floats
    iterations: int
    converged: bool


def majority(items: Integers, labels: Integers, num_items: int, num_classes: int) -> Floats:
    """The share of an item's answers that each class has.

    Args:
        items: int64 [a], the item of each answer.
        labels: int64 [a], its class.
        num_items: Number of items.
        num_classes: Number of classes.

    Returns:
        float64 [num_items, num_classes]; uniform where an item has no answer.
    """
    flat = np.bincount(items * num_classes + labels, minlength=num_items * num_classes)
    counts: Floats = flat.reshape(num_items, num_classes).astype(np.float64)
    total = counts.sum(1, keepdims=True)
    shares: Floats = np.full(counts.shape, 1 / num_classes)
    np.divide(counts, total, out=shares, where=total > 0)
    return shares


def fit(
    items: Integers,
    annotators: Integers,
    labels: Integers,
    *,
    num_items: int,
    num_annotators: int,
    num_classes: int,
    smoothing: float = 0.01,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
) -> Fit:
    """Estimate the true classes and each annotator's confusion matrix.

    Starts from the majority vote. The result depends on the order of answers only through rounding.

    Args:
        items: int64 [a], the item of each answer, 0 .. num_items - 1.
        annotators: int64 [a], who gave it, 0 .. num_annotators - 1.
        labels: int64 [a], its class, 0 .. num_classes - 1.
        num_items: Number of items.
        num_annotators: Number of annotators.
        num_classes: Number of classes.
        smoothing: Added to every count of the confusion matrices, so that an annotator who was
            never seen to err is not taken to be infallible.
        max_iterations: Rounds of EM at most.
        tolerance: Stop when the log-likelihood an answer changes by less (nats).
    """
    posterior = majority(items, labels, num_items, num_classes)
    cells = annotators * num_classes + labels
    num_cells = num_annotators * num_classes
    # Sums run through bincount, one class at a time: in a fixed order, whatever the BLAS.
    classes = range(num_classes)
    before, iterations = -np.inf, 0
    converged = False
    prior = np.full(num_classes, 1 / num_classes)
    confusion: Floats = np.full((num_annotators, num_classes, num_classes), 1 / num_classes)
    for _ in range(max_iterations):
        iterations += 1
        prior = (posterior.sum(0) + smoothing) / (num_items + smoothing * num_classes)
        columns = [np.bincount(cells, posterior[items, k], num_cells) for k in classes]
        counts = np.stack(columns).reshape(num_classes, num_annotators, num_classes)
        smoothed = counts.transpose(1, 0, 2) + smoothing
        confusion = smoothed / smoothed.sum(2, keepdims=True)
        log_confusion = np.log(confusion)
        log_joint = np.log(prior) + np.stack(
            [np.bincount(items, log_confusion[annotators, k, labels], num_items) for k in classes],
            axis=1,
        )
        peak = log_joint.max(1, keepdims=True)
        weights = np.exp(log_joint - peak)
        total = weights.sum(1, keepdims=True)
        posterior = weights / total
        likelihood = float((peak + np.log(total)).sum()) / max(len(items), 1)
        if abs(likelihood - before) < tolerance:
            converged = True
            break
        before = likelihood
    return Fit(posterior, prior, confusion, iterations, converged)
