"""The label model: real people, planted confusion, a plain twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.label.crowd import load
from tilth.label import dawid_skene


def fit(
    items: np.ndarray, who: np.ndarray, labels: np.ndarray, n: int, m: int, k: int, **given: float
) -> dawid_skene.Fit:
    return dawid_skene.fit(
        items,
        who,
        labels,
        num_items=n,
        num_annotators=m,
        num_classes=k,
        **given,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("name", "majority", "least"),
    [("crowd-rte", 0.8969, 0.925), ("crowd-bluebird", 0.7593, 0.888)],
)
def test_real_people(shared_data: Path, name: str, majority: float, least: float) -> None:
    crowd = load(shared_data / name)
    shares = dawid_skene.majority(crowd.items, crowd.labels, crowd.num_items, 2)
    right = np.where(shares[:, 0] == shares[:, 1], 0.5, shares.argmax(1) == crowd.gold)
    assert right.mean() == pytest.approx(majority, abs=0.0001)
    found = fit(
        crowd.items, crowd.workers, crowd.labels, crowd.num_items, int(crowd.workers.max()) + 1, 2
    )
    assert found.converged
    assert (found.posterior.argmax(1) == crowd.gold).mean() >= least


def simulate(seed: int) -> tuple[np.ndarray, ...]:
    """300 items of three classes; a good, a middling and an upside-down annotator."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, 300, p=[0.5, 0.3, 0.2])
    confusion = np.array(
        [
            np.full((3, 3), 0.05) + np.eye(3) * 0.85,
            np.full((3, 3), 0.15) + np.eye(3) * 0.55,
            np.roll(np.full((3, 3), 0.1) + np.eye(3) * 0.7, 1, axis=1),
            np.full((3, 3), 0.1) + np.eye(3) * 0.7,
            np.full((3, 3), 0.1) + np.eye(3) * 0.7,
        ]
    )
    items = np.repeat(np.arange(300), 5)
    who = np.tile(np.arange(5), 300)
    labels = np.array(
        [rng.choice(3, p=confusion[w, truth[i]]) for i, w in zip(items, who, strict=True)]
    )
    return items, who, labels, truth, confusion


def test_planted_confusion_is_found() -> None:
    items, who, labels, truth, confusion = simulate(0)
    found = fit(items, who, labels, 300, 5, 3)
    assert np.abs(found.confusion - confusion).max() < 0.12
    assert np.abs(found.prior - np.bincount(truth) / 300).max() < 0.03
    accuracy = (found.posterior.argmax(1) == truth).mean()
    most = dawid_skene.majority(items, labels, 300, 3).argmax(1)
    assert accuracy > (most == truth).mean() + 0.02
    assert found.confusion.sum(2) == pytest.approx(1)
    assert found.posterior.sum(1) == pytest.approx(1)


def plain(
    items: np.ndarray, who: np.ndarray, labels: np.ndarray, n: int, m: int, k: int, rounds: int
) -> np.ndarray:
    """Equations 2.3 to 2.5 of Dawid and Skene, in loops."""
    posterior = np.zeros((n, k))
    for i, c in zip(items, labels, strict=True):
        posterior[i, c] += 1
    posterior /= posterior.sum(1, keepdims=True)
    for _ in range(rounds):
        prior = (posterior.sum(0) + 0.01) / (n + 0.01 * k)
        confusion = np.full((m, k, k), 0.01)
        for i, w, c in zip(items, who, labels, strict=True):
            confusion[w, :, c] += posterior[i]
        confusion /= confusion.sum(2, keepdims=True)
        joint = np.tile(prior, (n, 1))
        for i, w, c in zip(items, who, labels, strict=True):
            joint[i] *= confusion[w, :, c]
        posterior = joint / joint.sum(1, keepdims=True)
    return posterior


def test_it_equals_its_plain_twin() -> None:
    items, who, labels, _, _ = simulate(1)
    found = fit(items, who, labels, 300, 5, 3, max_iterations=7, tolerance=0.0)
    assert found.posterior == pytest.approx(plain(items, who, labels, 300, 5, 3, 7), abs=1e-9)
    assert not found.converged
    assert found.iterations == 7


def test_the_order_of_answers_does_not_matter() -> None:
    items, who, labels, _, _ = simulate(2)
    order = np.random.default_rng(0).permutation(len(items))
    one = fit(items, who, labels, 300, 5, 3)
    two = fit(items[order], who[order], labels[order], 300, 5, 3)
    assert one.posterior == pytest.approx(two.posterior, abs=1e-9)


def test_items_without_answers_and_a_single_class() -> None:
    zeros = np.zeros(2, np.int64)
    found = fit(zeros, zeros, zeros, 3, 1, 1)
    assert found.posterior == pytest.approx(1)
    lone = fit(np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), 2, 2, 2)
    assert lone.posterior[0, 1] > 0.99
