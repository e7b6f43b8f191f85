"""A label model for voters that may abstain: one accuracy each, found by EM.

The one-coin form of Dawid and Skene (1979), as used for labelling functions by Ratner et al., "Data
programming" (2016). A function that only ever votes for one class has no confusion matrix to learn,
so each has a single number: how often its vote is right. Abstaining says nothing. The combination
is then a vote weighted by log(a (K - 1) / (1 - a)).

A function's vote that stands alone says nothing of how often the function is right, and takes no
part in the estimate: it is as right as the function is taken to be, so that it moves nothing, and
among a million of them EM would not get away from where it starts.

The classes are taken to be equally likely beforehand. Estimating their shares too lets the largest
class win nearly every document (measured on 1,494 pages of documentation: 95 % for one of four
classes, with every function of the others driven to chance). Functions are taken to err
independently; they do not, so a posterior ranks documents better than it states a probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# What a function is taken to be before the data speak: right seven times in ten, with the weight
# of this many votes. Without it, EM may turn a rarely used function into an oracle or a liar.
_PRIOR_ACCURACY = 0.7
_PRIOR_VOTES = 10.0

# Of fewer compared votes or answers one is over a tenth of what an accuracy, or a row of a
# confusion matrix, would say: none is told.
LEAST_COMPARED = 10

# The user wrote a rule to vote for its class, so it is never believed the other way round, and a
# lone vote still decides: at least this part of the way from chance to certainty (an accuracy of
# 0.5 with four classes). Nor is any rule believed without limit.
_MIN_SKILL = 1 / 3
_MAX_ACCURACY = 0.95

# Nearer than this, two classes are equally likely: the last bits of sums decide nothing.
_TIE = 1e-9


@dataclass(frozen=True)
class Fit:
    """What EM found.

    Attributes:
        posterior: float64 [patterns, classes]; uniform where nobody votes.
        accuracy: float64 [voters], how often a vote is taken to be right: within bounds, and drawn
            to what was thought beforehand.
        compared: float64 [voters], votes beside another voter's: what is known of it rests on them.
        right: float64 [voters], how many of these are expected to be right.
        in_touch: int64 [voters], how many voters vote beside each other, directly or by way of
            others, the voter counted in.
        iterations: Rounds of EM.
        converged: Whether no posterior changed any more.
    """

    posterior: Floats
    accuracy: Floats
    compared: Floats
    right: Floats
    in_touch: Integers
    iterations: int
    converged: bool

    def best(self) -> Integers:
        """The likeliest class of each pattern, int64 [patterns]; of several the first."""
        chosen: Integers = self._is_best().argmax(1)
        return chosen

    def is_tied(self) -> npt.NDArray[np.bool_]:
        """Whether several classes are equally likely, bool [patterns]."""
        tied: npt.NDArray[np.bool_] = self._is_best().sum(1) > 1
        return tied

    def _is_best(self) -> npt.NDArray[np.bool_]:
        best: npt.NDArray[np.bool_] = self.posterior > self.posterior.max(1, keepdims=True) - _TIE
        return best


def fit(
    votes: Integers,
    counts: Floats,
    num_classes: int,
    *,
    max_iterations: int = 1000,
    tolerance: float = 1e-9,
) -> Fit:
    """Estimate the class of each vote pattern and the accuracy of each voter.

    Args:
        votes: int64 [patterns, voters], the class that each voter votes for; -1: abstains.
        counts: float64 [patterns], how many documents have the pattern.
        num_classes: Number of classes.
        max_iterations: Rounds of EM at most.
        tolerance: Stop when no posterior changes by more.
    """
    num_patterns, num_voters = votes.shape
    cast = votes >= 0
    # [patterns, voters, classes]: whether the voter votes for the class.
    is_for = votes[:, :, None] == np.arange(num_classes)
    tally = is_for.sum(1).astype(np.float64)
    total = tally.sum(1, keepdims=True)
    uniform = np.full((num_patterns, num_classes), 1 / num_classes)
    posterior = np.divide(tally, total, out=uniform, where=total > 0)
    weights = counts * (cast.sum(1) > 1)
    num_cast = (weights[:, None] * cast).sum(0)
    accuracy = np.full(num_voters, _PRIOR_ACCURACY)
    least = min(1 / num_classes + (1 - 1 / num_classes) * _MIN_SKILL, _MAX_ACCURACY)
    right = _expected_right(is_for, posterior, weights)
    iterations, converged = 0, False
    while iterations < max_iterations and not converged:
        iterations += 1
        accuracy = (right + _PRIOR_ACCURACY * _PRIOR_VOTES) / (num_cast + _PRIOR_VOTES)
        accuracy = np.clip(accuracy, least, _MAX_ACCURACY)
        log_right = np.log(accuracy)
        log_wrong = np.log((1 - accuracy) / max(num_classes - 1, 1))
        score = np.where(is_for, log_right[:, None], log_wrong[:, None]) * cast[:, :, None]
        log_joint = score.sum(1)
        after = np.exp(log_joint - log_joint.max(1, keepdims=True))
        after /= after.sum(1, keepdims=True)
        change = float(np.abs(after - posterior).max(initial=0.0))
        posterior = after
        right = _expected_right(is_for, posterior, weights)
        converged = change < tolerance
    in_touch = _num_in_touch(cast[weights > 0])
    return Fit(posterior, accuracy, num_cast, right, in_touch, iterations, converged)


def _expected_right(is_for: npt.NDArray[np.bool_], posterior: Floats, weights: Floats) -> Floats:
    """How many votes of each voter are right by the posterior, float64 [voters]."""
    expected: Floats = (weights[:, None] * (is_for * posterior[:, None, :]).sum(2)).sum(0)
    return expected


def _num_in_touch(cast: npt.NDArray[np.bool_]) -> Integers:
    """By which voters vote on a pattern, bool [patterns, voters]."""
    reached = cast.T @ cast | np.eye(cast.shape[1], dtype=bool)
    for _ in range(cast.shape[1].bit_length()):
        reached = reached @ reached
    counts: Integers = reached.sum(1)
    return counts
