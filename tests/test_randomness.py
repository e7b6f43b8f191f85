"""Randomness by counter: what each draw is, and that it depends on all that it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth import randomness as k


def test_splitmix64_gives_the_published_sequence() -> None:
    # The first outputs of the reference generator from seed 1234567.
    golden = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + i * golden) % 2**64 for i in range(3)], np.uint64)
    assert k.splitmix64(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_a_key_depends_on_seed_epoch_and_id() -> None:
    ids = k.ids_to_u64(["00ff00ff00ff00ff" + "0" * 16, "f" * 32])
    assert ids.tolist() == [0x00FF00FF00FF00FF, 2**64 - 1]
    seen = {
        int(key)
        for seed in (0, 1, -1, 2**70)
        for epoch in range(5)
        for key in k.keys_for(seed, epoch, ids)
    }
    assert len(seen) == 30  # 2**70 is 0 modulo 2**64


def test_epochs_may_differ_within_a_batch() -> None:
    ids = np.arange(6, dtype=np.uint64)
    epochs = np.array([0, 0, 1, 1, 2, 2])
    together = k.keys_for(3, epochs, ids)
    assert together.tolist() == [
        int(k.keys_for(3, int(epoch), ids[i : i + 1])[0]) for i, epoch in enumerate(epochs)
    ]


def test_draws_are_uniform_and_unrelated() -> None:
    keys = k.keys_for(0, 0, np.arange(20_000, dtype=np.uint64))
    one, two = k.uniform(keys, "one"), k.uniform(keys, "two")
    counts = np.histogram(one, bins=20, range=(0, 1))[0]
    # Chi-squared with 19 degrees of freedom: above 43.8 once in a thousand.
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 0.03
    block = k.uniform_block(keys[:200], "block", 100)
    assert len(np.unique(block)) == block.size
    assert block.mean() == pytest.approx(0.5, abs=0.01)


def test_integers_reach_both_ends() -> None:
    keys = k.keys_for(0, 0, np.arange(1000, dtype=np.uint64))
    drawn = k.integers(keys, "x", -2, 2)
    assert set(drawn.tolist()) == {-2, -1, 0, 1, 2}
    assert not k.integers(keys, "x", 0, 0).any()


def test_folding_gives_other_keys() -> None:
    keys = k.keys_for(0, 0, np.arange(100, dtype=np.uint64))
    assert len({*k.fold(keys, 0).tolist(), *k.fold(keys, 1).tolist(), *keys.tolist()}) == 300


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_combining_numbers_is_splitmix64_on_plain_integers(number: int, other: int) -> None:
    assert k.combine(number) == int(k.splitmix64(np.array([number], np.uint64))[0])
    first = np.array([k.combine(number) ^ other], np.uint64)
    assert k.combine(number, other) == int(k.splitmix64(first)[0])


def test_shares_are_uniform_and_unrelated() -> None:
    ids = k.splitmix64(np.arange(20_000, dtype=np.uint64))
    one, two = k.shares(ids, 7), k.shares(ids, 8)
    counts = np.histogram(one, bins=20, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03


def test_draws_stay_what_they_were() -> None:
    """Another number here gives every run other figures at the same seed."""
    ids = k.ids_to_u64(["0123456789abcdef" + "0" * 16])
    keys = k.keys_for(3, 2, ids)
    assert k.combine(1, 2, 3) == 15020427595393229491
    assert k.hashed(ids, 1, 2).tolist() == [591544783288065269]
    assert keys.tolist() == [6560388492213463656]
    assert k.fold(keys, 5).tolist() == [4888644110365879594]
    assert k.shares(ids, 4).tolist() == [0.9064750710564587]
    assert k.uniform(keys, "shift.x").tolist() == [0.008367592116223399]
    assert k.uniform_block(keys, "noise", 2).tolist() == [[0.9867649586532734, 0.5092314903697556]]
    assert k.hash_of(1, "a") == 8415240736594023236
    assert k.number_of(1, "a") == 0.4561911144301878
