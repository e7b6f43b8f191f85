"""The draws are those of a training, in whatever order and pieces the rows come."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from tilth.mix import draws
from tilth.mix.draws import SEED, Draws
from tilth.randomness import ids_to_u64, splitmix64
from tilth.schema import sample_id
from tilth.training.order import Order

WEIGHTS = st.lists(
    st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.7, 3.0]) | st.floats(0, 4, width=32), max_size=30
)


def drawn(
    weights: np.ndarray, order: np.ndarray, num_draws: int, cut: int, epochs: int = 3
) -> tuple[list[list[str]], bool]:
    found = Draws(epochs, num_draws, 3)
    ids = ids_to_u64([sample_id(str(row)) for row in order])
    texts = pa.array([f"{row:03d} cut" for row in order], pa.large_string())
    for start in range(0, len(order), cut):
        part = slice(start, start + cut)
        found.add(ids[part], weights[order][part], texts[part])
    return found.epochs(), found.are_alike


@settings(max_examples=60)
@given(WEIGHTS, st.integers(1, 40), st.integers(1, 9), st.randoms())
@example([1.0], 1, 1, None)
@example([0.0, 0.0], 5, 1, None)
def test_the_draws_are_the_first_of_the_order_of_training(
    given_weights: list[float], num_draws: int, cut: int, random: object
) -> None:
    weights = np.array(given_weights, np.float32)
    order = np.arange(len(weights))
    if random is not None:
        random.shuffle(order)  # type: ignore[attr-defined]
    found, are_alike = drawn(weights, order, num_draws, cut)
    if not weights.sum() > 0:
        assert found == [[], [], []]
        return
    ids = ids_to_u64([sample_id(str(row)) for row in range(len(weights))])
    training = Order(ids, weights, SEED)
    for epoch, texts in enumerate(found):
        assert texts == [f"{row:03d}" for row in training.epoch(epoch)[:num_draws]]
    whole = bool((weights == np.floor(weights)).all())
    assert are_alike == (whole and weights.sum() < num_draws)


def test_only_what_is_drawn_is_kept() -> None:
    found = Draws(2, 5, 3)
    for start in range(0, 2000, 100):
        names = [str(row) for row in range(start, start + 100)]
        found.add(
            ids_to_u64([sample_id(one) for one in names]),
            np.ones(100, np.float32),
            pa.array(names, pa.large_string()),
        )
        assert len(found._texts) <= 15


def test_of_a_sample_with_very_many_copies_the_smallest_hashes_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many of them as its weight has it, as where each copy is hashed."""
    monkeypatch.setattr(draws, "_COPIES", 4)
    texts = pa.array(["a", "b"], pa.large_string())
    shares = []
    for number in range(300):
        found = Draws(4, 20, 1)
        ids = splitmix64(np.array([2 * number, 2 * number + 1], np.uint64))
        found.add(ids, np.array([90, 10], np.float32), texts)
        shares += [texts.count("b") for texts in found.epochs()]
    # 20 of 90 + 10, without replacement.
    expected = stats.hypergeom(100, 10, 20)
    counts = np.bincount(shares, minlength=8)[:8]
    odds = np.array([*expected.pmf(range(7)), expected.sf(6)]) * len(shares)
    assert stats.chisquare([*counts[:7], len(shares) - counts[:7].sum()], odds).pvalue > 1e-4
