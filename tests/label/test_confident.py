"""Confident learning: cleanlab's list, the paper in loops, and what cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.label.confident import find_errors

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def test_it_is_cleanlabs_list(shared_data: Path) -> None:
    folder = shared_data / "cifar-10-labels" / "label-errors"
    labels = np.load(folder / "cifar10_test_set_original_labels.npy").astype(np.int64)
    found = find_errors(labels, np.load(folder / "cifar10_test_set_pyx.npy"))
    theirs = json.loads(Path(__file__).with_name("cleanlab.json").read_text("utf-8"))["ranked"]
    ours = np.flatnonzero(found.is_error)
    assert ours[np.argsort(found.quality[ours], kind="stable")].tolist() == theirs
    assert len(theirs) == 284


def plain(labels: list[int], rows: list[list[float]]) -> tuple[list[list[int]], set[int]]:
    """Counts and errors, sample by sample."""
    classes = range(len(rows[0]))
    count = [labels.count(k) for k in classes]
    threshold = [
        sum(row[k] for row, y in zip(rows, labels, strict=True) if y == k) / count[k]
        if count[k]
        else float("inf")
        for k in classes
    ]
    joint = [[0 for _ in classes] for _ in classes]
    for row, label in zip(rows, labels, strict=True):
        sure = [k for k in classes if row[k] >= threshold[k] - 1e-6]
        if sure:
            joint[label][max(sure, key=lambda k: (row[k], -k))] += 1
    for k in classes:
        joint[k][k] = max(joint[k][k], 1)
        exact = [n / sum(joint[k]) * count[k] for n in joint[k]]
        whole = [int(x + 1e-9) for x in exact]
        rest = sorted(classes, key=lambda j: (whole[j] - exact[j], j))
        for j in rest[: count[k] - sum(whole)]:
            whole[j] += 1
        joint[k] = whole
    wrong: set[int] = set()
    for k in classes:
        own = [i for i, y in enumerate(labels) if y == k]
        if len(own) < 2:
            continue
        mine: set[int] = set()
        for j in classes:
            if j != k:
                order = sorted(own, key=lambda i: (rows[i][k] - rows[i][j], i))
                mine |= set(order[: joint[k][j]])
        if mine == {*own}:
            mine.remove(max(own, key=lambda i: (rows[i][k], -i)))
        wrong |= mine
    return joint, {
        i for i in wrong if rows[i][labels[i]] + 1e-6 < max(rows[i]) or _before(rows[i], labels[i])
    }


def _before(row: list[float], label: int) -> bool:
    nudged = [*row]
    nudged[label] += 1e-6
    return nudged.index(max(nudged)) != label


@given(
    st.integers(2, 4).flatmap(
        lambda k: st.lists(
            st.tuples(st.integers(0, k - 1), st.lists(st.integers(1, 40), min_size=k, max_size=k)),
            min_size=1,
            max_size=25,
        )
    )
)
def test_it_equals_its_plain_twin(samples: list[tuple[int, list[int]]]) -> None:
    labels = np.array([label for label, _ in samples], np.int64)
    weights = np.array([row for _, row in samples], np.float64)
    rows = weights / weights.sum(1, keepdims=True)
    found = find_errors(labels, rows)
    joint, wrong = plain(labels.tolist(), rows.tolist())
    assert found.joint.tolist() == joint
    assert {*np.flatnonzero(found.is_error).tolist()} == wrong
    assert found.joint.sum(1).tolist() == np.bincount(labels, minlength=rows.shape[1]).tolist()
    assert ((found.quality >= 0) & (found.quality <= 1)).all()


def test_a_planted_error_is_found_and_ranked_first() -> None:
    labels = np.repeat([0, 1, 2], 20)
    rows = np.full((60, 3), 0.05)
    rows[np.arange(60), labels] = 0.9
    labels[7] = 2
    found = find_errors(labels, rows)
    assert np.flatnonzero(found.is_error).tolist() == [7]
    assert found.likeliest[7] == 0
    assert found.quality.argmin() == 7
    assert found.quality[7] == pytest.approx((0.05 - 0.9 + 1) / 2)


@pytest.mark.parametrize(
    ("labels", "shape"), [([0, 0], (2, 1)), ([0, 2], (2, 2)), ([0], (2, 2)), ([-1, 0], (2, 2))]
)
def test_what_cannot_be_judged_is_refused(labels: list[int], shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="label"):
        find_errors(np.array(labels, np.int64), np.full(shape, 1 / shape[1]))
