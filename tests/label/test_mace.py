"""The label model of spammers: planted people, a plain twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import digamma

from tests.label.crowd import load
from tilth.label import mace


def spam_world(seed: int, num: int = 400) -> tuple[np.ndarray, ...]:
    """Items of four classes, six people; the last three answer by habit most of the time."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, num)
    knows = np.array([0.9, 0.7, 0.8, 0.1, 0.0, 0.05])
    habit = np.array([0.7, 0.1, 0.1, 0.1])
    items, who = np.repeat(np.arange(num), 6), np.tile(np.arange(6), num)
    labels = np.where(
        rng.random(6 * num) < knows[who], truth[items], rng.choice(4, 6 * num, p=habit)
    )
    return items, who, labels, truth, knows


def test_who_knows_and_who_has_a_habit_is_found() -> None:
    items, who, labels, truth, knows = spam_world(0)
    found = mace.fit(items, who, labels, num_items=400, num_annotators=6, num_classes=4)
    assert found.converged
    assert found.competence == pytest.approx(knows, abs=0.1)
    right = (found.beliefs.likeliest(400)[0] == truth).mean()
    votes = np.zeros((400, 4))
    np.add.at(votes, (items, labels), 1)
    assert right > (votes.argmax(1) == truth).mean() + 0.05
    known = np.where(np.arange(400) < 30, (truth + 1) % 4, -1)
    again = mace.fit(
        items, who, labels, num_items=400, num_annotators=6, num_classes=4, known=known
    )
    assert (again.competence < found.competence + 1e-9)[:3].all()


def plain(items: np.ndarray, who: np.ndarray, labels: np.ndarray, n: int, m: int, k: int,
          rounds: int) -> np.ndarray:  # fmt: skip
    """The equations in loops; [items, classes]."""
    belief = np.zeros((n, k))
    for i, label in zip(items, labels, strict=True):
        belief[i, label] += 1
    belief /= belief.sum(1, keepdims=True)
    knows, does = np.full(m, 0.5), np.full((m, k), 1 / k)
    for _ in range(rounds):
        known, other = np.zeros(m), np.zeros((m, k))
        for i, j, y in zip(items, who, labels, strict=True):
            share = knows[j] / (knows[j] + (1 - knows[j]) * does[j, y])
            known[j] += belief[i, y] * share
            other[j, y] += 1 - belief[i, y] * share
        given = np.bincount(who, minlength=m)
        log_knows = digamma(known + 0.5) - digamma(given + 1)
        log_else = digamma(other.sum(1) + 0.5) - digamma(given + 1)
        log_does = digamma(other + 10 / k) - digamma(other.sum(1, keepdims=True) + 10)
        logs = np.zeros((n, k))
        for i, j, y in zip(items, who, labels, strict=True):
            by_habit = log_else[j] + log_does[j, y]
            logs[i] += by_habit
            logs[i, y] += np.logaddexp(log_knows[j], by_habit) - by_habit
        belief = np.exp(logs - logs.max(1, keepdims=True))
        belief /= belief.sum(1, keepdims=True)
        knows = np.exp(log_knows) / (np.exp(log_knows) + np.exp(log_else))
        does = np.exp(log_does)
    return belief


@pytest.mark.parametrize("rounds", [1, 3])
def test_it_equals_its_plain_twin(rounds: int) -> None:
    items, who, labels, _, _ = spam_world(1, 20)
    expected = plain(items, who, labels, 20, 6, 4, rounds)
    found = mace.fit(
        items, who, labels, num_items=20, num_annotators=6, num_classes=4, max_iterations=rounds
    )
    pairs = found.beliefs.items, found.beliefs.classes
    assert found.beliefs.probability == pytest.approx(expected[pairs], abs=1e-9)


def test_real_people(shared_data: Path) -> None:
    crowd = load(shared_data / "crowd-rte")
    found = mace.fit(
        crowd.items,
        crowd.workers,
        crowd.labels,
        num_items=crowd.num_items,
        num_annotators=int(crowd.workers.max()) + 1,
        num_classes=2,
    )
    assert (found.beliefs.likeliest(crowd.num_items)[0] == crowd.gold).mean() >= 0.925
