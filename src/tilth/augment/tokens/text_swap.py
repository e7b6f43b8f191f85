"""Exchange neighbouring tokens of a text, so that word order is relied on less."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.token_rows import TokenRows
from tilth.randomness import Keys, uniform_block
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Move a text's tokens a few places from where they stood."""

    distance: int = Field(3, description="places that a token moves at most", ge=0, le=1_000_000)


def transform(rows: TokenRows, keys: Keys, settings: Settings) -> TokenRows:
    """The texts, their tokens a little out of order.

    To each place a number in [0, distance + 1) is added, and the places are sorted: no token moves
    further than `distance`.

    Source: Lample et al., "Unsupervised machine translation using monolingual corpora only" (2018),
    section 2.3.

    Args:
        rows: Texts as tokens.
        keys: uint64 [n].
        settings: How far.
    """
    longest = rows.tokens.shape[1]
    place = np.arange(longest, dtype=np.float64)
    moved = place + uniform_block(keys, "text_swap", longest) * (settings.distance + 1)
    inside = rows.inside()
    # The tokens inside are sorted among themselves: all else has a place before or behind them.
    behind = place + longest + settings.distance + 1
    moved = np.where(inside, moved, np.where(place > 0, behind, -1.0))
    order = np.argsort(moved, axis=1, kind="stable")
    tokens = np.take_along_axis(rows.tokens, order, axis=1)
    return rows._replace(tokens=tokens)
