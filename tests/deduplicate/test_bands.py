"""The bands of a signature: what they find by the formula, and that none are longer."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tilth.deduplicate.bands import MIN_RECALL, bands_for, expected_recall


@given(st.floats(0.001, 1), st.integers(8, 1024))
@example(1.0, 120)
@example(0.95, 8)
@hypothesis_settings(max_examples=200, deadline=None)
def test_bands_are_the_longest_that_find_what_is_promised(threshold: float, places: int) -> None:
    num_bands, each = bands_for(threshold, places)
    assert 1 <= num_bands * each <= places < (num_bands + 1) * each
    if each > 1:
        assert expected_recall(threshold, num_bands, each) >= MIN_RECALL
    for longer in range(each + 1, places + 1):
        assert expected_recall(threshold, places // longer, longer) < MIN_RECALL


@pytest.mark.parametrize(
    ("threshold", "bands"),
    [
        (0.4, (60, 2)),
        (0.5, (40, 3)),
        (0.6, (30, 4)),
        (0.7, (24, 5)),
        (0.8, (17, 7)),
        (0.9, (10, 12)),
    ],
)
def test_bands_of_120_places(threshold: float, bands: tuple[int, int]) -> None:
    assert bands_for(threshold, 120) == bands


def test_what_no_number_of_bands_can_promise_is_told() -> None:
    """Eight places of one each find 63 % of the pairs at 0.117."""
    assert bands_for(0.117, 8) == (8, 1)
    assert expected_recall(0.117, 8, 1) == pytest.approx(1 - 0.883**8)


@pytest.mark.parametrize("jaccard", [0.3, 0.7, 0.9])
def test_the_formula_is_that_of_places_that_agree_by_chance(jaccard: float) -> None:
    rng = random.Random(0)
    for num_bands, places in ((20, 6), (10, 12), (40, 3)):
        found = sum(
            any(all(rng.random() < jaccard for _ in range(places)) for _ in range(num_bands))
            for _ in range(2000)
        )
        expected = expected_recall(jaccard, num_bands, places)
        assert abs(found / 2000 - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5 + 0.001
