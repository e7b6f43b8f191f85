"""Replace some tokens of a text by others, so that no single word is relied on."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tilth.augment.token_rows import TokenRows
from tilth.randomness import Keys, uniform_block
from tilth.settings import BaseSettings


class Settings(BaseSettings):
    """Replace a share of a text's tokens by random ones."""

    share: float = Field(0.1, description="share of the tokens that are replaced", ge=0, le=1)


def transform(rows: TokenRows, keys: Keys, settings: Settings) -> TokenRows:
    """The texts, some of their tokens replaced by tokens drawn from the whole vocabulary.

    A language model has no token that means "hidden"; a random one is BERT's second way of hiding.

    Source: Devlin et al., "BERT" (2019), section 3.1; Xie et al., "Data noising as smoothing"
    (2017), section 3.1.

    Args:
        rows: Texts as tokens.
        keys: uint64 [n].
        settings: How many.
    """
    longest = rows.tokens.shape[1]
    chosen = uniform_block(keys, "text_mask", longest) < settings.share
    # One of the others than the end token: that would cut the text.
    drawn = np.floor(uniform_block(keys, "text_mask.token", longest) * (rows.vocabulary - 1))
    others = drawn.astype(np.int64)
    others += others >= rows.end
    return rows._replace(tokens=np.where(chosen & rows.inside(), others, rows.tokens))
