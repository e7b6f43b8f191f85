"""Rows of tokens to change: token 0 begins and ends each text and stands behind it."""

from __future__ import annotations

import numpy as np

from tilth.augment.token_rows import TokenRows
from tilth.randomness import Keys, keys_for

VOCABULARY = 50


def rows(num_rows: int, longest: int = 30, seed: int = 0) -> TokenRows:
    """Texts of 0 to `longest` - 2 tokens."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest + 1, num_rows)
    lengths[: min(2, num_rows)] = (2, 3)[: min(2, num_rows)]
    tokens = rng.integers(1, VOCABULARY, (num_rows, longest))
    place = np.arange(longest)
    tokens[(place == 0) | (place >= lengths[:, None] - 1)] = 0
    return TokenRows(tokens, lengths, VOCABULARY, 0)


def keys(num_rows: int, epoch: int = 0) -> Keys:
    return keys_for(7, epoch, np.arange(num_rows, dtype=np.uint64))


def texts_of(given: TokenRows) -> list[list[int]]:
    """The tokens between the end tokens; checks that these stand where they should."""
    for row, length in zip(given.tokens, given.lengths, strict=True):
        assert row[0] == 0
        assert (row[length - 1 :] == 0).all()
    return [
        row[1 : length - 1].tolist()
        for row, length in zip(given.tokens, given.lengths, strict=True)
    ]
