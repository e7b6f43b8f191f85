"""The label model of functions that abstain."""

from __future__ import annotations

import numpy as np
import pytest

from tilth.label import one_coin


def test_planted_accuracies_are_found() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 4000)
    accuracies = np.array([0.9, 0.75, 0.6, 0.85])
    right = rng.random((4000, 4)) < accuracies
    wrong = (truth[:, None] + rng.integers(1, 3, (4000, 4))) % 3
    votes = np.where(right, truth[:, None], wrong)
    votes[rng.random((4000, 4)) < 0.3] = -1
    patterns, which, counts = np.unique(votes, axis=0, return_inverse=True, return_counts=True)
    found = one_coin.fit(patterns, counts.astype(float), 3)
    assert np.abs(found.accuracy - accuracies).max() < 0.05
    chosen = found.posterior.argmax(1)[which.ravel()]
    voted = (votes >= 0).any(1)
    tally = (votes[:, :, None] == np.arange(3)).sum(1)
    assert (chosen == truth)[voted].mean() > (tally.argmax(1) == truth)[voted].mean() + 0.02


def test_nobody_votes_and_one_votes() -> None:
    found = one_coin.fit(np.array([[-1, -1], [-1, 1], [0, -1]]), np.array([5.0, 1.0, 9.0]), 2)
    assert found.posterior[0] == pytest.approx(0.5)
    assert found.posterior[1, 1] > 0.5
    assert found.posterior[2, 0] > 0.5


def test_a_large_class_does_not_swallow_a_small_one() -> None:
    votes = np.array([[0, 0, -1], [-1, -1, 1], [0, 0, 1]])
    found = one_coin.fit(votes, np.array([950.0, 20.0, 30.0]), 2)
    assert found.posterior.argmax(1).tolist() == [0, 1, 0]
    assert 0.66 < found.accuracy.min() <= found.accuracy.max() <= 0.95
