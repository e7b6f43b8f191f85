"""Leave out some tokens of a text, so that no single word is relied on."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.token_rows import TokenRows
from tilth.randomness import Keys, uniform_block
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Leave out a share of a text's tokens."""

    share: float = Field(0.1, description="share of the tokens that are left out", ge=0, lt=1)


def transform(rows: TokenRows, keys: Keys, settings: Settings) -> TokenRows:
    """The texts without some of their tokens; what follows moves up. One token always stays.

    Source: Iyyer et al., "Deep unordered composition rivals syntactic methods" (2015), section 3.1;
    Wei and Zou, "EDA" (2019), section 2.

    Args:
        rows: Texts as tokens.
        keys: uint64 [n].
        settings: How many.
    """
    numbers = uniform_block(keys, "text_drop", rows.tokens.shape[1])
    inside = rows.inside()
    # The token of the largest number stays in any case.
    stays = numbers == np.where(inside, numbers, -1.0).max(axis=1, keepdims=True)
    dropped = inside & (numbers < settings.share) & ~stays
    # Stable: what is left keeps its order, and what is dropped moves behind the end.
    order = np.argsort(dropped, axis=1, kind="stable")
    lengths = rows.lengths - dropped.sum(axis=1)
    tokens = np.take_along_axis(rows.tokens, order, axis=1)
    tokens[np.arange(tokens.shape[1]) >= lengths[:, None]] = rows.end
    return rows._replace(tokens=tokens, lengths=lengths)
