"""The label model MACE: an annotator either knows the true class, or answers by habit.

Source: Hovy, Berg-Kirkpatrick, Vaswani and Hovy, "Learning whom to trust with MACE", NAACL 2013;
found by variational Bayes with their priors, from one start, the majority vote, in the place of
many at random. An annotator has one number, how often the class is known, and a habit, which
classes are answered otherwise: two numbers more than answers of few items allow would be asked of a
confusion matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tilth.label.agreement import count_answers
from tilth.label.beliefs import Beliefs

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# The paper's priors: of knowing a Beta, of the habit a Dirichlet.
_KNOWS = 0.5
_HABIT = 10.0


@dataclass(frozen=True)
class Fit:
    """What was found.

    Attributes:
        beliefs: How likely classes are that an item was given; what is left is of the others.
        competence: float64 [annotators], how often the class is known.
        iterations: Rounds.
        converged: Whether no probability changed any more.
    """

    beliefs: Beliefs
    competence: Floats
    iterations: int
    converged: bool


def fit(
    items: Integers,
    annotators: Integers,
    labels: Integers,
    *,
    num_items: int,
    num_annotators: int,
    num_classes: int,
    known: Integers | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
) -> Fit:
    """Estimate the true classes, and how often each annotator knows them.

    Args:
        items: int64 [a], the item of each answer, 0 .. num_items - 1.
        annotators: int64 [a], who gave it, 0 .. num_annotators - 1.
        labels: int64 [a], its class, 0 .. num_classes - 1.
        num_items: Number of items.
        num_annotators: Number of annotators.
        num_classes: Number of classes.
        known: int64 [num_items], the true class where it is known, else -1; None: of no item.
        max_iterations: Rounds at most.
        tolerance: Stop when no probability changes by more.
    """
    votes = count_answers(items, labels, num_items, num_classes)
    pairs = votes.items * num_classes + votes.labels
    pair = np.searchsorted(pairs, items * num_classes + labels)
    true = np.full(num_items, -1) if known is None else known
    is_known = true[votes.items] >= 0
    is_true = (true[votes.items] == votes.labels).astype(np.float64)
    habits, habit = np.unique(annotators * num_classes + labels, return_inverse=True)
    whose = habits // num_classes
    others = (num_classes - np.bincount(votes.items, minlength=num_items)).astype(np.float64)

    belief = np.where(is_known, is_true, votes.times / votes.per_item()[votes.items])
    knows: Floats = np.full(num_annotators, 0.5)
    does: Floats = np.full(len(habits), 1 / num_classes)
    num_given = np.bincount(annotators, minlength=num_annotators).astype(np.float64)
    iterations, converged = 0, False
    while iterations < max_iterations and not converged:
        iterations += 1
        by_habit = (1 - knows[annotators]) * does[habit]
        knew = belief[pair] * knows[annotators] / (knows[annotators] + by_habit)
        known_times = _sum(annotators, knew, num_annotators)
        else_times = _sum(habit, 1 - knew, len(habits))
        else_all = num_given - known_times
        whole = _digamma(num_given + 2 * _KNOWS)
        log_knows = _digamma(known_times + _KNOWS) - whole
        log_else = _digamma(else_all + _KNOWS) - whole
        log_does = _digamma(else_times + _HABIT / num_classes) - _digamma(else_all + _HABIT)[whose]
        gain = np.logaddexp(0.0, log_knows[annotators] - log_else[annotators] - log_does[habit])
        knows = 1 / (1 + np.exp(log_else - log_knows))
        does = np.exp(log_does)
        after = _shares(_sum(pair, gain, len(pairs)), votes.items, others)
        after = np.where(is_known, is_true, after)
        converged = bool(np.abs(after - belief).max(initial=0.0) < tolerance)
        belief = after
    beliefs = Beliefs(votes.items, votes.labels, belief, num_classes)
    return Fit(beliefs, knows, iterations, converged)


def _sum(places: Integers, values: Floats, num: int) -> Floats:
    return np.bincount(places, values, num).astype(np.float64, copy=False)


def _shares(gain: Floats, items: Integers, others: Floats) -> Floats:
    """Of each item's classes the probability, with those that nobody gave, float64 [pairs]."""
    peak = np.zeros(len(others))
    np.maximum.at(peak, items, gain)
    weights = np.exp(gain - peak[items])
    total = np.bincount(items, weights, len(others)) + others * np.exp(-peak)
    shares: Floats = weights / total[items]
    return shares


def _digamma(x: Floats) -> Floats:
    """The logarithmic derivative of the gamma function above 0 (Abramowitz and Stegun 6.3.5 and
    6.3.18, to 1e-12), without scipy, which the base does not have."""
    steps = np.arange(10)
    below = (1 / (x[..., None] + steps)).sum(-1)
    y = x + len(steps)
    z = 1 / (y * y)
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    found: Floats = np.log(y) - 0.5 / y - series - below
    return found
