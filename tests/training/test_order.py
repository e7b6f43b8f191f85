"""Data order is a function: of the seed, the epoch and the example's id, and of nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.errors import DataError
from tilth.randomness import hashed, shares, splitmix64
from tilth.training.order import Ids, Order

IDS = splitmix64(np.arange(500, dtype=np.uint64))
ONES = np.ones(500, np.float32)


def test_every_epoch_has_every_example_once_in_another_order() -> None:
    order = Order(IDS, ONES, seed=3)
    first, second = order.epoch(0), order.epoch(1)
    assert sorted(first) == sorted(second) == list(range(500))
    assert (first != second).mean() > 0.9
    assert (first != Order(IDS, ONES, seed=4).epoch(0)).mean() > 0.9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2_600), st.integers(1, 1_200))
def test_take_is_a_window_of_the_concatenated_epochs(position: int, count: int) -> None:
    order = Order(IDS, ONES, seed=1)
    whole = np.concatenate([order.epoch(e) for e in range(8)])
    fresh = Order(IDS, ONES, seed=1)
    index, epochs = fresh.take(position, count)
    assert np.array_equal(index, whole[position : position + count])
    assert np.array_equal(epochs, np.arange(position, position + count) // 500)


def test_shared_examples_keep_their_relative_order() -> None:
    kept = np.arange(500) % 3 != 0
    all_ids = IDS[Order(IDS, ONES, seed=2).epoch(1)]
    some_ids = IDS[kept][Order(IDS[kept], ONES[kept], seed=2).epoch(1)]
    assert np.array_equal(all_ids[np.isin(all_ids, IDS[kept])], some_ids)


def test_a_weight_is_the_expected_number_of_times_an_epoch() -> None:
    weights = np.repeat(np.array([0.0, 0.25, 1.0, 2.5], np.float32), 125)
    order = Order(IDS, weights, seed=5)
    seen = np.zeros(500)
    for epoch in range(60):
        index = order.epoch(epoch)
        assert len(index) == order.length(epoch)
        seen += np.bincount(index, minlength=500)
    assert seen[:125].sum() == 0
    assert abs(seen[125:250].mean() / 60 - 0.25) < 0.02
    assert (seen[250:375] == 60).all()
    assert abs(seen[375:].mean() / 60 - 2.5) < 0.02


def test_copies_of_an_example_lie_apart() -> None:
    order = Order(IDS, np.full(500, 2, np.float32), seed=5)
    index = order.epoch(0)
    assert np.bincount(index).tolist() == [2] * 500
    assert (index[1:] == index[:-1]).sum() < 10


def _plain(ids: Ids, weights: list[float], seed: int, epoch: int) -> list[int]:
    """The examples of an epoch, one by one."""
    keyed = []
    for number, (name, weight) in enumerate(zip(ids, weights, strict=True)):
        one = np.array([name])
        again = float(shares(one, seed, epoch, 1)[0]) < weight - int(weight)
        for copy in range(int(weight) + again):
            key = hashed(splitmix64(one) ^ np.uint64(copy), seed, epoch)[0]
            keyed.append((int(key), number))
    return [number for _, number in sorted(keyed, key=lambda pair: pair[0])]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.25, 1.0, 2.0, 2.5, 3.0]), min_size=1, max_size=40),
    st.integers(0, 3),
    st.integers(1, 40),
)
def test_an_epoch_is_that_of_its_examples_one_by_one(
    weights: list[float], seed: int, distinct: int
) -> None:
    """Those of one id, as two texts that are equal have it, stay in the order of the data."""
    ids = IDS[np.arange(len(weights)) % distinct]
    given_weights = np.array(weights, np.float32)
    if given_weights.sum() == 0:
        return
    order = Order(ids, given_weights, seed)
    for epoch in (2, 0, 1, 1):
        index = order.epoch(epoch)
        assert index.tolist() == _plain(ids, weights, seed, epoch)
        assert len(index) == order.length(epoch)


def test_an_epoch_may_be_empty_but_not_all_of_them() -> None:
    order = Order(IDS[:2], np.full(2, 0.05, np.float32), seed=0)
    index, epochs = order.take(0, 5)
    assert len(index) == 5
    assert epochs[-1] > 5
    with pytest.raises(DataError, match="nothing to train on"):
        Order(IDS, np.zeros(500, np.float32), seed=0)
    with pytest.raises(DataError, match="nothing to train on"):
        Order(IDS[:0], ONES[:0], seed=0)


def test_hashed_depends_on_every_part() -> None:
    assert len({int(hashed(IDS[:1], a, b)[0]) for a in range(10) for b in range(10)}) == 100


def test_who_is_seen_once_more_is_drawn_by_seed_and_epoch() -> None:
    weights = np.full(500, 1.5, np.float32)

    def twice(seed: int, epoch: int) -> list[int]:
        counts = np.bincount(Order(IDS, weights, seed).epoch(epoch), minlength=500)
        assert set(counts.tolist()) == {1, 2}
        return np.flatnonzero(counts == 2).tolist()

    draws = [twice(seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0), (2, 1))]
    for one in range(4):
        for other in range(one):
            # By chance a half of the one is in the other.
            shared = len({*draws[one]} & {*draws[other]}) / len(draws[one])
            assert 0.35 < shared < 0.65


def test_an_order_does_not_depend_on_what_was_asked_before() -> None:
    weights = np.linspace(0.2, 3, 500).astype(np.float32)
    order, fresh = Order(IDS, weights, seed=6), Order(IDS, weights, seed=6)
    for epoch in (3, 0, 3, 1):
        assert np.array_equal(order.epoch(epoch), Order(IDS, weights, seed=6).epoch(epoch))
    whole = np.concatenate([order.epoch(epoch) for epoch in range(4)])
    for position in (1_500, 10, 2_000, 0):
        index, epochs = fresh.take(position, 30)
        assert np.array_equal(index, whole[position : position + 30])
        assert fresh.start(int(epochs[0])) <= position < fresh.start(int(epochs[0]) + 1)
    lengths = [order.length(epoch) for epoch in range(3)]
    assert [order.start(epoch) for epoch in range(4)] == [0, *np.cumsum(lengths)]
