"""The label model of functions that abstain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def plain(
    votes: list[list[int]], counts: list[int], num_classes: int, rounds: int
) -> tuple[list[list[float]], list[float]]:
    """EM in loops: a vote is right with its voter's accuracy, else any other class alike.

    Posterior of each pattern, accuracy of each voter; the classes equally likely beforehand.
    """
    posterior = []
    for row in votes:
        cast = [vote for vote in row if vote >= 0]
        posterior.append(
            [cast.count(k) / len(cast) if cast else 1 / num_classes for k in range(num_classes)]
        )
    accuracy = [0.7] * len(votes[0])
    chance = 1 / num_classes
    for _ in range(rounds):
        for j in range(len(accuracy)):
            right, num = 7.0, 10.0
            for row, count, sure in zip(votes, counts, posterior, strict=True):
                if row[j] >= 0 and sum(vote >= 0 for vote in row) > 1:
                    right += count * sure[row[j]]
                    num += count
            accuracy[j] = min(max(right / num, chance + (1 - chance) / 3), 0.95)
        for i, row in enumerate(votes):
            joint = [
                math.prod(
                    accuracy[j] if vote == k else (1 - accuracy[j]) / max(num_classes - 1, 1)
                    for j, vote in enumerate(row)
                    if vote >= 0
                )
                for k in range(num_classes)
            ]
            posterior[i] = [one / sum(joint) for one in joint]
    return posterior, accuracy


VOTES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        st.lists(
            st.lists(st.integers(-1, shape[1] - 1), min_size=shape[0], max_size=shape[0]),
            min_size=1,
            max_size=6,
        ),
        st.just(shape[1]),
        st.lists(st.integers(1, 1000), min_size=6, max_size=6),
    )
)


@settings(max_examples=200, deadline=None)
@given(VOTES, st.integers(1, 20))
def test_it_equals_its_plain_twin(
    given: tuple[list[list[int]], int, list[int]], rounds: int
) -> None:
    votes, num_classes, counts = given[0], given[1], given[2][: len(given[0])]
    found = one_coin.fit(
        np.array(votes), np.array(counts, float), num_classes, max_iterations=rounds, tolerance=0
    )
    posterior, accuracy = plain(votes, counts, num_classes, rounds)
    assert found.accuracy == pytest.approx(accuracy, abs=1e-9)
    assert found.posterior == pytest.approx(np.array(posterior), abs=1e-9)
    beside = [sum(vote >= 0 for vote in row) > 1 for row in votes]
    assert found.compared.tolist() == [
        sum(c for row, c, b in zip(votes, counts, beside, strict=True) if b and row[j] >= 0)
        for j in range(len(votes[0]))
    ]
    right = [
        sum(
            c * sure[row[j]]
            for row, c, sure, b in zip(votes, counts, posterior, beside, strict=True)
            if b and row[j] >= 0
        )
        for j in range(len(votes[0]))
    ]
    assert found.right == pytest.approx(right, abs=1e-6)
    for row, best, tied in zip(posterior, found.best(), found.is_tied(), strict=True):
        top = [k for k, one in enumerate(row) if one > max(row) - 1e-9]
        assert best == top[0]
        assert tied == (len(top) > 1)


@given(VOTES)
def test_who_is_in_touch_with_whom(given: tuple[list[list[int]], int, list[int]]) -> None:
    votes = given[0]
    groups = [{j} for j in range(len(votes[0]))]
    for row in votes * len(votes):
        cast = [j for j, vote in enumerate(row) if vote >= 0]
        joined = set[int]().union(*(groups[j] for j in cast))
        for j in joined:
            groups[j] = joined
    found = one_coin.fit(np.array(votes), np.ones(len(votes)), given[1])
    assert found.in_touch.tolist() == [len(group) for group in groups]


def test_what_a_function_is_expected_to_have_right_knows_no_bound() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 4000)
    accuracies = np.array([0.99, 0.95, 0.9, 0.2])
    right = rng.random((4000, 4)) < accuracies
    wrong = (truth[:, None] + rng.integers(1, 3, (4000, 4))) % 3
    votes = np.where(right, truth[:, None], wrong)
    votes[rng.random((4000, 4)) < 0.2] = -1
    patterns, counts = np.unique(votes, axis=0, return_counts=True)
    found = one_coin.fit(patterns, counts.astype(float), 3)
    assert found.accuracy.min() > 0.5
    assert found.accuracy.max() <= 0.95
    assert np.abs(found.right / found.compared - accuracies).max() < 0.03


@pytest.mark.parametrize("lone", [0, 10, 1000, 1_000_000])
def test_votes_that_stand_alone_say_nothing_of_their_function(lone: int) -> None:
    """However many there are: the other functions' would else be outvoted by them."""
    votes = np.array([[0, -1, -1], [-1, 0, -1], [0, 0, -1], [0, 1, -1], [-1, -1, 1]])
    found = one_coin.fit(votes, np.array([lone, 5, 6, 4, lone], float), 2)
    none = one_coin.fit(votes, np.array([0, 0, 6, 4, 0], float), 2)
    assert found.converged
    assert found.accuracy.tolist() == none.accuracy.tolist()
    assert found.compared.tolist() == [10, 10, 0]
    assert found.posterior[3].tolist() == pytest.approx([0.5, 0.5])
