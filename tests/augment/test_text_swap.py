"""Tokens move, but not far, and none is lost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.augment.texts import keys, rows, texts_of
from tilth.augment.tokens import text_swap


@pytest.mark.parametrize("distance", [1, 3])
def test_no_token_moves_further_than_the_distance(distance: int) -> None:
    given = rows(300)
    numbered = np.where(given.inside(), np.arange(30), 0)
    found = text_swap.transform(
        given._replace(tokens=numbered), keys(300), text_swap.Settings(distance=distance)
    )
    furthest = 0
    for text in texts_of(found):
        assert sorted(text) == list(range(1, len(text) + 1))
        moves = [abs(token - place) for place, token in enumerate(text, start=1)]
        furthest = max([furthest, *moves])
    assert furthest == distance


@pytest.mark.parametrize("distance", [28, 60, 1_000_000])
def test_a_distance_beyond_the_longest_text_leaves_the_end_tokens(distance: int) -> None:
    given = rows(300)
    found = text_swap.transform(given, keys(300), text_swap.Settings(distance=distance))
    for text, before in zip(texts_of(found), texts_of(given), strict=True):
        assert sorted(text) == sorted(before)
