"""The label model: real people, planted confusion, a plain twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def posterior_of(found: dawid_skene.Fit, n: int) -> np.ndarray:
    """[items, classes]"""
    table = np.zeros((n, len(found.prior)))
    table[found.items, found.classes] = found.posterior
    return table


def shares_of(items: np.ndarray, labels: np.ndarray, n: int, k: int) -> np.ndarray:
    """Of each item's answers, the share that each class has; uniform where it has none."""
    table = np.zeros((n, k))
    np.add.at(table, (items, labels), 1)
    table[table.sum(1) == 0] = 1
    shares: np.ndarray = table / table.sum(1, keepdims=True)
    return shares


@pytest.mark.parametrize(
    ("name", "majority", "least"),
    [("crowd-rte", 0.8969, 0.925), ("crowd-bluebird", 0.7593, 0.888)],
)
def test_real_people(shared_data: Path, name: str, majority: float, least: float) -> None:
    crowd = load(shared_data / name)
    shares = shares_of(crowd.items, crowd.labels, crowd.num_items, 2)
    right = np.where(shares[:, 0] == shares[:, 1], 0.5, shares.argmax(1) == crowd.gold)
    assert right.mean() == pytest.approx(majority, abs=0.0001)
    found = fit(
        crowd.items, crowd.workers, crowd.labels, crowd.num_items, int(crowd.workers.max()) + 1, 2
    )
    assert found.converged
    chosen, confidence = found.best(crowd.num_items)
    assert (chosen == crowd.gold).mean() >= least
    assert (confidence == posterior_of(found, crowd.num_items).max(1)).all()


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
    matrices = np.stack([found.confusion(annotator) for annotator in range(5)])
    assert np.abs(matrices - confusion).max() < 0.12
    assert np.abs(found.prior - np.bincount(truth) / 300).max() < 0.03
    accuracy = (found.best(300)[0] == truth).mean()
    most = shares_of(items, labels, 300, 3).argmax(1)
    assert accuracy > (most == truth).mean() + 0.02
    assert matrices.sum(2) == pytest.approx(1)
    assert posterior_of(found, 300).sum(1) == pytest.approx(1)
    right = (labels == truth[items]).reshape(300, 5).mean(0)
    assert found.accuracy() == pytest.approx(right, abs=0.06)


@pytest.mark.parametrize("num_classes", [2, 20, 100, 200])
def test_accuracy_is_that_of_the_answers_however_many_classes_there_are(num_classes: int) -> None:
    """No more of it is smoothing where an annotator meets a class but once."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, num_classes, 300)
    items = np.repeat(np.arange(300), 3)
    who = np.concatenate([rng.choice(10, 3, replace=False) for _ in range(300)])
    right = rng.random(900) < 0.9
    wrong = (truth[items] + rng.integers(1, num_classes, 900)) % num_classes
    labels = np.where(right, truth[items], wrong)
    found = fit(items, who, labels, 300, 10, num_classes)
    share = np.bincount(who, right) / np.bincount(who)
    assert np.abs(found.accuracy() - share).max() < 0.1


def plain(
    items: np.ndarray,
    who: np.ndarray,
    labels: np.ndarray,
    weighed: np.ndarray,
    m: int,
    rounds: int,
    smoothing: float = 0.01,
    pooling: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equations 2.3 to 2.5 of Dawid and Skene, in loops over tables without a gap; what is known is
    the one class weighed, and each matrix is drawn to what `drawn` says.

    Gives the posterior [items, classes], and the confusion matrices [annotators, classes, classes]
    that it was reckoned with; and which share of each annotator's answers is right by the posterior
    that these are of. `weighed` [items, classes]: which class may be true of which item.
    """
    n, k = weighed.shape
    shares = shares_of(items, labels, n, k)
    posterior = np.where(weighed.sum(1, keepdims=True) == 1, 1.0, shares) * weighed
    posterior /= np.maximum(posterior.sum(1, keepdims=True), 1e-300)
    confusion = np.zeros((m, k, k))
    right = np.zeros(m)
    for _ in range(rounds):
        given = [posterior[items[who == w], labels[who == w]] for w in range(m)]
        right = np.array([one.mean() if len(one) else np.nan for one in given])
        prior = (posterior.sum(0) + smoothing) / (weighed.any(1).sum() + smoothing * k)
        confusion = np.full((m, k, k), smoothing)
        for i, w, c in zip(items, who, labels, strict=True):
            confusion[w, :, c] += posterior[i]
        if pooling:
            confusion += pooling * drawn(confusion - smoothing, smoothing)
        confusion /= confusion.sum(2, keepdims=True)
        joint = np.tile(prior, (n, 1)) * weighed
        for i, w, c in zip(items, who, labels, strict=True):
            joint[i] *= confusion[w, :, c]
        posterior = joint / np.maximum(joint.sum(1, keepdims=True), 1e-300)
    return posterior, confusion, right


def drawn(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Anybody's matrix, the odds of a right answer moved by how often each is right."""
    m, k, _ = counts.shape
    pooled = counts.sum(0) + smoothing
    pooled /= pooled.sum(1, keepdims=True)
    mean = (counts.trace(axis1=1, axis2=2).sum() + smoothing) / (counts.sum() + smoothing * k)
    means = np.zeros((m, k, k))
    for w in range(m):
        accuracy = (np.trace(counts[w]) + 5 * mean) / (counts[w].sum() + 5)
        moved = accuracy / (1 - accuracy) / (mean / (1 - mean))
        for true in range(k):
            odds = pooled[true, true] / (1 - pooled[true, true]) * moved
            for said in range(k):
                wrong = pooled[true, said] / (1 - pooled[true, true]) / (1 + odds)
                means[w, true, said] = odds / (1 + odds) if said == true else wrong
    return means


def test_it_equals_its_plain_twin() -> None:
    items, who, labels, _, _ = simulate(1)
    found = fit(items, who, labels, 300, 5, 3, max_iterations=7, tolerance=0.0)
    posterior, _, _ = plain(items, who, labels, np.ones((300, 3), bool), 5, 7)
    assert posterior_of(found, 300) == pytest.approx(posterior, abs=1e-9)
    assert not found.converged
    assert found.iterations == 7


ANSWERS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=25
)


@settings(max_examples=200, deadline=None)
@given(
    ANSWERS,
    st.sampled_from([2, 128]),
    st.sampled_from([0.01, 1.0]),
    st.sampled_from([0.0, 4.0]),
    st.lists(st.integers(-1, 4), min_size=6, max_size=6),
)
def test_it_equals_its_plain_twin_whatever_was_answered(
    answers: list[tuple[int, int, int]],
    most: int,
    smoothing: float,
    pooling: float,
    truth: list[int],
) -> None:
    """Where all classes are weighed, and where only the two are that an item was given most; of
    some items the class is known."""
    items, who, labels = np.array(answers, np.int64).T
    weighed = np.ones((6, 5), bool)
    if most == 2:
        shares = shares_of(items, labels, 6, 5)
        weighed[:] = False
        for i in set(items.tolist()):
            weighed[i, np.argsort(-shares[i], kind="stable")[:2]] = True
        weighed &= shares > 0
    for item, true in enumerate(truth):
        weighed[item] = np.arange(5) == true if true >= 0 else weighed[item]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dawid_skene, "MOST_CLASSES", most)
        found = dawid_skene.fit(
            items,
            who,
            labels,
            num_items=6,
            num_annotators=4,
            num_classes=5,
            known=np.array(truth),
            smoothing=smoothing,
            pooling=pooling,
            max_iterations=4,
            tolerance=0.0,
        )
    posterior, confusion, right = plain(items, who, labels, weighed, 4, 4, smoothing, pooling)
    assert posterior_of(found, 6) == pytest.approx(posterior, abs=1e-9)
    matrices = np.stack([found.confusion(annotator) for annotator in range(4)])
    assert matrices == pytest.approx(confusion, abs=1e-9)
    assert found.accuracy() == pytest.approx(right, abs=1e-9, nan_ok=True)
    chosen, confidence = found.best(6)
    has_class = weighed.any(1)
    assert confidence == pytest.approx(posterior.max(1), abs=1e-9)
    assert posterior[has_class, chosen[has_class]] == pytest.approx(confidence[has_class], abs=1e-9)
    assert (chosen[~has_class] == -1).all()


def test_the_order_of_answers_does_not_matter() -> None:
    items, who, labels, _, _ = simulate(2)
    order = np.random.default_rng(0).permutation(len(items))
    one = fit(items, who, labels, 300, 5, 3)
    two = fit(items[order], who[order], labels[order], 300, 5, 3)
    assert posterior_of(one, 300) == pytest.approx(posterior_of(two, 300), abs=1e-9)


def test_people_who_answered_little_are_judged_by_what_all_are_like() -> None:
    """Three answers an item of 300 people: counts alone believe whoever was right twice."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 600)
    items = np.repeat(np.arange(600), 3)
    who = rng.integers(0, 300, 1800)
    right = rng.random(1800) < rng.beta(6, 2, 300)[who]
    labels = np.where(right, truth[items], (truth[items] + rng.integers(1, 3, 1800)) % 3)
    alone, among = (
        (fit(items, who, labels, 600, 300, 3, pooling=p).best(600)[0] == truth).mean()
        for p in (0.0, dawid_skene.POOLING)
    )
    assert among > alone + 0.02


def test_items_without_answers_and_a_single_class() -> None:
    zeros = np.zeros(2, np.int64)
    found = fit(zeros, zeros, zeros, 3, 1, 1)
    assert found.posterior == pytest.approx(1)
    lone = fit(np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), 2, 2, 2)
    assert posterior_of(lone, 2)[0, 1] > 0.99
    one = fit(zeros, zeros, zeros, 3, 1, 1, pooling=4.0)
    assert one.posterior == pytest.approx(1)
    assert one.confusion(0) == pytest.approx(1)
